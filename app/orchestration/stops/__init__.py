"""Stops: one visit on a route."""
