"""Counters: how often each thing happened, by day and by carrier, kept by a reader of the event log."""
