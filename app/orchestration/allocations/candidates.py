"""Which node, carrier and window could serve an order, at what cost, and what rules out the others.

Pure: no clock, no database. Shared limits (stock that others want, capacity, throughput) are the solver's, not this
module's; here a candidate only has to be possible for an order that stands alone.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

from app.core.geo import Point, great_circle_metres
from app.models import Carrier, CarrierKind, FulfilmentNode, Order, OrderLine
from app.orchestration.carriers import policies as carriers
from app.orchestration.nodes import policies as nodes
from app.orchestration.policies.documents import PolicyDocument

# Roads are longer than the great circle; vans average 29 km/h in a city, stops left out.
DETOUR_FACTOR = 1.3
METRES_PER_SECOND = 8.0
LATER_DAYS = 3
SPLIT_CARRIERS = 2

# What can rule a node and a carrier out, in the order in which it is looked at.
STAGES = (
    "NO_STOCK",
    "NO_CARRIER_IN_ZONE",
    "SKILL_MISSING",
    "WEIGHT_EXCEEDED",
    "SERVICE_NOT_OFFERED",
    "CARRIER_DECLINED",
    "CUTOFF_PASSED",
    "WINDOW_UNREACHABLE",
)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """An order that waits, with its lines, and the carriers that declined it."""

    order: Order
    lines: Sequence[OrderLine]
    declined: Collection[uuid.UUID] = ()

    @property
    def quantities(self) -> dict[str, int]:
        """Sku -> quantity."""
        return {line.sku: line.quantity for line in self.lines}

    @property
    def door(self) -> Point:
        """Where it goes."""
        return Point(latitude=self.order.latitude, longitude=self.order.longitude)


@dataclass(frozen=True, kw_only=True)
class Network:
    """What orders are served from. `fleets`: the (carrier, node) pairs where an own fleet has vehicles."""

    nodes: Sequence[FulfilmentNode]
    carriers: Sequence[Carrier]
    available: Mapping[uuid.UUID, Mapping[str, int]]
    fleets: Collection[tuple[uuid.UUID, uuid.UUID]]
    policy: PolicyDocument
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Part:
    """So much of an order from one node by one carrier."""

    node: FulfilmentNode
    carrier: Carrier
    quantities: Mapping[str, int]
    cost_minor: int


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to serve an order: one part, or two where no single node has everything. Costs in minor units."""

    id: str
    parts: tuple[Part, ...]
    window_start: datetime
    window_end: datetime
    day: date
    costs: tuple[tuple[str, int], ...]

    @property
    def cost_minor(self) -> int:
        """All components together."""
        return sum(amount for _, amount in self.costs)


@dataclass(frozen=True, kw_only=True)
class RuledOut:
    """A node and carrier that cannot serve the order; `change` is what would have to give way."""

    node: FulfilmentNode
    carrier: Carrier | None
    code: str
    detail: str
    change: str
    cost_minor: int | None = None


def candidates(demand: Demand, network: Network) -> tuple[list[Candidate], list[RuledOut]]:
    """Every way to serve the order, cheapest first, and what rules the others out."""
    found: list[Candidate] = []
    ruled_out: list[RuledOut] = []
    for node in network.nodes:
        lacking = _lacking(demand.quantities, network.available.get(node.id, {}))
        if lacking is not None:
            ruled_out.append(_no_stock(demand, node, network, *lacking))
            continue
        for carrier in network.carriers:
            options = _options(demand, demand.quantities, node, carrier, network)
            if isinstance(options, RuledOut):
                ruled_out.append(options)
            else:
                found += options
    if not found:
        found = list(_splits(demand, network))
    return sorted(found, key=lambda candidate: (candidate.cost_minor, candidate.id)), ruled_out


def _lacking(wanted: Mapping[str, int], stock: Mapping[str, int]) -> tuple[str, int, int] | None:
    """The first sku of which there is too little, with what is wanted and what is there."""
    for sku, quantity in wanted.items():
        if stock.get(sku, 0) < quantity:
            return sku, quantity, stock.get(sku, 0)
    return None


def _no_stock(demand: Demand, node: FulfilmentNode, network: Network, sku: str, wanted: int, there: int) -> RuledOut:
    quotes = [
        carriers.quote_minor(carrier, _metres(node, demand), _weight(demand, demand.quantities))
        for carrier in network.carriers
        if _refusal(demand, demand.quantities, node, carrier, network) is None
    ]
    return RuledOut(
        node=node,
        carrier=None,
        code="NO_STOCK",
        detail=f"{node.reference} has {there} of {sku}, but {wanted} are wanted.",
        change=f"{wanted - there} more of {sku} at {node.reference}",
        cost_minor=min(quotes, default=None),
    )


