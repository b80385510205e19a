"""What each kind of job does. A handler may be killed anywhere and started again: it repeats, and never doubles."""

from collections.abc import Awaitable, Callable, Mapping

from app.jobs.handlers.allocate_orders import handle as allocate_orders
from app.jobs.handlers.plan_routes import handle as plan_routes
from app.jobs.tools import Tools
from app.models import Job, JobKind
from app.models.base import Json

Handler = Callable[[Job, Tools], Awaitable[Json]]

HANDLERS: Mapping[JobKind, Handler] = {
    JobKind.ALLOCATE_ORDERS: allocate_orders,
    JobKind.PLAN_ROUTES: plan_routes,
}
