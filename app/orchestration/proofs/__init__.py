"""Proofs: what shows that it happened."""
