"""Decisions: what was chosen automatically, over what, and why; and why an order could not be served."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from app.core.ids import to_global
from app.core.money import Money
from app.models import Decision, DecisionKind
from app.models.base import Json
from app.orchestration.carriers import queries as carriers
from app.orchestration.decisions import queries as decisions
from app.orchestration.nodes import queries as nodes
from app.schema.carriers import CarrierType
from app.schema.context import Info
from app.schema.nodes import FulfilmentNodeType
from app.schema.relay import Node
from app.schema.scalars import MoneyType, WindowType, money

DecisionKindEnum = strawberry.enum(DecisionKind, description="What was decided.")


@strawberry.type(name="VersionedName")
class VersionedNameType:
    """Which policy or model, and which version of it."""

    name: str
    version: str


@strawberry.type(name="CostComponent")
class CostComponentType:
    """One part of a cost."""

    component: str
    amount: Decimal = strawberry.field(description="In major units of the cost's currency.")


@strawberry.type(name="Reason")
class ReasonType:
    """A code for programs and a sentence for people."""

    code: str
    detail: str


@strawberry.type(name="Alternative")
class AlternativeType:
    """One way that was looked at."""

    given: strawberry.Private[Json]

    @strawberry.field
    async def node(self, info: Info) -> FulfilmentNodeType | None:
        """Where it would leave from."""
        key = self.given.get("nodeId")
        row = await info.context.load(nodes.by_ids, uuid.UUID(key)) if key else None
        return None if row is None else FulfilmentNodeType.of(row)

    @strawberry.field
    async def carrier(self, info: Info) -> CarrierType | None:
        """Who would carry it."""
        key = self.given.get("carrierId")
        row = await info.context.load(carriers.by_ids, uuid.UUID(key)) if key else None
        return None if row is None else CarrierType.of(row)

    @strawberry.field
    def window(self) -> WindowType | None:
        """When it would be at the door."""
        found = self.given.get("window")
        if not found:
            return None
        return WindowType(start=datetime.fromisoformat(found["start"]), end=datetime.fromisoformat(found["end"]))

    @strawberry.field
    def cost(self) -> MoneyType | None:
        """What it would cost, weights of the policy included."""
        return money(self.given.get("costMinor"), self.given.get("currency"))

    @strawberry.field
    def breakdown(self) -> list[CostComponentType]:
        """The parts of the cost."""
        return _components(self.given, "breakdown")

    @strawberry.field
    def service(self) -> str | None:
        """By which of the carrier's services."""
        return self.given.get("service")

    @strawberry.field
    def price(self) -> MoneyType | None:
        """What the carrier charges."""
        return money(self.given.get("priceMinor"), self.given.get("currency"))

    @strawberry.field
    def carriage(self) -> list[CostComponentType]:
        """The carrier's price, item by item."""
        return _components(self.given, "carriage")

    @strawberry.field
    def price_source(self) -> str | None:
        """Where the carrier's price comes from: RATE_CARD, or QUOTE where its gateway was asked and answered."""
        return self.given.get("priceSource")

    @strawberry.field
    def scarcity(self) -> MoneyType | None:
        """What it would have used up of scarce stock and capacity, at their prices; null where nothing is scarce."""
        return money(self.given.get("scarcityMinor"), self.given.get("currency"))

    @strawberry.field
    def probability_on_time(self) -> float | None:
        """How probable it was to be on time; null where no model said so."""
        return self.given.get("probabilityOnTime")

    @strawberry.field
    def rejected_because(self) -> ReasonType | None:
        """Why it lost; null for what was chosen."""
        found = self.given.get("rejectedBecause")
        return None if not found else ReasonType(code=found["code"], detail=found["detail"])


def _components(given: Json, key: str) -> list[CostComponentType]:
    currency = given.get("currency") or ""
    return [
        CostComponentType(
            component=part["component"], amount=Money(minor=part["amountMinor"], currency=currency).to_decimal()
        )
        for part in given.get(key, [])
    ]


