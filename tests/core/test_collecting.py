import gc
import subprocess
import sys

import pytest

from app.core.collecting import THRESHOLDS, collector_paused


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


def test_a_server_looks_rarely_and_not_at_what_it_started_with() -> None:
    told = "import gc; from app.core.collecting import collect_rarely; collect_rarely(); "
    told += "print(gc.get_freeze_count() > 1_000, gc.get_threshold(), gc.isenabled())"
    process = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == f"True {THRESHOLDS} True"
