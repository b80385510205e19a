"""Fulfilment nodes: where goods leave from."""
