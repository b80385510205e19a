"""The document of an EDI carrier: who the two sides are, which folder they share, what the carrier's codes mean."""

from typing import Annotated, Literal

from pydantic import Field

from app.carriers.documents import Part, Vocabulary
from app.carriers.edi.x12 import Party
from app.models import FailureReason, MilestoneKind

Kind, Reason = MilestoneKind, FailureReason
Qualifier = Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")]
Identifier = Annotated[str, Field(pattern=r"^[!-~]([ -~]{0,13}[!-~])?$")]
Scac = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,4}$")]
FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]

# X12 data element 1650, Shipment Status Code (AT7-01): what moves a shipment here; null is known and passed over.
STATUS: dict[str, MilestoneKind | None] = {
    "AF": Kind.PICKED_UP,
    "CP": Kind.PICKED_UP,
    "X6": Kind.OUT_FOR_DELIVERY,
    "D1": Kind.DELIVERED,
    "AH": Kind.ATTEMPT_FAILED,
    "AP": Kind.ATTEMPT_FAILED,
    "A7": Kind.ATTEMPT_FAILED,
    "A3": Kind.RETURNED,
    **dict.fromkeys(("AA", "AB", "AG", "CD", "I1", "OA", "P1", "R1", "SD", "X1", "X2", "X3", "X4", "X5", "X8"), None),
}
# X12 data element 1651, Shipment Status or Appointment Reason Code (AT7-02).
REASONS: dict[str, FailureReason] = {
    "A1": Reason.OUT_OF_TIME,
    "A2": Reason.ADDRESS_NOT_FOUND,
    "A5": Reason.ADDRESS_NOT_FOUND,
    "A7": Reason.REFUSED,
    "AI": Reason.VEHICLE_BREAKDOWN,
    "AO": Reason.WEATHER,
    "AX": Reason.OUT_OF_TIME,
    "B1": Reason.BUSINESS_CLOSED,
}


class Side(Part):
    """One side of the exchange."""

    qualifier: Qualifier = "ZZ"
    id: Identifier
    group_id: Identifier | None = None

    @property
    def party(self) -> Party:
        """The side as envelopes name it."""
        return Party(qualifier=self.qualifier, id=self.id, group_id=self.group_id or self.id)


class EdiDocument(Part):
    """An exchange of files with one carrier. `folder` lies below DOORSTEP_EDI_FOLDER.

    `offers_tell_address`: an offer names the recipient and the street already, not only the area.
    """

    us: Side
    carrier: Side
    scac: Scac
    folder: FolderName
    usage: Literal["P", "T"] = "P"
    version: Literal["00401", "00501"] = "00401"
    payment: Literal["PP", "CC", "TP"] = "PP"
    sends_acknowledgements: bool = True
    offers_tell_address: bool = False
    vocabulary: Vocabulary = Vocabulary()

    @property
    def words(self) -> Vocabulary:
        """The standard's codes, with this carrier's own on top."""
        own = self.vocabulary
        return Vocabulary(
            milestones={**STATUS, **own.milestones}, reasons={**REASONS, **own.reasons}, time_zone=own.time_zone
        )
