"""Reports: what a day came to."""
