"""From waiting orders to a plain allocation problem. Pure: no clock, no database."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from app.models import FulfilmentNode
from app.orchestration.allocations.batches import LATER_DAYS, Demand, Network
from app.orchestration.allocations.candidates import Candidate, Part, RuledOut, Ways
from app.orchestration.allocations.splits import splits
from app.orchestration.nodes import policies as nodes
from app.solvers.allocation.problem import (
    AllocationOrder,
    AllocationProblem,
    CostComponent,
    Option,
    Resource,
    ResourceKind,
    Use,
)

# Leaving an order out costs far more than any way to serve it, and more the more urgent it is.
LEFT_OUT_MINOR = 1_000_000
LEFT_OUT_PER_PRIORITY_MINOR = 10_000
# A small batch weighs every way; a larger one the cheapest of each order: the others are hardly ever taken.
SMALL_BATCH, MOST_WAYS = 200, 24


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What one run works on. `room`: (carrier, day, service) -> shipments still to book, where a day has its own row.

    The service is "" for all of the carrier's together. `node_room`: (node, day) -> shipments still to book.
    `contracts`: what each contract with a maximum still takes.
    `waiting`: (node, day) -> shipments that the node has to hand out on the day still.
    """

    demands: Sequence[Demand]
    network: Network
    room: Mapping[tuple[uuid.UUID, date, str], int]
    node_room: Mapping[tuple[uuid.UUID, date], int]
    contracts: Mapping[uuid.UUID, int]
    waiting: Mapping[tuple[uuid.UUID, date], int]
    policy_name: str
    policy_version: int


@dataclass(frozen=True, kw_only=True)
class Posed:
    """The problem, and how to read its answer: order -> its candidates by id, and what was ruled out."""

    problem: AllocationProblem
    candidates: Mapping[str, dict[str, Candidate]]
    ruled_out: Mapping[str, Sequence[RuledOut]] = field(default_factory=dict)


def pose(loaded: Loaded, *, may_split: bool = True) -> Posed:
    """The problem of all waiting orders together."""
    found = possible(loaded.demands, loaded.network, may_split=may_split)
    orders: list[AllocationOrder] = []
    by_order: dict[str, dict[str, Candidate]] = {}
    resources: dict[str, Resource] = {}
    for demand, ways in zip(loaded.demands, found.candidates, strict=True):
        key = str(demand.order.id)
        by_order[key] = {candidate.id: candidate for candidate in ways}
        options = tuple(option(candidate, loaded, resources) for candidate in by_order[key].values())
        orders.append(AllocationOrder(id=key, options=options, unallocated_penalty=penalty(demand)))
    problem = AllocationProblem(orders=tuple(orders), resources=tuple(resources.values()))
    ruled_out = {str(demand.order.id): why for demand, why in zip(loaded.demands, found.ruled_out, strict=True)}
    return Posed(problem=problem, candidates=by_order, ruled_out=ruled_out)


def penalty(demand: Demand) -> int:
    """What leaving an order out costs, in minor units."""
    return LEFT_OUT_MINOR + LEFT_OUT_PER_PRIORITY_MINOR * demand.order.priority


@dataclass(frozen=True, kw_only=True)
class Possible:
    """For each demand the ways to serve it, cheapest first, and what rules out the others."""

    candidates: Sequence[list[Candidate]]
    ruled_out: Sequence[list[RuledOut]]


def possible(demands: Sequence[Demand], network: Network, *, may_split: bool = True) -> Possible:
    """Every way to serve each demand, undivided or shared by two nodes."""
    if not demands:
        return Possible(candidates=[], ruled_out=[])
    ways = Ways(demands, network)
    most = MOST_WAYS if len(demands) > SMALL_BATCH else len(network.nodes) * len(network.services) * LATER_DAYS
    found = [ways.candidates(number, most=most) for number in range(len(demands))]
    divided = {
        number: demand
        for number, demand in enumerate(demands)
        if may_split and (len(demand.lines) > 1 or (not found[number] and demand.lines[0].quantity > 1))
    }
    shared = splits(divided, network, is_served={number: bool(found[number]) for number in divided})
    for number, candidates in shared.items():
        found[number] = sorted([*found[number], *candidates], key=lambda each: (each.cost_minor, each.id))
    return Possible(candidates=found, ruled_out=[list(ways.ruled_out(number)) for number in range(len(demands))])


