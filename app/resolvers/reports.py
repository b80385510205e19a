"""Reading the report of a day."""

from datetime import date
from zoneinfo import ZoneInfo

import strawberry

from app.orchestration.reports import queries
from app.schema.context import Info
from app.schema.reports import DayReportType


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
