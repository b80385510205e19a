"""Holds: capacity and stock kept for the time of a checkout, and the offers that they are made of."""
