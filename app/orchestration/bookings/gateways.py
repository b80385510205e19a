"""The gateways of carriers as rows: setting one, reading them, and the principal that their news comes from."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal, PrincipalKind
from app.carriers import gateways
from app.carriers.gateways import GatewaySettings
from app.core.errors import NotFound, Refusal
from app.core.ids import new_id
from app.models import Carrier, CarrierGateway, GatewayKind
from app.models.base import Json
from app.orchestration.events import log, subjects

LAST_CONTROL_NUMBER = 999_999_999


async def put(
    session: AsyncSession,
    *,
    carrier_reference: str,
    kind: GatewayKind,
    document: Json,
    settings: GatewaySettings,
    actor: Principal,
    now: datetime,
    is_active: bool = True,
) -> tuple[CarrierGateway, list[str]]:
    """Sets a carrier's gateway; answers it with the names of secrets that are still missing.

    Refuses a document that cannot be used, and changes nothing then.
    """
    carrier = await session.scalar(select(Carrier).where(col(Carrier.reference) == carrier_reference))
    if carrier is None:
        raise NotFound("carrier", repr(carrier_reference), field="carrier")
    missing = gateways.check(kind, document, settings=settings)
    statement = insert(CarrierGateway).values(
        id=new_id(),
        created_at=now,
        updated_at=now,
        carrier_id=carrier.id,
        kind=kind,
        document=document,
        is_active=is_active,
        last_control_number=0,
        version=1,
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["carrier_id"],
            set_={
                "kind": kind,
                "document": document,
                "is_active": is_active,
                "version": col(CarrierGateway.version) + 1,
                "updated_at": now,
            },
        )
    )
    found = await of_carrier(session, carrier.id)
    assert found is not None, "it was just written"
    log.append(
        session,
        type="carrier.gateway_set",
        subject=subjects.of_carrier(carrier),
        actor=actor,
        now=now,
        summary=f"Carrier {carrier.reference} is reached by {kind.value}.",
        data={"kind": kind.value, "isActive": is_active, "version": found.version},
    )
    return found, missing


async def of_carrier(session: AsyncSession, carrier_id: uuid.UUID) -> CarrierGateway | None:
    """A carrier's gateway, read afresh."""
    found: CarrierGateway | None = await session.scalar(
        select(CarrierGateway)
        .where(col(CarrierGateway.carrier_id) == carrier_id)
        .execution_options(populate_existing=True)
    )
    return found


async def by_reference(session: AsyncSession, carrier_reference: str) -> tuple[Carrier, CarrierGateway]:
    """An active carrier with its active gateway; refuses what is absent, and says no more."""
    found = (
        await session.execute(
            select(Carrier, CarrierGateway)
            .join(CarrierGateway, col(CarrierGateway.carrier_id) == col(Carrier.id))
            .where(col(Carrier.reference) == carrier_reference, col(CarrierGateway.is_active).is_(True))
        )
    ).one_or_none()
    if found is None:
        raise NotFound("gateway of carrier", repr(carrier_reference[:80]))
    return found[0], found[1]


async def of_kind(session: AsyncSession, kind: GatewayKind) -> Sequence[tuple[Carrier, CarrierGateway]]:
    """The active gateways of a kind with their carriers."""
    found = await session.execute(
        select(Carrier, CarrierGateway)
        .join(CarrierGateway, col(CarrierGateway.carrier_id) == col(Carrier.id))
        .where(col(CarrierGateway.kind) == kind, col(CarrierGateway.is_active).is_(True))
        .order_by(col(Carrier.reference))
    )
    return [(carrier, gateway) for carrier, gateway in found.all()]


async def next_control_number(session: AsyncSession, gateway_id: uuid.UUID) -> int:
    """Takes the next number for an envelope. The gateway's row is locked until the transaction ends."""
    row = await session.scalar(
        select(CarrierGateway)
        .where(col(CarrierGateway.id) == gateway_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    assert row is not None, "gateways are never deleted"
    if row.last_control_number >= LAST_CONTROL_NUMBER:
        raise Refusal("CONTROL_NUMBERS_USED_UP", "All control numbers of this gateway are used. Agree on a new start.")
    row.last_control_number += 1
    await session.flush()
    return row.last_control_number


def actor_of(carrier: Carrier) -> Principal:
    """Who tells what comes through a carrier's gateway: it sees, and can change, that carrier's shipments alone."""
    return Principal(
        kind=PrincipalKind.CARRIER, name=carrier.name, key=f"gateway:{carrier.reference}", carrier_id=carrier.id
    )
