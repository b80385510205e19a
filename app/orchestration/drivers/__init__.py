"""Drivers: who they are, and where they were."""
