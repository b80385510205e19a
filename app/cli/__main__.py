"""`python -m app.cli`, the same as the `doorstep` script."""

from app.cli import main

main()
