"""Every way from one node to the doors of a batch: what rules it out, and what it costs. Pure, over whole arrays.

A way is a node, a carrier's service, and the promised window or the same hours of a later day. Shared limits (stock
that others want, throughput, capacity) are the solver's; here a way only has to be possible for an order alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.learning.commitments import shortfall_probability
from app.models import CarrierContract, CarrierKind, FulfilmentNode
from app.orchestration.allocations.batches import DAY_SECONDS, HOUR_SECONDS, LATER_DAYS, Batch, Network
from app.orchestration.carriers import rating
from app.orchestration.carriers.rating import Minors, Trips
from app.orchestration.carriers.terms import ServiceTerms
from app.orchestration.carriers.zones import NOWHERE, Flags, Floats, Numbers, metres_from, zone_numbers
from app.orchestration.lanes.names import lane_of
from app.orchestration.nodes import policies as nodes

# Roads are longer than the great circle; vans average 29 km/h in a city, stops left out.
DETOUR_FACTOR = 1.3
METRES_PER_SECOND = 8.0
METRES_PER_KM = 1_000.0
KG_PER_TONNE = 1_000.0
# The one item of a price that a carrier's gateway quoted.
QUOTE = "quote"

# What can rule a way out, in the order in which it is looked at.
STAGES = (
    "NO_STOCK",
    "GOODS_NOT_KEPT",
    "SERVICE_NOT_OFFERED",
    "NO_COLLECTIONS",
    "NO_CARRIER_IN_ZONE",
    "SKILL_MISSING",
    "WEIGHT_EXCEEDED",
    "VOLUME_EXCEEDED",
    "SIZE_EXCEEDED",
    "CARRIER_DECLINED",
    "DAY_NOT_SERVED",
    "CUTOFF_PASSED",
    "NODE_CLOSED",
    "WINDOW_UNREACHABLE",
)
STAGE = {code: number for number, code in enumerate(STAGES)}
POSSIBLE = -1
# Looked at per node, not per carrier.
OF_NODE = frozenset({STAGE["NO_STOCK"], STAGE["GOODS_NOT_KEPT"]})

Stages = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class OfDay:
    """A service's ways on a day from each node to each demand of a batch, [nodes, demands].

    `stage`: POSSIBLE, or what rules it out; stock is not looked at here. `day`: the local day, as an ordinal, on which
    the node hands over and the carrier takes it. `parts`: minor units by component, weights of the policy included,
    `cost` all together. `carriage`: the carrier's price, item by item, without weights.
    """

    stage: Stages
    day: Numbers
    earliest: Floats
    parts: dict[str, Minors]
    cost: Minors
    carriage: dict[str, Minors]
    on_time: Floats
    grams_co2: Floats


@dataclass(frozen=True, kw_only=True)
class Column:
    """One way for each demand of a batch: a row of what a service does on a day, of which one node is row `number`."""

    node: FulfilmentNode
    terms: ServiceTerms
    later: int
    of: OfDay
    number: int

    @property
    def stage(self) -> Stages:
        """POSSIBLE, or what rules it out, by demand."""
        return np.asarray(self.of.stage[self.number])

    @property
    def day(self) -> Numbers:
        """The day of handing over, by demand."""
        return np.asarray(self.of.day[self.number])

    @property
    def cost(self) -> Minors:
        """All components together, by demand."""
        return np.asarray(self.of.cost[self.number])


@dataclass(frozen=True, kw_only=True)
class _Days:
    """What a service does from each node on each demand's day, [nodes, demands], times in seconds since 1970."""

    handed_over: Numbers
    cutoff: Floats
    opens: Floats
    closes: Floats
    runs: Flags


@dataclass(frozen=True, kw_only=True)
class _Places:
    """The nodes of a batch: `metres` [nodes, demands] on the great circle; `keeps`: whether it keeps such goods.

    `by_zone`: a time zone -> the numbers of the nodes in it.
    """

    nodes: Sequence[FulfilmentNode]
    metres: Floats
    keeps: Flags
    by_zone: Mapping[ZoneInfo, Sequence[int]]


