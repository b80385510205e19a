"""Road networks: distances and times between places, from a server, or from one that is started for an extract."""
