"""What a policy says, with a default for everything. Pure: no clock, no database.

In JSON the keys are camelCase, as everywhere in the API. Money is in minor units of the deployment's currency.
"""

from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from app.core.errors import Refusal
from app.models import DecisionKind, FailureReason, OrderState, ProofKind, Severity
from app.models.base import Json
from app.orchestration.weekdays import Weekday

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
    `inbound_lead_days`: goods that a node expects count as there so many days after their day; None: once they are.
    `change_minor`: what it costs to send an order another way than it is allocated, which a batch then weighs until its
    own fleet has planned it or its carrier has agreed; None: allocations stand.
    `quote_seconds`: carriers whose gateways quote are asked for their price, and may think so long; None: nobody is.
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
    inbound_lead_days: Annotated[int, Field(ge=1, le=60)] | None = None
    change_minor: NonNegative | None = None
    quote_seconds: Annotated[int, Field(ge=1, le=30)] | None = None


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


class Lunch(Part):
    """A rest of so many minutes that begins between two minutes of the local day."""

    minutes: Positive = 30
    from_minute: Annotated[int, Field(ge=0, lt=1_440)] = 690
    to_minute: Annotated[int, Field(ge=0, lt=1_440)] = 840

    @model_validator(mode="after")
    def _begins_between(self) -> Self:
        if self.to_minute < self.from_minute:
            raise ValueError(
                f"it begins between fromMinute {self.from_minute} and toMinute {self.to_minute}, which is earlier;"
                " write a toMinute after the fromMinute"
            )
        return self


class TrafficBand(Part):
    """How fast traffic flows from a minute of the local day on, until the next band: 0.5 doubles travel times."""

    from_minute: Annotated[int, Field(ge=0, lt=1_440)]
    speed_factor: Annotated[float, Field(gt=0, le=3)]


class VehicleKind(Part):
    """How vehicles of a kind differ from a van: how fast they drive and are at the door, and whether traffic slows.

    `ends_anywhere`: a route ends with its last service, as a courier's does; so nothing is collected on it.
    """

    speed_factor: Annotated[float, Field(gt=0, le=3)] = 1.0
    service_factor: Annotated[float, Field(gt=0, le=5)] = 1.0
    in_traffic: bool = True
    ends_anywhere: bool = False