def columns(places: Sequence[FulfilmentNode], batch: Batch, network: Network) -> list[list[Column]]:
    """Every way from each of these nodes, with the days after the promise only where somebody may wait."""
    found: list[list[Column]] = [[] for _ in places]
    about = _Places(
        nodes=places,
        metres=np.stack([metres_from(nodes.place(node), batch.doors) for node in places]),
        keeps=np.array([[all(nodes.keeps(node, kind) for kind in kinds) for kinds in batch.kinds] for node in places]),
        by_zone=_by_zone(places, network),
    )
    latest = LATER_DAYS if bool(batch.may_wait.any()) else 1
    for terms in network.services:
        of_zone = zone_numbers(terms.zones, batch.doors, metres=about.metres)
        stage = _stage_of_service(terms, batch, network, about, of_zone)
        expected = _punctuality(terms, batch, network, places)
        for later in range(latest):
            for number, column in enumerate(
                _of_day(terms, batch, network, about, later=later, of_zone=of_zone, stage=stage, expected=expected)
            ):
                found[number].append(column)
    return found


def _stage_of_service(terms: ServiceTerms, batch: Batch, network: Network, about: _Places, of_zone: Numbers) -> Stages:
    """What rules the service out on any day."""
    count, loads, limits, carrier = len(batch), batch.loads, terms.limits, terms.carrier
    offered = {terms.code, *terms.document.serves}
    is_fleet = carrier.kind is CarrierKind.OWN_FLEET
    has_fleet = np.array([[not is_fleet or (carrier.id, node.id) in network.fleets] for node in about.nodes])
    orders = [demand.order for demand in batch.demands]
    checks = (
        ("GOODS_NOT_KEPT", about.keeps),
        ("SERVICE_NOT_OFFERED", np.fromiter((order.service_level in offered for order in orders), bool, count)),
        (
            "NO_COLLECTIONS",
            np.fromiter((is_fleet or not demand.is_collection for demand in batch.demands), bool, count),
        ),
        ("NO_CARRIER_IN_ZONE", (of_zone != NOWHERE) & has_fleet),
        ("SKILL_MISSING", np.fromiter((terms.skills.issuperset(skills) for skills in loads.skills), bool, count)),
        ("WEIGHT_EXCEEDED", loads.weight_kg <= (limits.max_weight_kg or np.inf)),
        ("VOLUME_EXCEEDED", loads.volume_l <= (limits.max_volume_l or np.inf)),
        (
            "SIZE_EXCEEDED",
            (loads.length_cm <= (limits.max_length_cm or np.inf))
            & (loads.girth_cm <= (limits.max_length_and_girth_cm or np.inf)),
        ),
        (
            "CARRIER_DECLINED",
            np.fromiter((carrier.id not in demand.declined for demand in batch.demands), bool, count),
        ),
    )
    stage = np.full(of_zone.shape, POSSIBLE, dtype=np.int8)
    for code, holds in checks:
        _rule_out(stage, code, ~holds)
    return stage


def _of_day(
    terms: ServiceTerms,
    batch: Batch,
    network: Network,
    about: _Places,
    *,
    later: int,
    of_zone: Numbers,
    stage: Stages,
    expected: tuple[Floats, Floats],
) -> Iterator[Column]:
    """The service's ways on the promised day or so many days later: one column per node."""
    days, stage = _days(terms, batch, network, about, later=later), stage.copy()
    driven = about.metres * DETOUR_FACTOR
    earliest = _rule_out_by_time(stage, terms, batch, days, driven=driven, later=later, now=network.now.timestamp())
    carriage = _carriage(terms, batch, days.handed_over, metres=driven, of_zone=of_zone)
    if network.quotes:
        carriage = _quoted(carriage, terms, batch, network, about.nodes)
    grams = terms.document.grams_co2_per_stop + (
        terms.grams_co2_per_tonne_km * batch.loads.weight_kg / KG_PER_TONNE * driven / METRES_PER_KM
    )
    on_time, late_seconds = expected
    price = rating.total(carriage)
    weights = network.policy.allocation
    parts = {
        "fulfilment": _minor(weights.fulfilment * _handling(about.nodes, batch)),
        "carriage": _minor(weights.carriage * price),
        "contract": -_credit(terms, days.handed_over, network, most=price),
        "distance": _minor(weights.distance_minor_per_km * driven / METRES_PER_KM),
        "lateness": _minor(
            weights.lateness_minor_per_hour * (late_seconds + later * DAY_SECONDS) / HOUR_SECONDS
            + weights.missed_window_minor * (1 - on_time)
        ),
        "emissions": _minor(weights.emissions_minor_per_kg * grams / KG_PER_TONNE),
    }
    of = OfDay(
        stage=stage,
        day=days.handed_over,
        earliest=earliest,
        parts=parts,
        cost=np.asarray(sum(parts.values()), dtype=np.int64),
        carriage=carriage,
        on_time=on_time,
        grams_co2=grams,
    )
    for number, node in enumerate(about.nodes):
        yield Column(node=node, terms=terms, later=later, of=of, number=number)


