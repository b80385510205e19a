"""Simulated shops, dispatcher, carriers, drivers and customers: clients of the endpoint like any other."""
