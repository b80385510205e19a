"""Which rules a plan made by hand would break, in a dispatcher's words: with names, kilograms and clock times. Pure."""

from collections.abc import Callable, Mapping, Sequence

from app.models import Route
from app.orchestration.plans import wording
from app.orchestration.plans.loaded import Loaded
from app.solvers.routing.violations import Fact, Violation

# A refusal names so many of the rules that would be broken.
MOST_NAMED = 5


def sentence(broken: Sequence[Violation], loaded: Loaded, routes: Mapping[str, Route]) -> str:
    """All of them as a refusal. `routes`: vehicle of the problem -> its route."""
    said = [_named(each, loaded, routes) for each in broken[:MOST_NAMED]]
    more = f"; and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
    rules = "a rule that is" if len(broken) == 1 else f"{len(broken)} rules that are"
    return f"This would break {rules} kept now: {'; '.join(said)}{more}. Choose another place or route."


def _named(violation: Violation, loaded: Loaded, routes: Mapping[str, Route]) -> str:
    drop = loaded.drops_by_id.get(violation.visit_id or "")
    route = routes.get(violation.vehicle_id or "")
    at = "" if drop is None else f" at {drop.order.reference}"
    on = "" if route is None else f" on {route.reference}"
    return f"{violation.code}{at}{on}: {said(violation, loaded)}"


def said(violation: Violation, loaded: Loaded) -> str:
    """What is broken, and by how much."""
    van, rule = loaded.vans_by_id.get(violation.vehicle_id or ""), WORDS.get(violation.code)
    if rule is None:
        return violation.detail
    vehicle = "the van" if van is None else wording.vehicle_of(van)
    return rule(violation.fact, vehicle, loaded)


def _overload(fact: Fact, vehicle: str, loaded: Loaded) -> str:
    over = wording.load(fact.dimension, fact.is_now - fact.most)
    on_board, room = (wording.load(fact.dimension, units) for units in (fact.is_now, fact.most))
    return f"{vehicle} would carry {on_board}, {over} more than the {room} that it holds"


def _missed(fact: Fact, vehicle: str, loaded: Loaded) -> str:
    at, windows = wording.clock(loaded, fact.is_now), wording.between(loaded, fact.windows)
    closes, opens = max(w.end_seconds for w in fact.windows), min(w.start_seconds for w in fact.windows)
    if fact.is_now > closes:
        return f"{vehicle} would begin at {at}, {wording.seconds(fact.is_now - closes)} after its window {windows}"
    if fact.is_now < opens:
        return f"{vehicle} would begin at {at}, {wording.seconds(opens - fact.is_now)} before its window {windows}"
    return f"{vehicle} would begin at {at}, outside its windows {windows}"


def _shift(fact: Fact, vehicle: str, loaded: Loaded) -> str:
    out, shift = (wording.between(loaded, [window]) for window in fact.windows)
    return f"{vehicle} would be out {out}, the shift is {shift}"


def _skill(fact: Fact, vehicle: str, loaded: Loaded) -> str:
    return f"it needs {', '.join(fact.skills)}, which {vehicle} does not have"


def _no_break(fact: Fact, vehicle: str, loaded: Loaded) -> str:
    if not fact.windows:
        return f"{vehicle} would have no time for the break"
    length, windows = wording.seconds(fact.is_now), wording.between(loaded, fact.windows)
    return f"{vehicle} would have no break of {length} that begins {windows}"


def _released(fact: Fact, vehicle: str, loaded: Loaded) -> str:
    leaves, there = wording.clock(loaded, fact.is_now), wording.clock(loaded, fact.most)
    return f"{vehicle} would leave at {leaves}, and its goods are at the node from {there}"


def _at_most(words: str, amount: Callable[[int], str]) -> Callable[[Fact, str, Loaded], str]:
    def rule(fact: Fact, vehicle: str, loaded: Loaded) -> str:
        return f"{vehicle} would {words} {amount(fact.is_now)}, {amount(fact.most)} at most"

    return rule


def _kilometres(metres: int) -> str:
    return f"{wording.decimal(metres, wording.METRES_A_KM)} km"


WORDS: Mapping[str, Callable[[Fact, str, Loaded], str]] = {
    "CAPACITY": _overload,
    "WINDOW": _missed,
    "SHIFT": _shift,
    "SKILL": _skill,
    "BREAK": _no_break,
    "RELEASE": _released,
    "MAX_DURATION": _at_most("be out for", wording.seconds),
    "MAX_DISTANCE": _at_most("drive", _kilometres),
    "MAX_STOPS": lambda fact, vehicle, loaded: f"{vehicle} would make {fact.is_now} stops, {fact.most} at most",
    "MAX_TRIPS": lambda fact, vehicle, loaded: f"{vehicle} would make {fact.is_now} trips, {fact.most} at most",
    "DRIVING_RULE": _at_most("work without a rest for", wording.seconds),
    "NOT_ALLOWED": lambda fact, vehicle, loaded: f"{vehicle} may not bring it",
    "DAY": lambda fact, vehicle, loaded: "it is not to be visited on that day",
    "TERRITORY": lambda fact, vehicle, loaded: f"it is outside the territory of {vehicle}",
    "TOGETHER": lambda fact, vehicle, loaded: (
        f"{wording.references(loaded, fact.visit_ids)} ride together, and would be on different vans"
    ),
    "APART": lambda fact, vehicle, loaded: (
        f"{wording.references(loaded, fact.visit_ids)} never ride together, and would be on {vehicle}"
    ),
    "FROZEN": lambda fact, vehicle, loaded: f"{vehicle} is there, or on its way there, and serves it first",
}
