"""The collector of cycles, which looks through all that a process holds to find next to nothing.

Most of what is made goes when it is let go of. A server looks rarely, and not at what it has had from its start; a job
that holds a hundred thousand rows and makes as many again does not look at all.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# A first look after so many new objects, a second after so many first ones, at all after so many second ones. A
# decision of the allocation took a seventh less of the processor's time.
THRESHOLDS = (50_000, 20, 20)


def collect_rarely() -> None:
    """For a process that serves for long: once its modules are loaded, and before it works."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def collector_paused() -> Iterator[None]:
    """No collecting within, by no job of this process; cycles that come up meanwhile go afterwards."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
