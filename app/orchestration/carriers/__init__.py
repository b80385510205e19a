"""Carriers: own fleet and 3PL, their zones, rates and capacity."""