def _handling(places: Sequence[FulfilmentNode], batch: Batch) -> Floats:
    """What the nodes ask for handling each demand, in minor units."""
    fixed = np.array([[node.handling_minor] for node in places], dtype=np.float64)
    return np.asarray(fixed + np.array([[node.handling_per_unit_minor] for node in places]) * batch.units)


def _rule_out_by_time(
    stage: Stages, terms: ServiceTerms, batch: Batch, days: _Days, *, driven: Floats, later: int, now: float
) -> Floats:
    """Marks what cannot be at the door in time; answers the earliest instant at which each could be."""
    on_the_way = terms.document.transit_days * DAY_SECONDS or driven / METRES_PER_SECOND
    earliest = np.maximum(now, days.opens) + on_the_way
    _rule_out(stage, "DAY_NOT_SERVED", ~days.runs)
    _rule_out(stage, "CUTOFF_PASSED", now >= days.cutoff)
    _rule_out(stage, "NODE_CLOSED", days.closes <= days.opens)
    too_late = (earliest > batch.window_end + later * DAY_SECONDS) | (now >= days.closes)
    _rule_out(stage, "WINDOW_UNREACHABLE", too_late)
    if later:
        _rule_out(stage, "WINDOW_UNREACHABLE", ~batch.may_wait)
    return earliest


def _rule_out(stage: Stages, code: str, holds: Flags) -> None:
    """Marks what the code rules out, where nothing before it did."""
    stage[(stage == POSSIBLE) & holds] = STAGE[code]


def _by_zone(places: Sequence[FulfilmentNode], network: Network) -> dict[ZoneInfo, list[int]]:
    found: dict[ZoneInfo, list[int]] = {}
    for number, node in enumerate(places):
        found.setdefault(network.zone(node), []).append(number)
    return found


def _days(terms: ServiceTerms, batch: Batch, network: Network, about: _Places, *, later: int) -> _Days:
    rows = np.empty((5, len(about.nodes), len(batch)))
    for zone, numbers in about.by_zone.items():
        there = [about.nodes[number] for number in numbers]
        unique, place = distinct(batch.days(zone, later=later, now=network.now))
        found = np.stack([_day(there, terms, ordinal, network) for ordinal in unique.tolist()], axis=-1)
        rows[:, numbers] = found[..., place]
    handed_over, cutoff, opens, closes, runs = rows
    return _Days(handed_over=handed_over.astype(np.int64), cutoff=cutoff, opens=opens, closes=closes, runs=runs > 0)


def _day(places: Sequence[FulfilmentNode], terms: ServiceTerms, ordinal: int, network: Network) -> Floats:
    """[5, nodes] the day of handing over as an ordinal, cut-off, opening, closing, and 1 where the service runs."""

    def found() -> Floats:
        delivered = date.fromordinal(ordinal)
        handed = delivered - timedelta(days=terms.document.transit_days)
        return np.array([(handed.toordinal(), *times(node, handed), terms.runs_on(delivered)) for node in places]).T

    def times(node: FulfilmentNode, handed: date) -> tuple[float, float, float]:
        opens, closes = network.opening(node, handed)
        cutoff = min(nodes.cutoff(node, handed, service=terms.code), terms.cutoff(handed, zone=network.zone(node)))
        return cutoff.timestamp(), opens, closes

    return network.remembered(("day", terms.carrier.id, terms.code, ordinal, *(node.id for node in places)), found)


