"""From waiting orders to a plain allocation problem, and from the reasons of its answer to ours. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.models.base import Json
from app.orchestration.allocations.candidates import STAGES, Candidate, Demand, Network, Part, RuledOut, candidates
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
from app.solvers.allocation.solution import AllocationRelaxation, Unallocated, UnallocatedCode

# Leaving an order out costs far more than any way to serve it, and more the more urgent it is.
LEFT_OUT_MINOR = 1_000_000
LEFT_OUT_PER_PRIORITY_MINOR = 10_000

OUR_CODE: Mapping[UnallocatedCode, str] = {
    UnallocatedCode.NO_FEASIBLE_OPTION: "NO_OPTION",
    UnallocatedCode.NO_STOCK: "NO_STOCK",
    UnallocatedCode.NODE_THROUGHPUT_EXCEEDED: "NODE_FULL",
    UnallocatedCode.NO_CARRIER_CAPACITY: "NO_CAPACITY",
    UnallocatedCode.NOT_WORTH_SERVING: "COSTS_TOO_MUCH",
}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What one run works on. `room`: (carrier, day) -> shipments still to book, where a day has a row of its own.

    `handled`: (node, day) -> shipments that the node has to handle on the day already.
    """

    demands: Sequence[Demand]
    network: Network
    room: Mapping[tuple[uuid.UUID, date], int]
    handled: Mapping[tuple[uuid.UUID, date], int]
    policy_name: str
    policy_version: int


@dataclass(frozen=True, kw_only=True)
class Posed:
    """The problem, and how to read its answer: order -> its candidates by id, and what was ruled out."""

    problem: AllocationProblem
    candidates: Mapping[str, dict[str, Candidate]]
    ruled_out: Mapping[str, Sequence[RuledOut]] = field(default_factory=dict)


def pose(loaded: Loaded) -> Posed:
    """The problem of all waiting orders together."""
    orders: list[AllocationOrder] = []
    by_order: dict[str, dict[str, Candidate]] = {}
    ruled_out: dict[str, Sequence[RuledOut]] = {}
    resources: dict[str, Resource] = {}
    for demand in loaded.demands:
        key = str(demand.order.id)
        found, ruled_out[key] = candidates(demand, loaded.network)
        by_order[key] = {candidate.id: candidate for candidate in found}
        options = tuple(_option(candidate, loaded, resources) for candidate in by_order[key].values())
        penalty = LEFT_OUT_MINOR + LEFT_OUT_PER_PRIORITY_MINOR * demand.order.priority
        orders.append(AllocationOrder(id=key, options=options, unallocated_penalty=penalty))
    problem = AllocationProblem(orders=tuple(orders), resources=tuple(resources.values()))
    return Posed(problem=problem, candidates=by_order, ruled_out=ruled_out)


def reason(unallocated: Unallocated, ruled_out: Sequence[RuledOut]) -> Json:
    """Why an order got nothing, as `orders.unassigned` keeps it: {code, detail, cheapestRelaxation}."""
    if unallocated.code is UnallocatedCode.NO_FEASIBLE_OPTION and ruled_out:
        nearest = max(STAGES.index(way.code) for way in ruled_out)
        ways = [way for way in ruled_out if STAGES.index(way.code) == nearest]
        best = min(ways, key=lambda way: (way.cost_minor is None, way.cost_minor or 0))
        relaxation = {"constraint": best.code, "change": best.change, "costMinor": best.cost_minor}
        return {"code": best.code, "detail": best.detail, "cheapestRelaxation": relaxation}
    return {
        "code": OUR_CODE[unallocated.code],
        "detail": unallocated.detail,
        "cheapestRelaxation": _relaxation(unallocated.relaxation),
    }


def _relaxation(found: AllocationRelaxation | None) -> Json | None:
    if found is None:
        return None
    return {"constraint": found.constraint, "change": found.change, "costMinor": found.cost}


def _option(candidate: Candidate, loaded: Loaded, resources: dict[str, Resource]) -> Option:
    uses: dict[str, int] = {}
    for part in candidate.parts:
        for resource, amount in _drawn(part, candidate.day, loaded):
            resources.setdefault(resource.id, resource)
            uses[resource.id] = uses.get(resource.id, 0) + amount
    return Option(
        id=candidate.id,
        node="+".join(part.node.reference for part in candidate.parts),
        carrier="+".join(part.carrier.reference for part in candidate.parts),
        service=candidate.parts[0].carrier.reference,
        window=f"{candidate.window_start.isoformat()}/{candidate.window_end.isoformat()}",
        costs=tuple(CostComponent(component=name, amount=amount) for name, amount in candidate.costs),
        uses=tuple(Use(resource_id=key, amount=amount) for key, amount in uses.items()),
    )


def _drawn(part: Part, day: date, loaded: Loaded) -> list[tuple[Resource, int]]:
    """What a part draws from the shared limits."""
    node, carrier = part.node, part.carrier
    stock = loaded.network.available.get(node.id, {})
    drawn = [
        (
            Resource(
                id=f"stock|{node.id}|{sku}",
                kind=ResourceKind.STOCK,
                capacity=stock.get(sku, 0),
                name=f"{sku} at {node.reference}",
            ),
            quantity,
        )
        for sku, quantity in part.quantities.items()
    ]
    throughput = Resource(
        id=f"node|{node.id}|{day}",
        kind=ResourceKind.NODE_THROUGHPUT,
        capacity=max(0, _throughput(part, day, loaded.network.now) - loaded.handled.get((node.id, day), 0)),
        name=f"node {node.reference} on {day}",
    )
    capacity = Resource(
        id=f"carrier|{carrier.id}|{day}",
        kind=ResourceKind.CARRIER_CAPACITY,
        capacity=loaded.room.get((carrier.id, day), carrier.daily_limit),
        name=f"carrier {carrier.reference} on {day}",
    )
    return [*drawn, (throughput, 1), (capacity, 1)]


def _throughput(part: Part, day: date, now: datetime) -> int:
    """How many shipments the node can handle in what is left of its opening hours on the day."""
    opens, closes = nodes.opening(part.node, day)
    start = max(opens, now.astimezone(ZoneInfo(part.node.time_zone)))
    hours = max(0.0, (closes - start).total_seconds() / 3_600)
    return int(part.node.throughput_per_hour * hours)
