"""What would have served a shipment, in a dispatcher's words: who, how much, with which order. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.orchestration.plans import wording
from app.orchestration.plans.loaded import Loaded, Van
from app.solvers.routing.solution import Relaxation, RelaxedConstraint


@dataclass(frozen=True, kw_only=True)
class Said:
    """A change with the names it is said with. `parted`: from which orders; `joined`: with which."""

    by: Relaxation
    vehicle: str
    driver: str
    alike: str
    more_than: str
    parted: str
    joined: str


def named(relaxation: Relaxation, loaded: Loaded, on: Mapping[str, str]) -> str:
    """With the van, its driver and other orders. `on`: visit -> its vehicle in the plan."""
    van = loaded.vans_by_id.get(relaxation.vehicle_id or "")
    if van is None:
        return unnamed(relaxation, loaded, on)
    joined, parted = _company(relaxation, on)
    return _sentence(
        Said(
            by=relaxation,
            vehicle=wording.vehicle_of(van),
            driver=wording.driver_of(van),
            alike=f" like {van.vehicle.registration}",
            more_than=f" than {van.vehicle.registration}",
            joined=wording.references(loaded, joined) if joined else "",
            parted=wording.references(loaded, parted) if parted else "",
        ),
        _day(van, loaded),
    )


def unnamed(relaxation: Relaxation, loaded: Loaded, on: Mapping[str, str]) -> str:
    """For those who are not to know drivers, vans and other orders."""
    joined, parted = _company(relaxation, on)
    van = loaded.vans_by_id.get(relaxation.vehicle_id or "")
    return _sentence(
        Said(
            by=relaxation,
            vehicle="a vehicle",
            driver="a driver",
            alike="",
            more_than="",
            joined="other orders" if joined else "",
            parted="other orders" if parted else "",
        ),
        "" if van is None else _day(van, loaded),
    )


def _company(relaxation: Relaxation, on: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Whom it would ride with, though it never does, and whom it would be parted from."""
    ids = relaxation.extent.visit_ids
    joined = [id for id in ids if on.get(id) == relaxation.vehicle_id]
    return joined, [id for id in ids if id not in joined]


def _day(van: Van, loaded: Loaded) -> str:
    return f" on {loaded.day + timedelta(days=van.day_index)}" if loaded.days > 1 else ""


def _sentence(said: Said, day: str) -> str:
    rule = CHANGES[said.by.constraint]
    return rule(said) if said.by.constraint is RelaxedConstraint.PENALTY else rule(said) + day


def _window(said: Said) -> str:
    amount = said.by.extent.amount
    return (
        f"Deliver {wording.minutes(abs(amount))} {'after' if amount > 0 else 'before'} its window, with {said.vehicle}"
    )


def _capacity(said: Said) -> str:
    missing = enumerate(said.by.extent.missing)
    loads = " and ".join(wording.load(dimension, units) for dimension, units in missing if units)
    return f"Use a van that carries {loads} more{said.more_than}"


def _more(noun: str) -> Callable[[Said], str]:
    def words(said: Said) -> str:
        amount = said.by.extent.amount
        return f"Let {said.vehicle} make {amount} more {noun}{'' if amount == 1 else 's'}"

    return words


def _skill(said: Said) -> str:
    skills = said.by.extent.skills
    return f"Give {said.vehicle} the skill{'' if len(skills) == 1 else 's'} {', '.join(skills)}"


def _company_words(said: Said) -> str:
    joined = f"ride with {said.joined}" if said.joined else ""
    parted = f"ride without {said.parted}" if said.parted else ""
    return f"Let it {' and '.join(part for part in (joined, parted) if part)}, on {said.vehicle}"


CHANGES: Mapping[RelaxedConstraint, Callable[[Said], str]] = {
    RelaxedConstraint.WINDOW: _window,
    RelaxedConstraint.CAPACITY: _capacity,
    RelaxedConstraint.STOPS: _more("stop"),
    RelaxedConstraint.TRIPS: _more("trip"),
    RelaxedConstraint.SHIFT: lambda said: f"Let {said.driver} work {wording.minutes(said.by.extent.amount)} longer",
    RelaxedConstraint.DISTANCE: lambda said: (
        f"Let {said.vehicle} drive {wording.decimal(said.by.extent.amount, wording.METRES_A_KM)} km farther"
    ),
    RelaxedConstraint.RELEASE: lambda said: (
        f"Have its goods ready {wording.minutes(said.by.extent.amount)} sooner, for {said.vehicle}"
    ),
    RelaxedConstraint.RESTS: lambda said: f"Let {said.driver} rest at another time",
    RelaxedConstraint.LOADING: lambda said: f"Let {said.driver} rearrange the load",
    RelaxedConstraint.SKILL: _skill,
    RelaxedConstraint.DAY: lambda said: f"Serve it on another day, with {said.vehicle}",
    RelaxedConstraint.TERRITORY: lambda said: f"Let {said.vehicle} leave its territory",
    RelaxedConstraint.ALLOWED_VEHICLES: lambda said: f"Permit {said.vehicle} to bring it",
    RelaxedConstraint.COMPANY: _company_words,
    RelaxedConstraint.FLEET: lambda said: f"Add one more van{said.alike}",
    RelaxedConstraint.SEARCH: lambda said: f"Search longer, or put it on {said.vehicle}",
    RelaxedConstraint.PENALTY: lambda said: "Raise its priority",
}