def _options(
    demand: Demand, quantities: Mapping[str, int], node: FulfilmentNode, carrier: Carrier, network: Network
) -> list[Candidate] | RuledOut:
    refusal = _refusal(demand, quantities, node, carrier, network)
    if refusal is not None:
        return refusal
    metres, weight = _metres(node, demand), _weight(demand, quantities)
    found: list[Candidate] = []
    first_refusal: RuledOut | None = None
    for start, end in _windows(demand.order):
        refusal = _time_refusal(demand, node, carrier, (start, end), network)
        if refusal is not None:
            first_refusal = first_refusal or refusal
            continue
        costs = _costs(demand, node, carrier, metres=metres, weight_kg=weight, start=start, policy=network.policy)
        total = sum(amount for _, amount in costs)
        day = start.astimezone(ZoneInfo(node.time_zone)).date()
        found.append(
            Candidate(
                id=f"{node.reference}|{carrier.reference}|{day}",
                parts=(Part(node=node, carrier=carrier, quantities=quantities, cost_minor=total),),
                window_start=start,
                window_end=end,
                day=day,
                costs=costs,
            )
        )
    if found or first_refusal is None:
        return found
    return replace(first_refusal, cost_minor=carriers.quote_minor(carrier, metres, weight))


def _refusal(
    demand: Demand, quantities: Mapping[str, int], node: FulfilmentNode, carrier: Carrier, network: Network
) -> RuledOut | None:
    """Why this carrier cannot carry from this node to this door at any time, or None."""
    order, weight = demand.order, _weight(demand, quantities)
    missing = sorted(set(order.required_skills) - set(carrier.skills))
    away = great_circle_metres(nodes.place(node), demand.door)
    has_fleet = carrier.kind is not CarrierKind.OWN_FLEET or (carrier.id, node.id) in network.fleets
    checks = (
        (
            carriers.covers(carrier, nodes.place(node), demand.door) and has_fleet,
            "NO_CARRIER_IN_ZONE",
            f"The door is {away / 1_000:.1f} km from {node.reference}; {carrier.name} goes"
            f" {carrier.zone_radius_metres / 1_000:.1f} km" + ("." if has_fleet else ", and has no vehicles there."),
            f"a zone of {away / 1_000:.1f} km for {carrier.name}",
        ),
        (
            not missing,
            "SKILL_MISSING",
            f"{carrier.name} lacks {', '.join(missing)}.",
            f"{carrier.name} with {', '.join(missing)}",
        ),
        (
            weight <= carrier.max_weight_kg,
            "WEIGHT_EXCEEDED",
            f"The goods weigh {weight:.1f} kg; {carrier.name} takes {carrier.max_weight_kg:.1f} kg.",
            f"{weight:.1f} kg for {carrier.name}",
        ),
        (
            order.service_level in carrier.services,
            "SERVICE_NOT_OFFERED",
            f"{carrier.name} does not offer {order.service_level}.",
            f"{order.service_level} from {carrier.name}",
        ),
        (
            carrier.id not in demand.declined,
            "CARRIER_DECLINED",
            f"{carrier.name} declined this order, or did not answer.",
            f"{carrier.name} taking it after all",
        ),
    )
    for holds, code, detail, change in checks:
        if not holds:
            quote = carriers.quote_minor(carrier, _metres(node, demand), weight)
            return RuledOut(node=node, carrier=carrier, code=code, detail=detail, change=change, cost_minor=quote)
    return None


