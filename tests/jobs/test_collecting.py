import gc

import pytest

from app.jobs.collecting import collector_paused


def test_the_collector_rests_within_and_works_again_after_whatever_happened() -> None:
    seen: list[bool] = []

    def fails() -> None:
        with collector_paused():
            seen.append(gc.isenabled())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert (seen, gc.isenabled()) == ([False], True)


def test_a_collector_that_was_off_before_stays_off() -> None:
    with collector_paused():
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
