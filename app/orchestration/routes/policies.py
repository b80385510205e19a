"""Which event may follow which state of a route. Pure: no clock, no database."""

from collections.abc import Mapping
from enum import StrEnum

from app.core.errors import Conflict
from app.models import Route, RouteState


class RouteEvent(StrEnum):
    """What can happen to a route."""

    PUBLISH = "PUBLISH"
    ACCEPT = "ACCEPT"
    START = "START"
    COMPLETE = "COMPLETE"
    CANCEL = "CANCEL"


State, Event = RouteState, RouteEvent

# A driver who starts without accepting has accepted by doing so.
NEXT: Mapping[tuple[RouteState, RouteEvent], RouteState] = {
    (State.DRAFT, Event.PUBLISH): State.PUBLISHED,
    (State.DRAFT, Event.CANCEL): State.CANCELLED,
    (State.PUBLISHED, Event.ACCEPT): State.ACCEPTED,
    (State.PUBLISHED, Event.START): State.IN_PROGRESS,
    (State.PUBLISHED, Event.CANCEL): State.CANCELLED,
    (State.ACCEPTED, Event.START): State.IN_PROGRESS,
    (State.ACCEPTED, Event.CANCEL): State.CANCELLED,
    (State.IN_PROGRESS, Event.COMPLETE): State.COMPLETED,
    (State.IN_PROGRESS, Event.CANCEL): State.CANCELLED,
}

TERMINAL = frozenset({State.COMPLETED, State.CANCELLED})
# What a driver has before them: published, and not over yet.
CURRENT = frozenset({State.PUBLISHED, State.ACCEPTED, State.IN_PROGRESS})
# Before it starts, goods can still be scanned into the van.
LOADING = frozenset({State.PUBLISHED, State.ACCEPTED})


def next_state(route: Route, event: RouteEvent) -> RouteState:
    """The state after `event`; refuses what the machine does not know."""
    found = NEXT.get((route.state, event))
    if found is None:
        allowed = ", ".join(known.value for state, known in NEXT if state is route.state) or "nothing any more"
        raise Conflict(
            "INVALID_STATE",
            f"Route {route.reference} is {route.state.value}, so that {event.value} cannot happen to it."
            f" What can: {allowed}.",
        )
    return found


def check_in_progress(route: Route) -> None:
    """Refuses what may only happen on the road."""
    if route.state is not State.IN_PROGRESS:
        raise Conflict(
            "INVALID_STATE",
            f"Route {route.reference} is {route.state.value}; stops are visited while it is IN_PROGRESS."
            " Record routeStarted first.",
        )


def check_loading(route: Route) -> None:
    """Refuses to load a van that has left."""
    if route.state not in LOADING:
        raise Conflict(
            "INVALID_STATE",
            f"Route {route.reference} is {route.state.value}, so that nothing can be loaded any more."
            " Scan goods before routeStarted.",
        )