@strawberry.type(name="Decision")
class DecisionType(Node):
    """An automatic choice, kept for good."""

    row: strawberry.Private[Decision]
    kind: DecisionKind
    at: datetime
    automatic: bool
    overridden_by: str | None

    @strawberry.field
    def policy(self) -> VersionedNameType | None:
        """Whose rules decided."""
        if self.row.policy_name is None:
            return None
        return VersionedNameType(name=self.row.policy_name, version=str(self.row.policy_version or 0))

    @strawberry.field
    def model(self) -> VersionedNameType | None:
        """Which solver or model decided."""
        if self.row.model_name is None:
            return None
        return VersionedNameType(name=self.row.model_name, version=self.row.model_version or "1")

    @strawberry.field
    def gap(self) -> float | None:
        """How far the batch's answer may be from the best one, as a share: proved; null where nothing is."""
        return self.row.gap

    @strawberry.field
    def reason(self) -> str | None:
        """Why a person chose so; null for what the platform decided."""
        return self.row.detail.get("reason")

    @strawberry.field
    async def overrides(self, info: Info) -> Annotated["DecisionType", strawberry.lazy("app.schema.decisions")] | None:
        """The decision that this one replaced; null where it replaced none."""
        if self.row.overrides_id is None:
            return None
        row = await info.context.load(decisions.by_ids, self.row.overrides_id)
        return None if row is None else DecisionType.of(row)

    @strawberry.field
    def chosen(self) -> AlternativeType | None:
        """What was chosen; null where nothing could be."""
        return None if self.row.chosen is None else AlternativeType(given=self.row.chosen)

    @strawberry.field
    def alternatives(self) -> list[AlternativeType]:
        """What lost, and why."""
        return [AlternativeType(given=given) for given in self.row.alternatives]

    @staticmethod
    def of(row: Decision) -> "DecisionType":
        """The GraphQL form of a decision."""
        return DecisionType(
            id=strawberry.ID(to_global("Decision", row.id)),
            row=row,
            kind=row.kind,
            at=row.at,
            automatic=row.automatic,
            overridden_by=row.overridden_by,
        )


@strawberry.type(name="Relaxation")
class RelaxationType:
    """The cheapest single change that would have served it."""

    constraint: str
    change: str
    cost: MoneyType | None


@strawberry.type(name="RuledOut")
class RuledOutType:
    """The share of all vehicles, 0 to 1, that a constraint keeps away; each vehicle counts once."""

    constraint: str
    share: float


@strawberry.type(name="Unassigned")
class UnassignedType:
    """Why an order is not served yet. `refusedBy`: what keeps it off the vehicle that comes nearest to serving it."""

    code: str
    detail: str
    refused_by: str | None
    ruled_out: list[RuledOutType]
    cheapest_relaxation: RelaxationType | None

    @staticmethod
    def of(given: Json | None, *, currency: str) -> "UnassignedType | None":
        """The reason for an answer, or null where there is none."""
        if not given:
            return None
        return UnassignedType(
            code=given["code"],
            detail=given["detail"],
            refused_by=given.get("refusedBy"),
            ruled_out=ruled_out(given),
            cheapest_relaxation=relaxation(given.get("cheapestRelaxation"), currency=currency),
        )


def ruled_out(given: Json) -> list[RuledOutType]:
    """The constraints of a reason, the one that keeps most vehicles away first."""
    return [RuledOutType(constraint=each["constraint"], share=each["share"]) for each in given.get("ruledOut") or []]


def relaxation(given: Json | None, *, currency: str) -> RelaxationType | None:
    """The relaxation for an answer, or null where there is none."""
    if not given:
        return None
    return RelaxationType(
        constraint=given["constraint"], change=given["change"], cost=money(given.get("costMinor"), currency)
    )
