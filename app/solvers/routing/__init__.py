"""Vehicle routing: which vehicle visits whom, in which order, and when."""
