"""Exceptions: what needs a correction before the customer feels it."""
