"""Carriers with an HTTP interface of their own: what differs between them is a JSON document, not code."""
