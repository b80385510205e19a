"""A batch of demands as arrays: where each goes, what it weighs, when it is due. Pure: no clock, no database."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from app.core.geo import Point
from app.learning.lateness import PunctualityTable
from app.models import Allocation, FulfilmentNode, Order, OrderLine, Product
from app.orchestration.carriers.rating import Loads, Minors
from app.orchestration.carriers.terms import ServiceTerms
from app.orchestration.carriers.zones import Doors, Flags, Floats, Numbers, normalised_postcode
from app.orchestration.lanes.names import area_of
from app.orchestration.nodes import policies as nodes
from app.orchestration.policies.documents import PolicyDocument

Found = TypeVar("Found")

# Order, node, carrier, service.
QuoteKey = tuple[uuid.UUID, uuid.UUID, uuid.UUID, str]

LATER_DAYS = 3
DAY_SECONDS, HOUR_SECONDS = 86_400.0, 3_600.0


@dataclass(frozen=True, kw_only=True)
class Demand:
    """An order that waits, with its lines, and the carriers that declined it; or one with an allocation that stands.

    What stands may change, but not the window that was promised.
    """

    order: Order
    lines: Sequence[OrderLine]
    declined: Collection[uuid.UUID] = ()
    standing: Allocation | None = None

    @property
    def quantities(self) -> dict[str, int]:
        """Sku -> quantity."""
        return {line.sku: line.quantity for line in self.lines}

    @property
    def is_collection(self) -> bool:
        """Whether the goods are at the door, so that the node needs none of them."""
        return self.order.kind.is_collection

    @property
    def door(self) -> Point:
        """Where it goes."""
        return Point(latitude=self.order.latitude, longitude=self.order.longitude)


@dataclass(frozen=True, kw_only=True)
class Network:
    """What orders are served from. `fleets`: the (carrier, node) pairs where an own fleet has vehicles.

    `available`: node -> sku -> what can still be promised. `inbound`: node -> sku -> (day, quantity) of what comes in,
    by the first day on which it may leave again. `quotes`: what a carrier itself asks for a whole order. `products` may
    leave out what is ordinary and small.
    `calendar` remembers hours and cut-offs that were worked out before.
    """

    nodes: Sequence[FulfilmentNode]
    services: Sequence[ServiceTerms]
    available: Mapping[uuid.UUID, Mapping[str, int]]
    fleets: Collection[tuple[uuid.UUID, uuid.UUID]]
    policy: PolicyDocument
    now: datetime
    products: Mapping[str, Product] = field(default_factory=dict)
    punctuality: PunctualityTable = field(default_factory=PunctualityTable)
    inbound: Mapping[uuid.UUID, Mapping[str, Sequence[tuple[date, int]]]] = field(default_factory=dict)
    quotes: Mapping[QuoteKey, int] = field(default_factory=dict)
    calendar: dict[tuple[object, ...], Any] = field(default_factory=dict)

    @cached_property
    def terms(self) -> dict[tuple[uuid.UUID, str], ServiceTerms]:
        """(carrier, service) -> its terms."""
        return {(terms.carrier.id, terms.code): terms for terms in self.services}

    def stock_by_day(self, node: FulfilmentNode, sku: str) -> list[tuple[date, int]]:
        """How many can be promised from each day on, the first of all days first."""
        there = self.available.get(node.id, {}).get(sku, 0)
        steps = [(date.min, there)]
        for day, quantity in self.inbound.get(node.id, {}).get(sku, ()):
            there += quantity
            if steps[-1][0] == day:
                steps.pop()
            steps.append((day, there))
        return steps

    def expected_by(self, day: date) -> date | None:
        """What is expected until then may leave on the day; None: only what is on hand may."""
        lead = self.policy.allocation.inbound_lead_days
        return None if lead is None else day - timedelta(days=lead)

    def zone(self, node: FulfilmentNode) -> ZoneInfo:
        """A node's time zone."""
        return self.remembered(("zone", node.id), lambda: ZoneInfo(node.time_zone))

    def opening(self, node: FulfilmentNode, day: date) -> tuple[float, float]:
        """When a node opens and closes on a local day, in seconds since 1970."""

        def found() -> tuple[float, float]:
            opens, closes = nodes.opening(node, day)
            return opens.timestamp(), closes.timestamp()

        return self.remembered(("opening", node.id, day), found)

    def throughput(self, node: FulfilmentNode, day: date, *, from_now: bool = False) -> int:
        """How many shipments a node can handle on a local day, or in what is left of it."""
        opens, closes = self.opening(node, day)
        start = max(opens, self.now.timestamp()) if from_now else opens
        return int(node.throughput_per_hour * max(0.0, (closes - start) / HOUR_SECONDS))

    def remembered(self, key: tuple[object, ...], find: Callable[[], Found]) -> Found:
        """What was found before under this key, or is found now."""
        if key not in self.calendar:
            self.calendar[key] = find()
        found: Found = self.calendar[key]
        return found


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Whose lines are where: those of demand i are `starts`[i] to `starts`[i + 1] of `skus` (places in `names`)."""

    starts: Numbers
    skus: Numbers
    quantities: Numbers
    names: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One entry per demand in each array, times in seconds since 1970. `quantities`: sku -> quantity, part or whole."""

    demands: Sequence[Demand]
    quantities: Sequence[Mapping[str, int]]
    products: Mapping[str, Product]

    def __len__(self) -> int:
        return len(self.demands)

    @cached_property
    def doors(self) -> Doors:
        """Where they go."""
        orders = [demand.order for demand in self.demands]
        return Doors(
            latitudes=np.array([order.latitude for order in orders]),
            longitudes=np.array([order.longitude for order in orders]),
            countries=[order.country for order in orders],
            postcodes=[normalised_postcode(order.postal_code) for order in orders],
        )

    @cached_property
    def loads(self) -> Loads:
        """What goes there."""
        weights, volumes, lengths, girths = [], [], [], []
        for demand, quantities in zip(self.demands, self.quantities, strict=True):
            sizes = [_size(self.products.get(sku)) for sku in quantities]
            weights.append(sum(line.weight_kg * quantities.get(line.sku, 0) for line in demand.lines))
            volumes.append(sum(line.volume_l * quantities.get(line.sku, 0) for line in demand.lines))
            lengths.append(max((length for length, _ in sizes), default=0.0))
            girths.append(max((girth for _, girth in sizes), default=0.0))
        return Loads(
            weight_kg=np.array(weights, dtype=np.float64),
            volume_l=np.array(volumes, dtype=np.float64),
            length_cm=np.array(lengths, dtype=np.float64),
            girth_cm=np.array(girths, dtype=np.float64),
            skills=[tuple(sorted(demand.order.required_skills)) for demand in self.demands],
        )

    @cached_property
    def lines(self) -> Lines:
        """What each wants of the node's stock: nothing where its goods are collected."""
        names: dict[str, int] = {}
        wanted: list[Mapping[str, int]] = [
            {} if demand.is_collection else quantities
            for demand, quantities in zip(self.demands, self.quantities, strict=True)
        ]
        skus = [names.setdefault(sku, len(names)) for quantities in wanted for sku in quantities]
        amounts = [amount for quantities in wanted for amount in quantities.values()]
        return Lines(
            starts=np.concatenate([[0], np.cumsum([len(quantities) for quantities in wanted])]),
            skus=np.array(skus, dtype=np.int64),
            quantities=np.array(amounts, dtype=np.int64),
            names=list(names),
        )

    @cached_property
    def units(self) -> Minors:
        """How many pieces each has."""
        return np.array([sum(quantities.values()) for quantities in self.quantities], dtype=np.int64)

    @cached_property
    def window_start(self) -> Floats:
        """When the promised window opens."""
        return np.array([_promised(demand.order)[0].timestamp() for demand in self.demands])

    @cached_property
    def window_end(self) -> Floats:
        """When the promised window closes."""
        return np.array([_promised(demand.order)[1].timestamp() for demand in self.demands])

    @cached_property
    def may_wait(self) -> Flags:
        """Whether nobody named or fixed a window, so that the same hours of a later day are possible, too."""
        return np.array(
            [demand.order.requested_start is None and demand.standing is None for demand in self.demands], dtype=bool
        )

    @cached_property
    def areas(self) -> tuple[list[str], Numbers]:
        """The areas of the doors, and the place of each demand's among them."""
        numbers: dict[str, int] = {}
        places = [numbers.setdefault(area_of(demand.order), len(numbers)) for demand in self.demands]
        return list(numbers), np.array(places, dtype=np.int64)

    @cached_property
    def kinds(self) -> list[frozenset[str]]:
        """The kinds of goods in each."""
        return [
            frozenset(product.goods_kind for sku in quantities if (product := self.products.get(sku)) is not None)
            for quantities in self.quantities
        ]

    def window(self, number: int, *, later: int) -> tuple[datetime, datetime]:
        """The window of one demand, so many days after the promised one."""
        start, end = _promised(self.demands[number].order)
        return start + timedelta(days=later), end + timedelta(days=later)

    def days(self, zone: ZoneInfo, *, later: int, now: datetime) -> Numbers:
        """The local day, as an ordinal, on which each is to be at the door: that of its window, but not before now."""
        shift, instant = later * DAY_SECONDS, now.timestamp()
        key = (zone.key, later)
        if key not in self._days:
            starts, ends = self.window_start + shift, self.window_end + shift
            seconds = np.maximum(starts, np.minimum(instant, ends))
            self._days[key] = np.array([_local_day(second, zone).toordinal() for second in seconds.tolist()])
        return self._days[key]

    @cached_property
    def _days(self) -> dict[tuple[str, int], Numbers]:
        return {}


def whole(demands: Sequence[Demand], network: Network) -> Batch:
    """The demands, each undivided."""
    return Batch(demands=demands, quantities=[demand.quantities for demand in demands], products=network.products)


def _promised(order: Order) -> tuple[datetime, datetime]:
    assert order.promised_start is not None, "intake promises every order a window"
    assert order.promised_end is not None, "intake promises every order a window"
    return order.promised_start, order.promised_end


def _local_day(second: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(second, UTC).astimezone(zone).date()


def _size(product: Product | None) -> tuple[float, float]:
    """The longest side, and it with the girth: twice the sum of the others."""
    if product is None:
        return 0.0, 0.0
    longest, *others = sorted((product.length_cm, product.width_cm, product.height_cm), reverse=True)
    return longest, longest + 2 * sum(others)
