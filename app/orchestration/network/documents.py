"""What a network document may say of nodes, goods and carriers that are there already. Pure: no clock, no database.

What it leaves out stays as it is; a service or contract that is null is switched off or taken away.
"""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from app.orchestration.carriers.documents import Amount, Name, NonNegative, ServiceDocument
from app.orchestration.documents import DocumentPart, read
from app.orchestration.nodes.documents import Calendar


class NodeTerms(DocumentPart):
    """A node's calendar, what it keeps, and what handling costs. `goods_kinds`: empty means everything."""

    calendar: Calendar | None = None
    goods_kinds: tuple[Name, ...] | None = None
    handling_minor: NonNegative | None = None
    handling_per_unit_minor: NonNegative | None = None
    throughput_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Goods(DocumentPart):
    """An sku's kind and its sides in centimetres."""

    goods_kind: Name | None = None
    length_cm: Amount | None = None
    width_cm: Amount | None = None
    height_cm: Amount | None = None


class Contract(DocumentPart):
    """So many shipments at least, or at most, from one day to another; each missing one costs `shortfall_minor`."""

    valid_from: date
    valid_until: date
    services: tuple[Name, ...] = ()
    minimum_shipments: NonNegative = 0
    maximum_shipments: NonNegative | None = None
    shortfall_minor: NonNegative = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.valid_from > self.valid_until:
            raise ValueError(f"the contract would end on {self.valid_until}, before it starts on {self.valid_from}")
        if self.maximum_shipments is not None and self.minimum_shipments > self.maximum_shipments:
            raise ValueError(f"the least, {self.minimum_shipments}, is more than the most, {self.maximum_shipments}")
        return self


class CarrierTerms(DocumentPart):
    """A carrier's services by code, and its contracts by reference."""

    services: dict[Name, ServiceDocument | None] = Field(default_factory=dict)
    contracts: dict[Name, Contract | None] = Field(default_factory=dict)


class NetworkDocument(DocumentPart):
    """Nodes and carriers by reference, goods by sku."""

    nodes: dict[Name, NodeTerms] = Field(default_factory=dict)
    goods: dict[Name, Goods] = Field(default_factory=dict)
    carriers: dict[Name, CarrierTerms] = Field(default_factory=dict)


def parse(document: Any) -> NetworkDocument:
    """The network that this JSON describes. Refuses what it cannot read, naming the value."""
    return read(NetworkDocument, document, code="NETWORK_INVALID", noun="network", field="document")
