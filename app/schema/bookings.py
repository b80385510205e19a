"""A shipment as its carrier's own system has it."""

from datetime import timedelta

import strawberry

from app.core import clock
from app.models import Booking, BookingState
from app.schema.context import Info

ADDRESS_LASTS = timedelta(hours=1)
strawberry.enum(BookingState, description="How far a carrier has taken a shipment over.")


@strawberry.type(name="ShipmentLabel", description="A label as it goes to a printer.")
class ShipmentLabelType:
    """A label as it goes to a printer."""

    url: str = strawberry.field(description="Where it can be read for an hour, by whoever has the address.")
    content_type: str


@strawberry.type(name="Booking", description="A shipment as its carrier's own system has it.")
class BookingType:
    """A shipment as its carrier's own system has it."""

    row: strawberry.Private[Booking]
    reference: str = strawberry.field(description="What the carrier calls it.")
    state: BookingState
    tracking_number: str | None
    attempts: int
    error_code: str | None
    error_message: str | None

    @strawberry.field
    async def label(self, info: Info) -> ShipmentLabelType | None:
        """Its label; null where the carrier gave none."""
        row, blobs = self.row, info.context.blobs
        if row.label_key is None or row.label_content_type is None or blobs is None:
            return None
        now = clock.wall_now()
        url = await blobs.signed_get_url(
            row.label_key, content_type=row.label_content_type, expires_at=now + ADDRESS_LASTS, now=now
        )
        return ShipmentLabelType(url=url, content_type=row.label_content_type)

    @staticmethod
    def of(row: Booking) -> "BookingType":
        """The GraphQL form of a booking."""
        return BookingType(
            row=row,
            reference=row.reference,
            state=row.state,
            tracking_number=row.tracking_number,
            attempts=row.attempts,
            error_code=row.error_code,
            error_message=row.error_message,
        )
