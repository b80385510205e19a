"""Users, their sessions, and the keys of systems."""