def _time_refusal(
    demand: Demand, node: FulfilmentNode, carrier: Carrier, window: tuple[datetime, datetime], network: Network
) -> RuledOut | None:
    """Why it cannot be at the door within the window, or None."""
    zone, now = ZoneInfo(node.time_zone), network.now
    # An order whose window opened yesterday evening leaves today.
    day = max(window[0], min(now, window[1])).astimezone(zone).date()
    cutoff = min(nodes.cutoff(node, day), carriers.cutoff(carrier, day, zone=zone))
    if now >= cutoff:
        detail = f"The cut-off of {node.reference} with {carrier.name} for {day} was at {cutoff:%H:%M}."
        change = f"a cut-off after {now.astimezone(zone):%H:%M}"
        return RuledOut(node=node, carrier=carrier, code="CUTOFF_PASSED", detail=detail, change=change)
    opens, closes = nodes.opening(node, day)
    travel = timedelta(seconds=_metres(node, demand) / METRES_PER_SECOND)
    earliest = max(now, opens) + travel
    if earliest > window[1] or now >= closes:
        detail = (
            f"From {node.reference} it can be there at {earliest.astimezone(zone):%Y-%m-%d %H:%M} at the earliest;"
            f" the window ends at {window[1].astimezone(zone):%H:%M}."
        )
        change = f"a window until {earliest.astimezone(zone):%Y-%m-%d %H:%M}"
        return RuledOut(node=node, carrier=carrier, code="WINDOW_UNREACHABLE", detail=detail, change=change)
    return None


def _windows(order: Order) -> Iterator[tuple[datetime, datetime]]:
    """The promised window; where the customer named none, the same hours of the days after, too."""
    assert order.promised_start is not None, "intake promises every order a window"
    assert order.promised_end is not None, "intake promises every order a window"
    days = 1 if order.requested_start is not None else LATER_DAYS
    for later in range(days):
        shift = timedelta(days=later)
        yield order.promised_start + shift, order.promised_end + shift


def _costs(
    demand: Demand,
    node: FulfilmentNode,
    carrier: Carrier,
    *,
    metres: float,
    weight_kg: float,
    start: datetime,
    policy: PolicyDocument,
) -> tuple[tuple[str, int], ...]:
    assert demand.order.promised_start is not None, "intake promises every order a window"
    late_hours = max(0.0, (start - demand.order.promised_start).total_seconds() / 3_600)
    weights = policy.allocation
    return (
        ("carrier", carriers.quote_minor(carrier, metres, weight_kg)),
        ("handling", node.handling_minor),
        ("distance", round(weights.distance_minor_per_km * metres / 1_000)),
        ("lateness", round(weights.lateness_minor_per_hour * late_hours)),
    )


def _splits(demand: Demand, network: Network) -> Iterator[Candidate]:
    """Two nodes that have everything together: the first gives what it has, the second the rest."""
    for first, second in permutations(network.nodes, 2):
        shares = _shares(demand, network, first, second)
        if shares is None:
            continue
        options = [_cheapest(demand, share, node, network) for node, share in zip((first, second), shares, strict=True)]
        for one in options[0]:
            for other in options[1]:
                if one.day == other.day and one.window_start == other.window_start:
                    yield _joined(one, other, split_minor=network.policy.allocation.split_minor)


def _shares(
    demand: Demand, network: Network, first: FulfilmentNode, second: FulfilmentNode
) -> tuple[dict[str, int], dict[str, int]] | None:
    """What each node gives, whole lines only; None where the two do not have everything, or one suffices."""
    here, there = network.available.get(first.id, {}), network.available.get(second.id, {})
    of_first = {sku: wanted for sku, wanted in demand.quantities.items() if here.get(sku, 0) >= wanted}
    rest = {sku: wanted for sku, wanted in demand.quantities.items() if sku not in of_first}
    if not of_first or not rest or _lacking(rest, there) is not None:
        return None
    return of_first, rest


def _cheapest(demand: Demand, share: Mapping[str, int], node: FulfilmentNode, network: Network) -> list[Candidate]:
    found: list[Candidate] = []
    for carrier in network.carriers:
        options = _options(demand, share, node, carrier, network)
        if not isinstance(options, RuledOut):
            found += options
    return sorted(found, key=lambda candidate: candidate.cost_minor)[: SPLIT_CARRIERS * LATER_DAYS]


def _joined(one: Candidate, other: Candidate, *, split_minor: int) -> Candidate:
    costs = dict(one.costs)
    for name, amount in other.costs:
        costs[name] = costs.get(name, 0) + amount
    return replace(
        one,
        id=f"{one.id}+{other.id}",
        parts=(*one.parts, *other.parts),
        costs=(*costs.items(), ("split", split_minor)),
    )


def _metres(node: FulfilmentNode, demand: Demand) -> float:
    return great_circle_metres(nodes.place(node), demand.door) * DETOUR_FACTOR


def _weight(demand: Demand, quantities: Mapping[str, int]) -> float:
    return sum(line.weight_kg * quantities.get(line.sku, 0) for line in demand.lines)
