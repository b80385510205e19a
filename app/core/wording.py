"""Numbers in the sentences that people read."""


def counted(count: int, noun: str) -> str:
    """One route, two routes: the number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
