"""How the platform did over some days."""

import uuid

import strawberry

from app.orchestration.carriers import queries as carriers
from app.orchestration.carriers.scorecards import Scorecard
from app.orchestration.nodes import queries as nodes
from app.orchestration.reports.performance import Alerts, Estimates, OfNode, Performance, Planning, Ratings
from app.schema.carriers import CarrierType
from app.schema.context import Info
from app.schema.nodes import FulfilmentNodeType
from app.schema.rates import RateType, wilson
from app.schema.scalars import MoneyType, money


@strawberry.type(name="EtaAccuracy", description="The last time told a quarter of an hour ahead, against the visit.")
class EtaAccuracyType:
    """How far estimates were off. Null where nothing was told."""

    mean_absolute_error_seconds: float | None
    coverage: float | None = strawberry.field(description="The share of visits within the interval that was told.")
    nominal_coverage: float

    @staticmethod
    def of(row: Estimates) -> "EtaAccuracyType":
        """The GraphQL form."""
        return EtaAccuracyType(**vars(row))


@strawberry.type(name="AlertQuality", description="Warnings that a window would be missed.")
class AlertQualityType:
    """`missed` counts windows that were missed without a warning; the lead is to the end of the window."""

    raised: int
    correct: int
    missed: int
    median_lead_seconds: float | None

    @staticmethod
    def of(row: Alerts) -> "AlertQualityType":
        """The GraphQL form."""
        return AlertQualityType(**vars(row))


@strawberry.type(name="PlanningQuality")
class PlanningQualityType:
    """Plans that were made, and how long each was searched for."""

    runs: int
    median_seconds: float | None
    orders_planned: int

    @staticmethod
    def of(row: Planning) -> "PlanningQualityType":
        """The GraphQL form."""
        return PlanningQualityType(**vars(row))


@strawberry.type(name="FeedbackSummary", description="What customers answered. The net promoter score is -100 to 100.")
class FeedbackSummaryType:
    """Null where nothing was answered."""

    responses: int
    average_score: float | None
    net_promoter_score: float | None

    @staticmethod
    def of(row: Ratings) -> "FeedbackSummaryType":
        """The GraphQL form."""
        return FeedbackSummaryType(**vars(row))


@strawberry.type(name="CarrierPerformance")
class CarrierPerformanceType:
    """What one carrier delivered."""

    key: strawberry.Private[uuid.UUID]
    shipments: int
    cost_per_shipment: MoneyType | None
    on_time_rate: RateType | None

    @strawberry.field
    async def carrier(self, info: Info) -> CarrierType | None:
        """Which carrier."""
        row = await info.context.load(carriers.by_ids, self.key)
        return None if row is None else CarrierType.of(row)

    @staticmethod
    def of(key: uuid.UUID, card: Scorecard, *, currency: str) -> "CarrierPerformanceType":
        """The GraphQL form."""
        return CarrierPerformanceType(
            key=key,
            shipments=card.shipments,
            cost_per_shipment=money(card.cost_per_shipment_minor, currency),
            on_time_rate=wilson(card.on_time_share, card.shipments),
        )


@strawberry.type(name="NodePerformance")
class NodePerformanceType:
    """What left one node."""

    key: strawberry.Private[uuid.UUID]
    orders: int
    fill_rate: float | None = strawberry.field(description="Pieces delivered of the pieces that were due.")

    @strawberry.field
    async def node(self, info: Info) -> FulfilmentNodeType | None:
        """Which node."""
        row = await info.context.load(nodes.by_ids, self.key)
        return None if row is None else FulfilmentNodeType.of(row)

    @staticmethod
    def of(row: OfNode) -> "NodePerformanceType":
        """The GraphQL form."""
        return NodePerformanceType(key=row.node_id, orders=row.orders, fill_rate=row.fill_rate)


@strawberry.type(name="Performance", description="What some local days came to, both ends included.")
class PerformanceType:
    """Rates with their intervals; null where there was nothing to divide by."""

    cost_per_stop: MoneyType | None
    cost_per_shipment: MoneyType | None
    on_time_rate: RateType | None
    first_attempt_rate: RateType | None
    utilisation: float | None
    eta_accuracy: EtaAccuracyType
    alerts: AlertQualityType
    planning: PlanningQualityType
    feedback: FeedbackSummaryType
    by_carrier: list[CarrierPerformanceType]
    by_node: list[NodePerformanceType]

    @staticmethod
    def of(row: Performance, *, currency: str) -> "PerformanceType":
        """The GraphQL form. The carriers with most shipments come first."""
        by_size = sorted(row.carriers.items(), key=lambda pair: (-pair[1].shipments, str(pair[0])))
        return PerformanceType(
            cost_per_stop=money(row.cost_per_stop_minor, currency),
            cost_per_shipment=money(row.cost_per_shipment_minor, currency),
            on_time_rate=wilson(row.on_time.value, row.on_time.count),
            first_attempt_rate=wilson(row.first_attempt.value, row.first_attempt.count),
            utilisation=row.utilisation,
            eta_accuracy=EtaAccuracyType.of(row.estimates),
            alerts=AlertQualityType.of(row.alerts),
            planning=PlanningQualityType.of(row.planning),
            feedback=FeedbackSummaryType.of(row.ratings),
            by_carrier=[CarrierPerformanceType.of(key, card, currency=currency) for key, card in by_size],
            by_node=[NodePerformanceType.of(found) for found in row.nodes],
        )
