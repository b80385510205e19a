"""Who is calling: one value that every operation and query takes."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from app.models import ActorKind


class PrincipalKind(StrEnum):
    """The kinds of caller. Each mutation and subscription names those it serves."""

    ADMINISTRATOR = "ADMINISTRATOR"
    DISPATCHER = "DISPATCHER"
    DRIVER = "DRIVER"
    CARRIER = "CARRIER"
    INTEGRATION = "INTEGRATION"
    CHECKOUT = "CHECKOUT"
    CUSTOMER = "CUSTOMER"
    SYSTEM = "SYSTEM"
    ANONYMOUS = "ANONYMOUS"


STAFF = frozenset({PrincipalKind.ADMINISTRATOR, PrincipalKind.DISPATCHER})

ACTOR_KINDS = {
    PrincipalKind.ADMINISTRATOR: ActorKind.STAFF,
    PrincipalKind.DISPATCHER: ActorKind.STAFF,
    PrincipalKind.DRIVER: ActorKind.DRIVER,
    PrincipalKind.CARRIER: ActorKind.CARRIER,
    PrincipalKind.INTEGRATION: ActorKind.INTEGRATION,
    PrincipalKind.CHECKOUT: ActorKind.CHECKOUT,
    PrincipalKind.CUSTOMER: ActorKind.CUSTOMER,
    PrincipalKind.SYSTEM: ActorKind.SYSTEM,
    PrincipalKind.ANONYMOUS: ActorKind.SYSTEM,
}


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A caller. `key` tells callers of one kind apart; the rest narrows what they see."""

    kind: PrincipalKind
    name: str
    key: str
    driver_id: uuid.UUID | None = None
    carrier_id: uuid.UUID | None = None
    order_id: uuid.UUID | None = None

    @property
    def is_staff(self) -> bool:
        """Dispatchers and administrators."""
        return self.kind in STAFF

    @property
    def actor_kind(self) -> ActorKind:
        """How the event log names this caller."""
        return ACTOR_KINDS[self.kind]


ANONYMOUS = Principal(kind=PrincipalKind.ANONYMOUS, name="anonymous", key="anonymous")
SYSTEM = Principal(kind=PrincipalKind.SYSTEM, name="Doorstep", key="system")
