"""Allocation: which order gets which node, carrier, service and window, under shared limits."""
