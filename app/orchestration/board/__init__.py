"""The board: a day at a glance."""
