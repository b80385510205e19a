"""Uploads: files announced, and then sent."""
