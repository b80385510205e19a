"""What happened, when, by whom."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import ActorKind, Event
from app.schema.relay import Node
from app.schema.scalars import JSON

ActorKindEnum = strawberry.enum(ActorKind, description="Who did it.")

# How the log names a noun, and how the schema does.
TYPE_OF_SUBJECT = {
    "order": "Order",
    "shipment": "Shipment",
    "tender": "Tender",
    "plan": "Plan",
    "route": "Route",
    "stop": "Stop",
    "inventory": "InventoryLevel",
    "carrier": "Carrier",
    "proof": "Proof",
    "message": "Message",
    "feedback": "Feedback",
    "policy": "Policy",
    "job": "Job",
    "exception": "Exception",
}


@strawberry.type(name="Actor", description="Who did it.")
class ActorType:
    """A kind and a name."""

    kind: ActorKind
    name: str


@strawberry.type(name="Event", description="What happened, when, by whom. Events are never changed.")
class EventType(Node):
    """One entry of the log."""

    row: strawberry.Private[Event]
    type: str = strawberry.field(description="noun.past_tense")
    at: datetime
    subject_kind: str
    subject_id: strawberry.ID
    subject_reference: str
    actor: ActorType
    summary: str
    data: JSON

    @staticmethod
    def of(row: Event) -> "EventType":
        """The GraphQL form of an event."""
        subject_type = TYPE_OF_SUBJECT.get(row.subject_kind, row.subject_kind.title())
        return EventType(
            id=strawberry.ID(to_global("Event", row.id)),
            row=row,
            type=row.type,
            at=row.at,
            subject_kind=row.subject_kind,
            subject_id=strawberry.ID(to_global(subject_type, row.subject_id)),
            subject_reference=row.subject_reference,
            actor=ActorType(kind=row.actor_kind, name=row.actor_name),
            summary=row.summary,
            data=JSON(row.data),
        )
