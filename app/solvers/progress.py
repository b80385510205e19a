"""How far a solve is: what an engine tells its caller while it runs."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A share of the work done, 0 to 1, and a sentence for a person."""

    fraction: float
    message: str


OnProgress = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """For a caller that does not look."""
