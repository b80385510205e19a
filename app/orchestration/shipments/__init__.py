"""Shipments: goods from one node by one carrier to one door."""
