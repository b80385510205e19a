"""Corrections: what happens when a person accepts or dismisses what an exception suggests."""
