"""How much of a stopping rule's budget is spent: the meter of a search, which tells no time of day."""

import os
import time

from app.solvers.stopping import StoppingRule


class Budget:
    """Starts when it is made. Only measures; iterations are counted by whoever does them.

    `spent_elsewhere`: processor seconds of other processes that worked on the same solve and are gone.
    """

    def __init__(self, stop: StoppingRule) -> None:
        self.stop = stop
        self.spent_elsewhere = 0.0
        self._began = os.times().elapsed
        self._processor_began = time.process_time()

    def seconds(self) -> float:
        """Since the start, in hundredths."""
        return round(os.times().elapsed - self._began, 2)

    def processor_seconds(self) -> float:
        """Of the processor, by all threads, since the start."""
        return time.process_time() - self._processor_began + self.spent_elsewhere

    def share(self) -> float:
        """How much of the allowed time is gone: 0 at the start, 1 or more at the end or once somebody asks to end."""
        if self.stop.is_asked():
            return 1.0
        wall = self.seconds() / self.stop.seconds if self.stop.seconds else 0.0
        processor = self.processor_seconds() / self.stop.processor_seconds if self.stop.processor_seconds else 0.0
        return max(wall, processor)

    def seconds_allowed(self) -> float:
        """How long this can take on an idle machine; 0 where iterations alone end it."""
        stop = self.stop
        by_processor = stop.processor_seconds / stop.threads if stop.processor_seconds else 0.0
        return min((limit for limit in (stop.seconds, by_processor) if limit), default=0.0)

    def is_over(self) -> bool:
        """Whether the time is gone."""
        return self.share() >= 1.0
