"""Real servers from PyPI wheels, started and ended with this process. See docs/operations.md."""
