"""Vehicles and drivers as master data. Leaves out what drivers do: that is orchestration/drivers and stops."""
