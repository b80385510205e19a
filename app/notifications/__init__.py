"""Texts for people, and the channels they go out on. Knows no order and no database."""
