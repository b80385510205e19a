"""Models that learn from outcomes: plain data in, plain data out."""
