"""Decisions: what was chosen automatically, over what, and why."""
