"""Allocation in machine code: prices of options, and the search for a better answer."""
