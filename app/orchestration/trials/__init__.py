"""Trials: what a policy would have changed, had it been in force on days that are past."""
