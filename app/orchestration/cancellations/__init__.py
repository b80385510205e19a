"""Cancellations: taking an order back with everything that was made for it."""
