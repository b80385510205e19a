"""Bookings: shipments as their carriers have them, through gateways, and what the carriers tell us of them."""
