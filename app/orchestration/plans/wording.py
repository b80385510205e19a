"""How a dispatcher says it: vans with their drivers, kilograms and litres, local clock times. Pure."""

from collections.abc import Iterable
from datetime import timedelta
from math import ceil
from zoneinfo import ZoneInfo

from app.orchestration.plans.loaded import GRAMS_PER_KG, MILLILITRES_PER_LITRE, Loaded, Van
from app.solvers.routing.problem import TimeWindow

METRES_A_KM = 1_000
# So many orders are named, and the others counted.
MOST_NAMED = 3
# The dimensions of a load, as problem.py poses them.
DIMENSIONS = (("kg", GRAMS_PER_KG), ("litres", MILLILITRES_PER_LITRE))


def vehicle_of(van: Van) -> str:
    """MD-4711 (Ann Lee)."""
    return f"{van.vehicle.registration} ({van.driver.name})"


def driver_of(van: Van) -> str:
    """Ann Lee (MD-4711)."""
    return f"{van.driver.name} ({van.vehicle.registration})"


def load(dimension: int, units: int) -> str:
    """12.5 kg, or 3 litres: one decimal, rounded up, so that it is enough."""
    unit, size = DIMENSIONS[dimension]
    return f"{decimal(units, size)} {unit}"


def decimal(units: int, size: int) -> str:
    """So many of a larger unit, with one decimal where there is one, rounded up."""
    tenths = ceil(units * 10 / size)
    return f"{tenths // 10:,}" + (f".{tenths % 10}" if tenths % 10 else "")


def minutes(number: int) -> str:
    """1 minute, 20 minutes; from two hours on 6 hours 19 minutes."""
    hours, rest = divmod(number, 60)
    if hours < 2:
        return _counted(number, "minute")
    return f"{hours} hours" + (f" {_counted(rest, 'minute')}" if rest else "")


def seconds(number: int) -> str:
    """In minutes, rounded up."""
    return minutes(ceil(number / 60))


def clock(loaded: Loaded, second: int) -> str:
    """The local time at the node, with the date where that is another day."""
    at = (loaded.midnight + timedelta(seconds=second)).astimezone(ZoneInfo(loaded.node.time_zone))
    return f"{at:%H:%M}" if at.date() == loaded.day else f"{at:%Y-%m-%d %H:%M}"


def between(loaded: Loaded, windows: Iterable[TimeWindow]) -> str:
    """08:00-09:00."""
    return " or ".join(f"{clock(loaded, w.start_seconds)}-{clock(loaded, w.end_seconds)}" for w in windows)


def references(loaded: Loaded, visits: Iterable[str]) -> str:
    """A001, A002 and A003; of very many A001, A002, A003 and 17 more."""
    found = sorted(loaded.drops_by_id[visit].order.reference for visit in visits)
    *most, last = found if len(found) <= MOST_NAMED + 1 else (*found[:MOST_NAMED], f"{len(found) - MOST_NAMED} more")
    return f"{', '.join(most)} and {last}" if most else last


def _counted(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"