def option(candidate: Candidate, loaded: Loaded, resources: dict[str, Resource]) -> Option:
    """A candidate as the solver knows it; the resources that it draws from are added to `resources`."""
    uses: dict[str, int] = {}
    for part in candidate.parts:
        for id, amount in drawn(part, loaded, resources):
            uses[id] = uses.get(id, 0) + amount
    return Option(
        id=candidate.id,
        node="+".join(part.node.reference for part in candidate.parts),
        carrier="+".join(part.carrier.reference for part in candidate.parts),
        service="+".join(part.service for part in candidate.parts),
        window=f"{candidate.window_start.isoformat()}/{candidate.window_end.isoformat()}",
        costs=tuple(CostComponent(component=name, amount=amount) for name, amount in candidate.costs),
        uses=tuple(Use(resource_id=key, amount=amount) for key, amount in uses.items()),
    )


def drawn(part: Part, loaded: Loaded, resources: dict[str, Resource]) -> Iterator[tuple[str, int]]:
    """What a part draws from the shared limits, which are added to `resources`: id, amount."""
    node, day = part.node, part.day
    for sku, quantity in part.quantities.items():
        for limit in _stock_limits(node, sku, day, loaded.network):
            resources.setdefault(limit.id, limit)
            yield limit.id, quantity
    id = f"node|{node.id}|{day}"
    if id not in resources:
        resources[id] = _of_node(id, node, day, loaded)
    yield id, 1
    for id in _carrier_limits(part, loaded.network):
        if id not in resources:
            resources[id] = _of_carrier(id, part, loaded)
        yield id, 1


def _carrier_limits(part: Part, network: Network) -> list[str]:
    """The carrier's day, that of the service where it has a limit of its own, and contracts with a maximum."""
    key = ("limits", part.carrier.id, part.service, part.day)

    def found() -> list[str]:
        terms = network.terms[part.carrier.id, part.service]
        limits = [f"carrier|{part.carrier.id}|{part.day}"]
        if terms.document.daily_limit is not None:
            limits.append(f"carrier|{part.carrier.id}|{part.day}|{part.service}")
        contracts = [row for row in terms.contracts_on(part.day) if row.maximum_shipments is not None]
        return [*limits, *(f"contract|{contract.id}" for contract in contracts)]

    return network.remembered(key, found)


def _stock_limits(node: FulfilmentNode, sku: str, day: date, network: Network) -> list[Resource]:
    """The limits on what leaves on a day: all that leaves until the next goods come in, until those after, and so on.

    Whoever leaves later may take of what comes in between; nobody may take what others who leave earlier need.
    """

    def found() -> list[Resource]:
        steps = network.stock_by_day(node, sku)
        since = max(number for number, (first, _) in enumerate(steps) if first <= day)
        return [_of_stock(node, sku, first, there) for first, there in steps[since:]]

    return network.remembered(("stock", node.id, sku, day), found) if network.inbound else found()


def _of_stock(node: FulfilmentNode, sku: str, first: date, there: int) -> Resource:
    id, name = f"stock|{node.id}|{sku}", f"{sku} at {node.reference}"
    if first != date.min:
        id, name = f"{id}|{first}", f"{name} with what may leave from {first} on"
    return Resource(id=id, kind=ResourceKind.STOCK, capacity=there, name=name)


def _of_node(id: str, node: FulfilmentNode, day: date, loaded: Loaded) -> Resource:
    """What the node can still take on the day: by its limit, and by the hours that are left of it."""
    still = nodes.daily_throughput(node, day, after=loaded.network.now) - loaded.waiting.get((node.id, day), 0)
    room = loaded.node_room.get((node.id, day), nodes.daily_throughput(node, day))
    return Resource(
        id=id,
        kind=ResourceKind.NODE_THROUGHPUT,
        capacity=max(0, min(still, room)),
        name=f"node {node.reference} on {day}",
    )


def _of_carrier(id: str, part: Part, loaded: Loaded) -> Resource:
    carrier, day, terms = part.carrier, part.day, loaded.network.terms[part.carrier.id, part.service]
    kind = ResourceKind.CARRIER_CAPACITY
    if id.startswith("contract|"):
        contract = next(each for each in terms.contracts if id == f"contract|{each.id}")
        left = loaded.contracts.get(contract.id, 0)
        return Resource(id=id, kind=kind, capacity=max(0, left), name=f"contract {contract.reference}")
    if id.endswith(f"|{day}"):
        left = loaded.room.get((carrier.id, day, ""), carrier.daily_limit)
        return Resource(id=id, kind=kind, capacity=left, name=f"carrier {carrier.reference} on {day}")
    left = loaded.room.get((carrier.id, day, part.service), terms.document.daily_limit or 0)
    name = f"{part.service} of carrier {carrier.reference} on {day}"
    return Resource(id=id, kind=kind, capacity=left, name=name)
