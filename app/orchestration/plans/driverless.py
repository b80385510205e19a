"""Vans with goods in them and nobody to drive them: a case for a dispatcher, until somebody takes the van over."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Severity
from app.orchestration.events import subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.plans.under_way import UnderWay

WITHOUT_DRIVER = "ROUTE_WITHOUT_DRIVER"


async def tell(session: AsyncSession, found: UnderWay, *, now: datetime) -> None:
    """Opens a case for each such route, and closes those of routes that somebody drives again."""
    driven = [route.id for id, route in found.routes.items() if id not in found.without_driver]
    await exceptions.settle_all(
        session, kind=WITHOUT_DRIVER, subject_ids=driven, resolution="Somebody drives it again.", now=now
    )
    troubles = []
    for id in sorted(found.without_driver):
        goods = found.loaded_goods.get(id, 0)
        route = found.routes[id]
        if goods:
            subject = subjects.of_route(route)
            summary = f"Shipments in its van: {goods}. Give the vehicle another driver, and replan the day."
            troubles.append(
                Trouble(
                    kind=WITHOUT_DRIVER,
                    severity=Severity.CRITICAL,
                    subject=subject,
                    node_id=route.node_id,
                    due_at=route.planned_end,
                    suggestion={"action": "ASSIGN_DRIVER", "summary": summary},
                )
            )
    await exceptions.open_cases(session, troubles, now=now)
