"""Settings, database, clock, ids, money, geography, errors. Knows no noun and no transport."""
