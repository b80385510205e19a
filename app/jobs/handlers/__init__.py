"""What each kind of job does. A handler may be killed anywhere and started again: it repeats, and never doubles."""

from collections.abc import Mapping

from app.jobs.handlers.allocate_orders import handle as allocate_orders
from app.jobs.handlers.plan_routes import handle as plan_routes
from app.jobs.holding import Handler
from app.jobs.solve_part import handle as solve_part
from app.models import JobKind

HANDLERS: Mapping[JobKind, Handler] = {
    JobKind.ALLOCATE_ORDERS: allocate_orders,
    JobKind.PLAN_ROUTES: plan_routes,
    JobKind.SOLVE_PART: solve_part,
}

__all__ = ["HANDLERS", "Handler"]