def distinct(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The different numbers of a list, and the place of each among them."""
    if len(numbers) == 1:
        return numbers, np.zeros(1, dtype=np.int64)
    unique, place = np.unique(numbers, return_inverse=True)
    return unique, place


def _carriage(
    terms: ServiceTerms, batch: Batch, days: Numbers, *, metres: Floats, of_zone: Numbers
) -> dict[str, Minors]:
    """The carrier's price, item by item; surcharges may differ by day."""
    unique = np.unique(days).tolist() if terms.rates.surcharges else [int(days.flat[0])]
    prices = [
        rating.rate(
            terms.rates,
            batch.loads,
            Trips(
                metres=metres,
                zones=terms.zones,
                zone_numbers=of_zone,
                doors=batch.doors,
                day=date.fromordinal(ordinal),
            ),
        )
        for ordinal in unique
    ]
    if len(prices) == 1:
        return prices[0]
    parts: dict[str, Minors] = {}
    for ordinal, price in zip(unique, prices, strict=True):
        for name, amounts in price.items():
            parts[name] = parts.get(name, np.zeros(days.shape, dtype=np.int64)) + np.where(days == ordinal, amounts, 0)
    return parts


def _quoted(
    carriage: dict[str, Minors], terms: ServiceTerms, batch: Batch, network: Network, places: Sequence[FulfilmentNode]
) -> dict[str, Minors]:
    """The price with what the carrier itself asks in the place of its rate card, where it was asked and answered."""
    prices = [
        [
            network.quotes.get((demand.order.id, node.id, terms.carrier.id, terms.code))
            if quantities == demand.quantities
            else None
            for demand, quantities in zip(batch.demands, batch.quantities, strict=True)
        ]
        for node in places
    ]
    is_quoted = np.array([[price is not None for price in row] for row in prices])
    if not is_quoted.any():
        return carriage
    asked = np.array([[price or 0 for price in row] for row in prices], dtype=np.int64)
    return {name: np.where(is_quoted, 0, amounts) for name, amounts in carriage.items()} | {QUOTE: asked}


def _credit(terms: ServiceTerms, days: Numbers, network: Network, *, most: Minors) -> Minors:
    """What a shipment saves of the price of a contract's shortfall: no more than its carriage."""
    saved = np.zeros(days.shape, dtype=np.int64)
    if not terms.contracts:
        return saved
    today = network.now.date()
    for contract in terms.contracts:
        if contract.shortfall_minor and (worth := contract_credit(contract, today=today)):
            holds = (days >= contract.valid_from.toordinal()) & (days <= contract.valid_until.toordinal())
            saved[holds] += worth
    return np.minimum(saved, most)


def contract_credit(contract: CarrierContract, *, today: date) -> int:
    """The shortfall price of a contract times the chance that it will be due."""
    total = (contract.valid_until - contract.valid_from).days + 1
    elapsed = (today - contract.valid_from).days / total
    chance = shortfall_probability(booked=contract.booked, minimum=contract.minimum_shipments, elapsed_share=elapsed)
    return round(contract.shortfall_minor * chance)


def _punctuality(
    terms: ServiceTerms, batch: Batch, network: Network, places: Sequence[FulfilmentNode]
) -> tuple[Floats, Floats]:
    """The chance to be in time and the expected seconds late, of each demand's lane from each node."""
    areas, place = batch.areas
    known = network.punctuality
    expected = [
        [known.expected(terms.carrier.reference, lane_of(terms.code, node.reference, area)) for area in areas]
        for node in places
    ]
    on_time = np.array([[each.on_time_probability for each in row] for row in expected])
    late = np.array([[each.late_seconds for each in row] for row in expected])
    return on_time[:, place], late[:, place]


def _minor(amounts: NDArray[np.floating[Any]]) -> Minors:
    return np.asarray(np.rint(amounts), dtype=np.int64)
