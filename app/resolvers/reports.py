"""Reading the report of a day."""

from datetime import date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import strawberry

from app.core.errors import Refusal
from app.orchestration.reports import performance, queries
from app.schema.context import Info
from app.schema.performance import PerformanceType
from app.schema.reports import DayReportType

MOST_DAYS = 366


@strawberry.type
class ReportQueries:
    """Reports, for staff."""

    @strawberry.field
    async def day_report(self, info: Info, date: date) -> DayReportType | None:
        """What became of the orders promised for this local day. Null for all but staff."""
        context = info.context
        if not context.principal.is_staff:
            return None
        zone = ZoneInfo(context.settings.time_zone)
        async with context.database.reading() as session:
            report = await queries.day_report(session, day=date, zone=zone)
        return DayReportType.of(report, day=date, currency=context.settings.currency)

    @strawberry.field
    async def performance(
        self, info: Info, from_: Annotated[date, strawberry.argument(name="from")], to: date
    ) -> PerformanceType | None:
        """What these local days came to, both included, at most 366. Null for all but staff."""
        context = info.context
        if not context.principal.is_staff:
            return None
        if not timedelta() <= to - from_ < timedelta(days=MOST_DAYS):
            raise Refusal(
                "DAYS_INVALID",
                f"From {from_} to {to} are no 1 to {MOST_DAYS} days. Send a first day and a last day in this order.",
                field="to",
            )
        zone = ZoneInfo(context.settings.time_zone)
        since, until = queries.day_bounds(from_, zone)[0], queries.day_bounds(to, zone)[1]
        async with context.database.reading() as session:
            found = await performance.performance(session, since=since, until=until)
        return PerformanceType.of(found, currency=context.settings.currency)
