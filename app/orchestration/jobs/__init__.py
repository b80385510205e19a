"""Jobs: long work that the database remembers."""
