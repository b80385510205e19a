"""Allocations: an order's lines bound to a node, carrier, service and window."""
