"""When a solver stops: a budget that is data. The solver's own clock measures it; nothing here reads one."""

from collections.abc import Callable
from dataclasses import dataclass


def nobody_asks() -> bool:
    """For a search that nobody can end early."""
    return False


@dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """Whichever comes first. At least one of time and iterations must be set.

    `seconds` is wall time for the whole solve; `processor_seconds` is what all its threads and processes together may
    use of the processor, which a busy machine does not change; `iterations` counts what the engine counts: improving
    answers, in each part of a problem that is solved in parts, or steps of a search over the whole solve. An answer is
    repeatable from its seed only if iterations, not seconds, end the search.
    `relative_gap`: stop once the answer is proved to be within this share of the best possible, for the solvers that
    prove a bound.
    `threads`: how many processor cores the solver may use.
    `is_asked`: whether somebody wants the search to end now. An engine looks at least every few seconds, and then
    answers with the best so far.
    """

    seconds: float | None = None
    processor_seconds: float | None = None
    iterations: int | None = None
    relative_gap: float = 0.0
    threads: int = 1
    is_asked: Callable[[], bool] = nobody_asks

    def __post_init__(self) -> None:
        if self.seconds is None and self.processor_seconds is None and self.iterations is None:
            raise ValueError("A stopping rule needs seconds or iterations; with neither the search never ends.")
        for seconds in (self.seconds, self.processor_seconds):
            if seconds is not None and seconds <= 0:
                raise ValueError(f"A search of {seconds} seconds cannot find anything; give a positive number.")
        if self.iterations is not None and self.iterations < 1:
            raise ValueError(f"A search of {self.iterations} iterations cannot find anything; give at least 1.")
        if self.threads < 1:
            raise ValueError(f"A search with {self.threads} threads cannot run; give at least 1.")
