"""Carriers that exchange EDI X12 files: 204 and 997 go out; 990, 214 and 997 come in."""
