"""Lanes: what each carrier really did, by service, node and area."""
