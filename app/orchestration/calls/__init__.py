"""Calls that carry an idempotency key: performed once, answered alike ever after."""
