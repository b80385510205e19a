"""What one plan of one node is made from: its vans with their drivers, and what they have to bring. Plain data."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from math import ceil
from zoneinfo import ZoneInfo

from app.core.geo import Point
from app.models import Driver, FulfilmentNode, Order, Shipment, Vehicle
from app.orchestration.nodes.policies import at_minute
from app.orchestration.policies.documents import Planning, Promises
from app.orchestration.travel import Cell, cell_of

GRAMS_PER_KG, MILLILITRES_PER_LITRE = 1_000, 1_000
# How far the way home may turn out longer than the estimate, before the rest of a route counts as impossible.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a van under way is: free at `place` from `at` on, once it has served the orders `first` there.

    `back_by`: when it would be back if the rest of its route stayed as it is, with MARGIN. `on_board`: grams and
    millilitres of what it brings to its node: collected goods, and those that it could not hand over. `had_lunch`: its
    driver has rested for it; `worked_seconds`: since the last rest. `reloads`: how often it comes back for more before
    that.
    """

    place: Point
    at: datetime
    back_by: datetime
    first: Sequence[uuid.UUID] = ()
    on_board: tuple[int, int] = (0, 0)
    had_lunch: bool = False
    worked_seconds: int = 0
    reloads: int = 0


@dataclass(frozen=True, kw_only=True)
class Crew:
    """A vehicle with those who drive it, by reference, and those who cannot have it: it is another's meanwhile."""

    vehicle: Vehicle
    drivers: Sequence[Driver]
    left_out: Sequence[tuple[Driver, Driver]] = ()


@dataclass(frozen=True, kw_only=True)
class Van:
    """A vehicle with its driver on one day of the horizon, free from `free_from` on, and no longer than `free_until`.

    `route_id`: the published route that it drives then, to which more may be added, but for one that has left: that
    is `standing` somewhere, and what it does not carry it cannot bring, but it can collect more. `slot`: which of the
    day's pauses between its routes, and of its drivers' shifts; `is_followed` by another of its routes.
    """

    vehicle: Vehicle
    driver: Driver
    free_from: datetime
    day_index: int = 0
    slot: int = 0
    free_until: datetime | None = None
    is_followed: bool = False
    route_id: uuid.UUID | None = None
    standing: Standing | None = None

    @property
    def id(self) -> str:
        """The vehicle of the problem."""
        if self.route_id is not None:
            return str(self.route_id)
        return f"{self.vehicle.id}@{self.day_index}" + (f".{self.slot}" if self.slot else "")

    def covers(self, at: datetime) -> bool:
        """Whether the van is free then."""
        return self.free_from <= at and (self.free_until is None or at < self.free_until)

    def ends_anywhere(self, rules: Planning) -> bool:
        """Whether its route ends with its last service; it does not where another route of the vehicle follows."""
        is_followed = self.is_followed or (self.route_id is not None and self.free_until is not None)
        return rules.ends_anywhere(self.vehicle.kind) and not is_followed


@dataclass(frozen=True, kw_only=True)
class Drop:
    """The shipments of one order that are brought, or collected, together.

    `release`: its goods are at the node from then on. `drafted`: the vehicle of the problem that the node's latest
    draft, or the route it is on, has for it. `is_loaded`: its goods are in that vehicle. `service_seconds`: what is
    left of a visit that has begun. `known_to`: the drivers who have been at its door. `kinds`: of its goods.
    """

    order: Order
    shipments: Sequence[Shipment]
    release: datetime | None = None
    drafted: str | None = None
    is_loaded: bool = False
    service_seconds: int | None = None
    known_to: frozenset[uuid.UUID] = frozenset()
    kinds: frozenset[str] = frozenset()

    @property
    def is_collection(self) -> bool:
        """Whether its goods are at its door, and come to the node."""
        return self.order.kind.is_collection

    @property
    def load(self) -> tuple[int, int]:
        """Its goods, in grams and millilitres."""
        weight = sum(shipment.weight_kg for shipment in self.shipments)
        volume = sum(shipment.volume_l for shipment in self.shipments)
        return ceil(round(weight * GRAMS_PER_KG, 3)), ceil(round(volume * MILLILITRES_PER_LITRE, 3))

    @property
    def cell(self) -> Cell:
        """Its door."""
        return cell_of(self.order.latitude, self.order.longitude)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What one plan is made from: `days` days from `day` on.

    `crews`: the node's vans with whoever drives them; `absent` drivers, by reference, do not.
    """

    node: FulfilmentNode
    day: date
    drops: Sequence[Drop]
    vans: Sequence[Van]
    now: datetime
    days: int = 1
    planning: Planning = field(default_factory=Planning)
    promises: Promises = field(default_factory=Promises)
    crews: Sequence[Crew] = ()
    absent: Collection[str] = ()

    @cached_property
    def midnight(self) -> datetime:
        """Second 0 of the problem."""
        return at_minute(self.day, 0, zone=ZoneInfo(self.node.time_zone))

    @cached_property
    def versions(self) -> dict[uuid.UUID, int]:
        """Shipment -> the version that it was planned at."""
        return {shipment.id: shipment.version for drop in self.drops for shipment in drop.shipments}

    @cached_property
    def drops_by_id(self) -> Mapping[str, Drop]:
        """Visit -> drop."""
        return {str(drop.order.id): drop for drop in self.drops}

    @cached_property
    def places(self) -> Sequence[Point]:
        """The places of the problem: the node is place 0, then the doors, each once, and where vans are under way."""
        return [point for point, _ in self._cells.values()]

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """Visit -> its place in the problem."""
        return {visit: self._cells[drop.cell][1] for visit, drop in self.drops_by_id.items()}

    def place_at(self, point: Point) -> int:
        """The place in the problem of a point that is one of its doors, its node, or where a van stands."""
        return self._cells[cell_of(point.latitude, point.longitude)][1]

    @cached_property
    def vans_by_id(self) -> Mapping[str, Van]:
        """Vehicle of the problem -> van."""
        return {van.id: van for van in self.vans}

    @cached_property
    def _cells(self) -> Mapping[Cell, tuple[Point, int]]:
        points = [
            Point(latitude=self.node.latitude, longitude=self.node.longitude),
            *(Point(latitude=drop.order.latitude, longitude=drop.order.longitude) for drop in self.drops),
            *(van.standing.place for van in self.vans if van.standing is not None),
        ]
        first = {cell_of(point.latitude, point.longitude): point for point in reversed(points)}
        cells = dict.fromkeys(cell_of(point.latitude, point.longitude) for point in points)
        return {cell: (first[cell], number) for number, cell in enumerate(cells)}

    def seconds(self, at: datetime) -> int:
        """A moment as the problem counts it."""
        return round((at - self.midnight).total_seconds())
