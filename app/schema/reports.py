"""The report of a day."""

import datetime

import strawberry

from app.orchestration.reports.queries import DayReport
from app.schema.scalars import MoneyType, money


@strawberry.type(name="Count", description="How many of one kind.")
class CountType:
    """A name and a number."""

    name: str
    count: int


@strawberry.type(name="ChannelCount", description="How many messages of one channel are in one state.")
class ChannelCountType:
    """A channel, a state and a number."""

    channel: str
    state: str
    count: int


@strawberry.type(name="DayReport", description="What a day came to. Shares are 0 to 1, null where nothing was due.")
class DayReportType:
    """What became of the orders promised for a day, and of all that was done for them."""

    date: datetime.date
    orders: list[CountType]
    shipments: list[CountType]
    routes: list[CountType]
    proofs: list[CountType]
    messages: list[ChannelCountType]
    on_time_rate: float | None
    utilisation: float | None
    cost: MoneyType | None
    cost_per_stop: MoneyType | None
    feedback_count: int
    feedback_score: float | None
    events: int
    open_stops: int
    delivered_without_proof: int

    @staticmethod
    def of(report: DayReport, *, day: datetime.date, currency: str) -> "DayReportType":
        """The report for an answer."""
        return DayReportType(
            date=day,
            orders=_counts(report.orders),
            shipments=_counts(report.shipments),
            routes=_counts(report.routes),
            proofs=_counts(report.proofs),
            messages=[
                ChannelCountType(channel=channel, state=state, count=count)
                for channel, states in sorted(report.messages.items())
                for state, count in sorted(states.items())
            ],
            on_time_rate=report.on_time_share,
            utilisation=report.utilisation,
            cost=money(report.cost_minor, currency),
            cost_per_stop=money(report.cost_per_stop_minor, currency),
            feedback_count=report.feedback_count,
            feedback_score=report.feedback_score,
            events=report.events,
            open_stops=report.open_stops,
            delivered_without_proof=report.delivered_without_proof,
        )


def _counts(found: dict[str, int]) -> list[CountType]:
    return [CountType(name=name, count=count) for name, count in found.items()]
