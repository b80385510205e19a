"""Stock: the level of an sku at a node, and the ledger whose sum it is."""
