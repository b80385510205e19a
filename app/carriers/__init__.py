"""Gateways to carriers' systems."""
