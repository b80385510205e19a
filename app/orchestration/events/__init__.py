"""The event log: appending to it, and reading it safely."""
