"""The document of a carrier that is reached through karrio: which one, with which account."""

from typing import Annotated, Any

from pydantic import Field

from app.carriers.documents import Part, Vocabulary
from app.carriers.secrets import SecretName
from app.models import FailureReason, MilestoneKind

Kind, Reason = MilestoneKind, FailureReason

# karrio's own tracking states, as far as they move a shipment here.
STATES: dict[str, MilestoneKind | None] = {
    "picked_up": Kind.PICKED_UP,
    "out_for_delivery": Kind.OUT_FOR_DELIVERY,
    "delivered": Kind.DELIVERED,
    "delivery_failed": Kind.ATTEMPT_FAILED,
    **dict.fromkeys(
        ("pending", "in_transit", "on_hold", "cancelled", "delivery_delayed", "ready_for_pickup", "return_to_sender",
         "unknown"),
        None,
    ),
}  # fmt: skip
# karrio's incident reasons by party.
REASONS: dict[str, FailureReason] = {
    "consignee_not_home": Reason.NOT_HOME,
    "consignee_not_available": Reason.NOT_HOME,
    "consignee_business_closed": Reason.BUSINESS_CLOSED,
    "consignee_refused": Reason.REFUSED,
    "consignee_cancelled": Reason.REFUSED,
    "consignee_incorrect_address": Reason.ADDRESS_NOT_FOUND,
    "consignee_access_restricted": Reason.ACCESS_RESTRICTED,
    "consignee_safe_place_unavailable": Reason.SAFE_PLACE_UNAVAILABLE,
    "consignee_verification_failed": Reason.ID_CHECK_FAILED,
    "carrier_damaged_parcel": Reason.DAMAGED,
    "carrier_parcel_lost": Reason.MISSING,
    "carrier_address_not_found": Reason.ADDRESS_NOT_FOUND,
    "carrier_not_enough_time": Reason.OUT_OF_TIME,
    "carrier_sorting_error": Reason.MISROUTED,
    "carrier_vehicle_issue": Reason.VEHICLE_BREAKDOWN,
    "carrier_mechanical_delay": Reason.VEHICLE_BREAKDOWN,
    "carrier_capacity_exceeded": Reason.CAPACITY_EXCEEDED,
    "retailer_not_ready": Reason.NOT_READY,
    "retailer_incorrect_data": Reason.BAD_DATA,
    "weather_delay": Reason.WEATHER,
    "natural_disaster": Reason.WEATHER,
    "security_issue": Reason.SECURITY,
}


class SecretValue(Part):
    """A setting whose value is a secret, by its name."""

    secret: SecretName


class KarrioDocument(Part):
    """`settings` and `config` are those of karrio's connection; `server_urls` replace addresses, for a test system."""

    carrier: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    settings: dict[str, str | bool | SecretValue] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    server_urls: dict[Annotated[str, Field(pattern=r"^[a-z_]*server_url$")], str] = Field(default_factory=dict)
    services: dict[str, str] = Field(default_factory=dict)
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    packaging_type: str = "your_packaging"
    length_cm: Annotated[float, Field(gt=0)] = 30.0
    width_cm: Annotated[float, Field(gt=0)] = 20.0
    height_cm: Annotated[float, Field(gt=0)] = 15.0
    label_type: str = "PDF"
    track_every_minutes: Annotated[int, Field(ge=1, le=1_440)] = 30
    vocabulary: Vocabulary = Vocabulary()

    @property
    def words(self) -> Vocabulary:
        """The states that karrio knows, with this document's own on top."""
        own = self.vocabulary
        return Vocabulary(
            milestones={**STATES, **own.milestones}, reasons={**REASONS, **own.reasons}, time_zone=own.time_zone
        )
