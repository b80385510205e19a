"""What a run works on, and the limits that its ways share: each numbered and named when it is first drawn from.

Pure: no clock, no database.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.models import FulfilmentNode
from app.orchestration.allocations.batches import Demand, Network
from app.orchestration.allocations.candidates import Part
from app.orchestration.allocations.rooms import Rooms
from app.orchestration.carriers.terms import ServiceTerms


class ResourceKind(StrEnum):
    """What runs out."""

    STOCK = "STOCK"  # units of a sku at a node
    NODE_THROUGHPUT = "NODE_THROUGHPUT"  # shipments a node can hand out in a day
    CARRIER_CAPACITY = "CARRIER_CAPACITY"  # shipments a carrier takes on a day, or a contract at all


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Something shared and limited. `name` is how a dispatcher would say it: `carrier swift on 2026-03-02`."""

    id: str
    kind: ResourceKind
    capacity: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What one run works on. `waiting`: (node, day) -> shipments that the node has to hand out on the day still."""

    demands: Sequence[Demand]
    network: Network
    rooms: Rooms
    waiting: Mapping[tuple[uuid.UUID, date], int]
    policy_name: str
    policy_version: int


class Limits:
    """The limits met so far, and the number of each among them."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._numbers: dict[str, int] = {}
        self.resources: list[Resource] = []

    def drawn(self, part: Part) -> Iterator[tuple[int, int]]:
        """What a part of an order draws from them: number, amount."""
        for sku, quantity in part.from_stock.items():
            for number in self.of_stock(part.node, sku, part.day):
                yield number, quantity
        yield self.of_node(part.node, part.day), 1
        for number in self.of_carrier(self._loaded.network.terms[part.carrier.id, part.service], part.day):
            yield number, 1

    def find(self, id: str) -> Resource | None:
        """The limit with this id as it is now; None where what it belongs to is no longer there."""
        kind, key, *rest = id.split("|")
        network = self._loaded.network
        if kind in ("stock", "node"):
            for node in (node for node in network.nodes if str(node.id) == key):
                if kind == "stock":
                    self.of_stock(node, rest[0], date.min)
                else:
                    self.of_node(node, date.fromisoformat(rest[0]))
        for terms in network.services:
            if kind == "carrier" and str(terms.carrier.id) == key:
                self.of_carrier(terms, date.fromisoformat(rest[0]))
            for contract in terms.contracts:
                if kind == "contract" and str(contract.id) == key:
                    self.of_carrier(terms, contract.valid_until)
        number = self._numbers.get(id)
        return None if number is None else self.resources[number]

    def of_stock(self, node: FulfilmentNode, sku: str, day: date) -> list[int]:
        """Units of a sku at a node, for what leaves on a day: a limit until the next goods come in, and after each.

        Whoever leaves later may take of what comes in between; nobody may take what others who leave earlier need.
        """
        steps = self._loaded.network.stock_by_day(node, sku)
        since = max(number for number, (first, _) in enumerate(steps) if first <= day)
        return [self._of_step(node, sku, first, there) for first, there in steps[since:]]

    def _of_step(self, node: FulfilmentNode, sku: str, first: date, there: int) -> int:
        id, name = f"stock|{node.id}|{sku}", f"{sku} at {node.reference}"
        if first != date.min:
            id, name = f"{id}|{first}", f"{name} with what may leave from {first} on"
        return self._number(id, lambda: (ResourceKind.STOCK, there, name))

    def of_node(self, node: FulfilmentNode, day: date) -> int:
        """What the node can still take on the day: by its limit, and by the hours that are left of it."""

        def made() -> tuple[ResourceKind, int, str]:
            loaded, network = self._loaded, self._loaded.network
            still = network.throughput(node, day, from_now=True) - loaded.waiting.get((node.id, day), 0)
            room = loaded.rooms.nodes.get((node.id, day), network.throughput(node, day))
            return ResourceKind.NODE_THROUGHPUT, min(still, room), f"node {node.reference} on {day}"

        return self._number(f"node|{node.id}|{day}", made)

    def of_carrier(self, terms: ServiceTerms, day: date) -> list[int]:
        """The carrier's day, that of the service where it has a limit of its own, and contracts with a maximum."""
        carrier, kind, room = terms.carrier, ResourceKind.CARRIER_CAPACITY, self._loaded.rooms.carriers
        id = f"carrier|{carrier.id}|{day}"
        left = room.get((carrier.id, day, ""), carrier.daily_limit)
        found = [self._number(id, lambda: (kind, left, f"carrier {carrier.reference} on {day}"))]
        if (own := terms.document.daily_limit) is not None:
            of_service = room.get((carrier.id, day, terms.code), own)
            name = f"{terms.code} of carrier {carrier.reference} on {day}"
            found.append(self._number(f"{id}|{terms.code}", lambda: (kind, of_service, name)))
        for contract in terms.contracts_on(day):
            if contract.maximum_shipments is not None:
                known = (kind, self._loaded.rooms.contracts.get(contract.id, 0), f"contract {contract.reference}")
                found.append(self._number(f"contract|{contract.id}", lambda known=known: known))  # type: ignore[misc]
        return found

    def _number(self, id: str, make: Callable[[], tuple[ResourceKind, int, str]]) -> int:
        number = self._numbers.setdefault(id, len(self.resources))
        if number == len(self.resources):
            kind, capacity, name = make()
            self.resources.append(Resource(id=id, kind=kind, capacity=max(0, capacity), name=name))
        return number
