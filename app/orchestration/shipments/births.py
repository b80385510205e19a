"""New shipments, one or a thousand: rows and events to be written together."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from app.auth.principals import Principal
from app.core.ids import new_id
from app.models import Order, OrderLine, Shipment, ShipmentLine, ShipmentState
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.shipments import policies
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.writing import insert_all

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Birth:
    """A shipment to come, of `quantities` (sku -> quantity) of the order's lines, the `number`th of its order.

    `allocation` holds the columns of its allocation. `begins_with`: what happens to it at once, ASSIGN where its
    carrier takes what it is given, TENDER where that is asked.
    """

    id: uuid.UUID
    order: Order
    number: int
    allocation: Mapping[str, Any]
    lines: Sequence[OrderLine]
    quantities: Mapping[str, int]
    begins_with: ShipmentEvent | None = None

    @property
    def reference(self) -> str:
        """As people read it."""
        return f"{self.order.reference}/{self.number}"

    @property
    def state(self) -> ShipmentState:
        """The state that it is born in."""
        if self.begins_with is None:
            return ShipmentState.PENDING
        return policies.NEXT[ShipmentState.PENDING, self.begins_with]


async def insert(session: AsyncSession, births: Sequence[Birth], *, now: datetime) -> None:
    """Writes the rows; the events are the caller's. The orders are locked and the goods reserved."""
    for model, of_model in rows(births, now=now).items():
        await insert_all(session, model, of_model)


def rows(births: Sequence[Birth], *, now: datetime) -> dict[type[SQLModel], list[Row]]:
    """The rows to be written, by table."""
    return {
        Shipment: [_row(birth, now=now) for birth in births],
        ShipmentLine: [line for birth in births for line in _lines(birth)],
    }


def events(birth: Birth, *, actor: Principal, now: datetime) -> list[Row]:
    """What the log says of it: that it was created, and what it begins with."""
    said = [_event(birth, "shipment.created", {"lines": dict(birth.quantities)}, actor=actor, now=now)]
    if birth.begins_with is not None:
        window = {name: birth.allocation[f"window_{name}"].isoformat() for name in ("start", "end")}
        data = {"state": birth.state.value, "window": window}
        said.append(_event(birth, policies.LOG_TYPE[birth.begins_with], data, actor=actor, now=now))
    return said


def new_birth(order: Order, number: int, **rest: Any) -> Birth:
    """A birth with a key of its own."""
    return Birth(id=new_id(), order=order, number=number, **rest)


def _row(birth: Birth, *, now: datetime) -> Row:
    allocation, quantities = birth.allocation, birth.quantities
    shipped = [line for line in birth.lines if quantities.get(line.sku)]
    return {
        "id": birth.id,
        "reference": birth.reference,
        "order_id": birth.order.id,
        "allocation_id": allocation["id"],
        "node_id": allocation["node_id"],
        "carrier_id": allocation["carrier_id"],
        "service": allocation["service"],
        "state": birth.state,
        "window_start": allocation["window_start"],
        "window_end": allocation["window_end"],
        "weight_kg": sum(line.weight_kg * quantities[line.sku] for line in shipped),
        "volume_l": sum(line.volume_l * quantities[line.sku] for line in shipped),
        "estimated_minor": allocation["price_minor"],
        "currency": allocation["currency"],
        "created_at": now,
        "version": int(birth.begins_with is not None),
    }


def _lines(birth: Birth) -> list[Row]:
    return [
        {
            "shipment_id": birth.id,
            "sku": line.sku,
            "description": line.description,
            "quantity": birth.quantities[line.sku],
        }
        for line in birth.lines
        if birth.quantities.get(line.sku)
    ]


def _event(birth: Birth, type: str, data: Row, *, actor: Principal, now: datetime) -> Row:
    happened = type.partition(".")[2].replace("_", " ")
    return log.entry(
        type=type,
        subject=Subject(
            kind="shipment",
            id=birth.id,
            reference=birth.reference,
            order_id=birth.order.id,
            carrier_id=birth.allocation["carrier_id"],
        ),
        actor=actor,
        now=now,
        summary=f"Shipment {birth.reference}: {happened}.",
        data=data,
    )
