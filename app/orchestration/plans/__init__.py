"""Plans: one node's routes of one day, as one answer of the solver."""
