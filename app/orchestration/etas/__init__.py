"""ETAs: when the rest of a route will be reached, and how sure that is."""
