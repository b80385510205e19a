"""Routes, stops and proofs: reading them by id, accepting a route, and hearing of its changes."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime

import strawberry

from app.auth.principals import Principal, PrincipalKind
from app.core.database import Session
from app.core.ids import from_global, to_global
from app.models import Event, Route
from app.orchestration.driver_events import driving
from app.orchestration.drivers import queries as drivers
from app.orchestration.proofs import queries as proofs
from app.orchestration.routes import queries
from app.orchestration.stops import queries as stops
from app.resolvers.mutations import Json, mutation, perform, subscription
from app.schema.context import Context, Info
from app.schema.drivers import DriverType
from app.schema.proofs import ProofType
from app.schema.relay import NODE_SOURCES, NodeSource
from app.schema.routes import AcceptRouteInput, AcceptRoutePayload, RouteChangeType, RouteType, pauses_of
from app.schema.stops import StopType
from app.schema.vehicles import VehicleType

NODE_SOURCES["Route"] = NodeSource(batch=queries.by_ids, of=RouteType.of)
NODE_SOURCES["Stop"] = NodeSource(batch=stops.by_ids, of=StopType.of)
NODE_SOURCES["Proof"] = NodeSource(batch=proofs.by_ids, of=ProofType.of)
NODE_SOURCES["Vehicle"] = NodeSource(batch=queries.vehicles, of=VehicleType.of)
NODE_SOURCES["Driver"] = NodeSource(batch=drivers.by_ids, of=DriverType.of)

# What changes a route as a driver sees it.
NOUNS = ("route.", "stop.")
ETA_CHANGED = "shipment.eta_changed"


@strawberry.type
class RouteMutations:
    """What a driver says to a route as a whole."""

    @mutation(callers={PrincipalKind.DRIVER})
    async def accept_route(self, info: Info, input: AcceptRouteInput) -> AcceptRoutePayload:
        """The driver takes the route on."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            route = await driving.accept(
                session,
                route_id=from_global("Route", input.route_id, field="routeId"),
                expected_version=input.expected_version,
                actor=actor,
                now=now,
            )
            return {"routeId": str(route.id)}

        async def answer(outcome: Json) -> AcceptRoutePayload:
            row = await info.context.load(queries.by_ids, uuid.UUID(outcome["routeId"]))
            return AcceptRoutePayload(route=None if row is None else RouteType.of(row))

        return await perform(info, input, payload=AcceptRoutePayload, work=work, answer=answer)


@strawberry.type
class RouteSubscriptions:
    """What a driver hears of."""

    @subscription(callers={PrincipalKind.DRIVER})
    async def route_changed(self, info: Info) -> AsyncIterator[RouteChangeType]:
        """The driver's own routes, each time that one of them or its stops or times change."""
        context = info.context
        assert context.live is not None, "a process that serves subscriptions follows the log"
        async with context.live.listening(is_change) as events:
            async for event in events:
                context.forget()
                route = await _own_route(context, event)
                if route is not None:
                    rows = await context.load(stops.of_routes, route.id) or []
                    yield RouteChangeType(
                        id=strawberry.ID(to_global("Route", route.id)),
                        version=route.version,
                        state=route.state,
                        reason=str(event.data.get("reason") or event.type),
                        stops=[StopType.of(row) for row in rows],
                        pauses=await pauses_of(context, route),
                    )


def is_change(event: Event) -> bool:
    """Whether an event changes what a driver sees of a route."""
    return event.route_id is not None and (event.type.startswith(NOUNS) or event.type == ETA_CHANGED)


async def _own_route(context: Context, event: Event) -> Route | None:
    """The event's route, where it is the driver's own."""
    return None if event.route_id is None else await context.load(queries.by_ids, event.route_id)
