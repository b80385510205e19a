"""What a dispatcher should know of a node's vans and drivers, in words. Pure: no clock, no database."""

from collections.abc import Sequence
from datetime import timedelta

from app.models import Driver
from app.models.base import Json
from app.orchestration.plans.loaded import Crew, Loaded
from app.solvers.routing.solution import RelaxedConstraint

MOST_NAMED = 3


def sharing(crews: Sequence[Crew]) -> list[str]:
    """A sentence for each driver who has no van, because another one has it at that time."""
    return [
        f"{driver.reference} ({_shift(driver)}) cannot have {crew.vehicle.registration} while {other.reference}"
        f" ({_shift(other)}) drives it. Let their shifts not overlap, or give one of them another van."
        for crew in crews
        for driver, other in crew.left_out
    ]


def _shift(driver: Driver) -> str:
    return f"{_clock(driver.shift_start_minute)} to {_clock(driver.shift_end_minute)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def why_none(loaded: Loaded) -> Json:
    """What to say of a shipment where no van of the node can go at all."""
    node, last = loaded.node.reference, loaded.day + timedelta(days=loaded.days - 1)
    days = f"on {loaded.day}" if loaded.days == 1 else f"from {loaded.day} to {last}"
    if not loaded.crews:
        out = f" Absent: {', '.join(sorted(loaded.absent))}." if loaded.absent else ""
        detail, named = f"No van of {node} has a driver on shift {days}.", out
        change = f"give an active van of {node} an active driver"
    else:
        shifts = [f"{each.vehicle.registration} {_shift(driver)}" for each in loaded.crews for driver in each.drivers]
        more = ", and others" if len(shifts) > MOST_NAMED else ""
        detail = f"No driver's shift at {node} has time left {days}, beside the published routes."
        named = f" Shifts: {', '.join(shifts[:MOST_NAMED])}{more}."
        change = "lengthen a shift, add one more van, or plan a later day"
    way = {"constraint": RelaxedConstraint.FLEET.value, "change": change, "costMinor": None, "weightMinor": None}
    unnamed = {"detail": detail, "cheapestRelaxation": way}
    return {"detail": detail + named, "cheapestRelaxation": way, "withoutNames": unnamed}
