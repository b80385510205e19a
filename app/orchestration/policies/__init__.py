"""Policies: the rules of one vertical, as versioned data."""
