"""What devices recorded: batches that may come late, twice, and out of order."""
