"""Products: the goods behind an sku."""