class Area(Part):
    """The doors whose postal codes begin so."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    postal_code_prefixes: Annotated[tuple[str, ...], Field(min_length=1)]


class DriverTerritory(Area):
    """An area that is some drivers' own, by their references. They drive there, and where no area is anybody's.

    Another driver of a territory comes at `outside_minor` an order; None: never. Who has no territory drives anywhere.
    """

    drivers: Annotated[tuple[str, ...], Field(min_length=1)]
    outside_minor: NonNegative | None = None


class Planning(Part):
    """What an own fleet's routes have to keep to, and what they may do at a price. None: no such rule.

    `setup_seconds` are for parking, once per place. Windows are hard, or missed at `late_minor_per_hour`.
    `change_minor` is the price of another vehicle than the node's latest draft, or the published route, has for an
    order; `familiarity_minor` is a bonus for a driver who has been at its door in the last four weeks. `together_by`
    and `apart_by` are keys of orders' metadata: those with the same value go on one vehicle, or no two of them do.
    Goods of two kinds of `never_together` are never on one vehicle. `pickups_last`: nothing is delivered any more once
    something is collected.
    """

    setup_seconds: Annotated[int, Field(ge=0, le=3_600)] = 0
    late_minor_per_hour: NonNegative | None = None
    max_stops: Positive | None = None
    max_route_minutes: Positive | None = None
    regular_minutes: Positive | None = None
    overtime_minor_per_hour: NonNegative = 0
    max_trips: Annotated[int, Field(ge=1, le=20)] = 1
    reload_minutes: NonNegative = 15
    lunch: Lunch | None = None
    rest_after_minutes: Positive | None = None
    rest_minutes: Positive = 45
    balance_minor_per_hour: NonNegative = 0
    change_minor: NonNegative = 0
    familiarity_minor: NonNegative = 0
    together_by: str | None = None
    apart_by: str | None = None
    never_together: tuple[tuple[str, str], ...] = ()
    pickups_last: bool = False
    driver_territories: tuple[DriverTerritory, ...] = ()
    vehicle_kinds: dict[Annotated[str, Field(min_length=1, max_length=40)], VehicleKind] = Field(default_factory=dict)
    traffic: tuple[TrafficBand, ...] = ()

    def ends_anywhere(self, kind: str) -> bool:
        """Whether the routes of vehicles of this kind end with their last service."""
        found = self.vehicle_kinds.get(kind)
        return found is not None and found.ends_anywhere

    def speed_factor(self, kind: str) -> float:
        """How fast vehicles of this kind are on a free road: 1 is as a van."""
        found = self.vehicle_kinds.get(kind)
        return 1.0 if found is None else found.speed_factor

    @model_validator(mode="after")
    def _traffic_covers_the_day(self) -> Self:
        starts = [band.from_minute for band in self.traffic]
        if starts and (starts[0] != 0 or starts != sorted(set(starts))):
            found = ", ".join(str(start) for start in starts)
            raise ValueError(
                f"the traffic bands begin at minutes {found}; write the first at 0, each later than the last"
            )
        return self

    @model_validator(mode="after")
    def _territories_have_names_of_their_own(self) -> Self:
        names = [territory.name for territory in self.driver_territories]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name!r} names two territories of drivers; give each a name of its own")
        return self


class Tendering(Part):
    """How carriers are asked: `at_once` 1 is a waterfall in order of value, more asks so many together.

    Minutes count back from the end of the window: goods that no carrier fetched `pick_up_lead_minutes` before it go to
    another one, and nobody is asked any more from `last_offer_lead_minutes` before it. A counter price of at most
    `counter_above_percent` more than was offered is agreed to at once. An own van may load `start_grace_minutes` after
    the planned start of its route before a person is told.
    """

    at_once: Annotated[int, Field(ge=1, le=20)] = 1
    most_carriers: Annotated[int, Field(ge=1, le=20)] = 5
    pick_up_lead_minutes: NonNegative = 90
    last_offer_lead_minutes: NonNegative = 30
    start_grace_minutes: NonNegative = 30
    retender_when_late: bool = True
    counter_above_percent: Annotated[int, Field(ge=0, le=500)] = 0

    @model_validator(mode="after")
    def _leads_agree(self) -> Self:
        if self.last_offer_lead_minutes > self.pick_up_lead_minutes:
            raise ValueError(
                f"lastOfferLeadMinutes is {self.last_offer_lead_minutes}, but pickUpLeadMinutes only"
                f" {self.pick_up_lead_minutes}: nobody could be asked in place of a late carrier"
            )
        return self


class ExceptionRule(Part):
    """Whether a kind of exception is opened at all, and how severe it is; None keeps what the platform says."""

    is_opened: bool = True
    severity: Severity | None = None


class Territory(Area):
    """An area that is visited on fixed days of the week."""

    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)]


class Slot(Part):
    """A span of a local day that is promised, in minutes from midnight."""

    start_minute: Annotated[int, Field(ge=0, le=1_439)]
    end_minute: Annotated[int, Field(ge=1, le=1_440)]

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.start_minute >= self.end_minute:
            raise ValueError(f"the slot starts at minute {self.start_minute}, but ends at {self.end_minute}")
        return self


class Promises(Part):
    """Which window an order gets that asks for none: the next slot, on a day on which its territory is visited.

    Without slots and territories it is `windowHours` from `windowLeadHours` after the order came.
    """

    time_zone: str = "UTC"
    slots: tuple[Slot, ...] = ()
    territories: tuple[Territory, ...] = ()

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"timeZone {self.time_zone!r} is no time zone; write one such as 'Europe/Lisbon'"
            ) from error
        if self.territories and not self.slots:
            raise ValueError("territories have days, but slots say at which hours; write at least one slot")
        for before, after in pairwise(self.slots):
            if after.start_minute < before.start_minute:
                raise ValueError("the slots are not in the order of their starts")
        return self


class OrderDefaults(Part):
    """What every order of this vertical needs, beside what the shop and the goods ask for."""

    required_skills: tuple[str, ...] = ()
    proof_requirements: tuple[ProofKind, ...] = ()


class PolicyDocument(Part):
    """The rules of one vertical."""

    allocation: AllocationWeights = AllocationWeights()
    autonomy: dict[DecisionKind, Autonomy] = Field(default_factory=dict)
    orders: OrderDefaults = OrderDefaults()
    promises: Promises = Promises()
    tendering: Tendering = Tendering()
    exceptions: dict[str, ExceptionRule] = Field(default_factory=dict)
    cancellable_until: Literal["RECEIVED", "ALLOCATED"] = "ALLOCATED"
    cancellable_minutes_before_window: NonNegative = 0
    max_attempts: Positive = 3
    reattempt_delay_minutes: NonNegative = 60
    return_after_hours: Positive = 72
    failures: dict[FailureReason, FailureOverride] = Field(default_factory=dict)
    messages: dict[str, bool] = Field(default_factory=dict)
    tracking: TrackingVisibility = TrackingVisibility()
    planning: Planning = Planning()
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

    def rule_of(self, kind: str) -> ExceptionRule:
        """What becomes of a kind of exception."""
        return self.exceptions.get(kind, ExceptionRule())

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
    words = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error" or isinstance(fault["input"], dict | list):
        return f"{path}: {words}."  # the words name the value; the whole part of the document would not help
    return f"{path}: {words} (got {str(fault['input'])[:80]!r})."
