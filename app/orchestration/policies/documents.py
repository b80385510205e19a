"""What a policy says, with a default for everything. Pure: no clock, no database.

In JSON the keys are camelCase, as everywhere in the API. Money is in minor units of the deployment's currency.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from app.core.errors import Refusal
from app.models import DecisionKind, FailureReason, OrderState
from app.models.base import Json

NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]


class Part(BaseModel):
    """One part of the document: unknown keys are refused, and nothing is coerced."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Mode(StrEnum):
    """How far a kind of decision goes by itself."""

    ACT = "ACT"
    ACT_ABOVE_CONFIDENCE = "ACT_ABOVE_CONFIDENCE"
    PROPOSE = "PROPOSE"


class Autonomy(Part):
    """Act alone, act above a confidence, or propose."""

    mode: Mode = Mode.ACT
    confidence: Share = 0.8

    def may_act(self, *, confidence: float | None) -> bool:
        """Whether a decision of this confidence (None where none was stated) is carried out without asking."""
        if self.mode is Mode.ACT_ABOVE_CONFIDENCE:
            return confidence is not None and confidence >= self.confidence
        return self.mode is Mode.ACT


class AllocationWeights(Part):
    """What counts, and how much, when a node, carrier, service and window are chosen for an order.

    Money counts as it is, times its weight. Lateness counts by the hour that is expected and by the chance to miss the
    window at all; emissions by the kilogram. `scarcity` is the share of the price of scarce stock and capacity that a
    single order pays when it is decided alone. `at_once` decides orders as they come in, before the next batch.
    """

    fulfilment: Amount = 1.0
    carriage: Amount = 1.0
    lateness_minor_per_hour: NonNegative = 600
    missed_window_minor: NonNegative = 0
    split_minor: NonNegative = 400
    distance_minor_per_km: NonNegative = 10
    emissions_minor_per_kg: NonNegative = 0
    scarcity: Amount = 1.0
    at_once: bool = False


class FailureOverride(Part):
    """What this policy changes for one failure reason; None keeps the general rule."""

    may_reattempt: bool | None = None
    max_attempts: Positive | None = None
    reattempt_delay_minutes: NonNegative | None = None
    counts_against_sla: bool | None = None


class TrackingVisibility(Part):
    """When a customer sees the van on the map: so many stops before, or so many minutes before."""

    within_stops: NonNegative = 5
    within_minutes: NonNegative = 60


class PolicyDocument(Part):
    """The rules of one vertical."""

    allocation: AllocationWeights = AllocationWeights()
    autonomy: dict[DecisionKind, Autonomy] = Field(default_factory=dict)
    cancellable_until: Literal["RECEIVED", "ALLOCATED"] = "ALLOCATED"
    max_attempts: Positive = 3
    reattempt_delay_minutes: NonNegative = 60
    return_after_hours: Positive = 72
    failures: dict[FailureReason, FailureOverride] = Field(default_factory=dict)
    messages: dict[str, bool] = Field(default_factory=dict)
    tracking: TrackingVisibility = TrackingVisibility()
    service_seconds: Annotated[int, Field(ge=0, le=14_400)] = 180
    service_level: str = "STANDARD"
    window_lead_hours: NonNegative = 0
    window_hours: Annotated[int, Field(ge=1, le=336)] = 24
    hold_minutes: Positive = 15
    tender_respond_minutes: Positive = 30

    @model_validator(mode="after")
    def _attempts_agree(self) -> Self:
        for reason, rule in self.failures.items():
            if rule.may_reattempt is False and (rule.max_attempts or 1) > 1:
                raise ValueError(f"{reason} allows no reattempt, but {rule.max_attempts} attempts")
        return self

    def autonomy_of(self, kind: DecisionKind) -> Autonomy:
        """How far a kind of decision goes by itself; alone where the document does not say."""
        return self.autonomy.get(kind, Autonomy())

    def override_of(self, reason: FailureReason) -> FailureOverride:
        """What the document changes for a failure reason."""
        return self.failures.get(reason, FailureOverride())

    def sends(self, kind: str) -> bool:
        """Whether a kind of message goes out; it does where the document does not say."""
        return self.messages.get(kind, True)

    @property
    def reattempt_delay(self) -> timedelta:
        """How long after a failed attempt the next one may start."""
        return timedelta(minutes=self.reattempt_delay_minutes)

    @property
    def return_after(self) -> timedelta:
        """How long goods may wait for another attempt before they go back."""
        return timedelta(hours=self.return_after_hours)

    @property
    def cancellable_states(self) -> frozenset[OrderState]:
        """The states in which an order may be cancelled."""
        if self.cancellable_until == "RECEIVED":
            return frozenset({OrderState.RECEIVED})
        return frozenset({OrderState.RECEIVED, OrderState.ALLOCATED})

    def to_json(self) -> Json:
        """The document as it is stored and shown, complete."""
        return self.model_dump(mode="json", by_alias=True)


def parse(document: Json) -> PolicyDocument:
    """The document that this JSON describes; what it leaves out takes its default. Refuses what it cannot read."""
    try:
        return PolicyDocument.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        path = ".".join(["document", *(str(part) for part in faults[0]["loc"])])
        sentences = " ".join(_sentence(fault) for fault in faults[:5])
        raise Refusal("POLICY_INVALID", f"The policy cannot be read. {sentences}", field=path) from error


def merged(document: Json, changes: Json) -> Json:
    """The document with `changes` laid over it, as RFC 7396 (JSON Merge Patch) does: null removes a key."""
    answer = dict(document)
    for key, value in changes.items():
        if value is None:
            answer.pop(key, None)
        elif isinstance(value, dict) and isinstance(answer.get(key), dict):
            answer[key] = merged(answer[key], value)
        else:
            answer[key] = value
    return answer


def _sentence(fault: Any) -> str:
    path = ".".join(str(part) for part in fault["loc"]) or "document"
    return f"{path}: {fault['msg']} (got {str(fault['input'])[:80]!r})."
