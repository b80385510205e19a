"""Tenders: shipments offered to carriers, and their answers."""
