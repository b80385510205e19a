"""Routes: one vehicle's day or wave."""
