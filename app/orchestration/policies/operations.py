"""Changing a policy: every change is a new version, and none is ever lost."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict, NotFound, Refusal
from app.core.ids import new_id
from app.models import Driver, Policy
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.policies.documents import PolicyDocument, merged, parse
from app.orchestration.policies.queries import STANDARD, newest

DEFAULT_VERTICAL = "parcels"


async def ensure_defaults(session: AsyncSession, now: datetime) -> None:
    """Writes version 1 of the standard policy where there is none yet. Safe to call at every start."""
    await session.execute(
        insert(Policy)
        .values(
            id=new_id(),
            name=STANDARD,
            version=1,
            vertical=DEFAULT_VERTICAL,
            document=PolicyDocument().to_json(),
            updated_at=now,
            updated_by=SYSTEM.name,
        )
        .on_conflict_do_nothing(index_elements=["name", "version"])
    )


async def put(
    session: AsyncSession,
    *,
    name: str,
    vertical: str,
    document: PolicyDocument,
    actor: Principal,
    now: datetime,
) -> Policy:
    """Makes a whole document the newest version: what it leaves out takes its default. The same again is no new one."""
    if name == STANDARD:
        await ensure_defaults(session, now)
    before = await newest(session, name)
    if before is not None and (before.vertical, before.document) == (vertical, document.to_json()):
        return before
    return await _next_version(
        session,
        name=name,
        version=1 if before is None else before.version + 1,
        vertical=vertical,
        document=document.to_json(),
        changed=["document"],
        actor=actor,
        now=now,
    )


async def update(
    session: AsyncSession,
    *,
    name: str,
    changes: Json,
    expected_version: int | None,
    actor: Principal,
    now: datetime,
) -> Policy:
    """Lays `changes` over the newest version (JSON Merge Patch) as the next one. Refuses a version that moved on."""
    if name == STANDARD:
        await ensure_defaults(session, now)
    before = await newest(session, name)
    if before is None:
        raise NotFound("policy", repr(name), field="name")
    if expected_version is not None and expected_version != before.version:
        raise Conflict(
            "STALE_VERSION",
            f"Policy {name} is at version {before.version}, not {expected_version}. Read it and change it again.",
            field="expectedVersion",
        )
    read = parse(merged(before.document, changes))
    document = read.to_json()
    if document == before.document:
        return before
    await _check_drivers(session, read, known=parse(before.document))
    return await _next_version(
        session,
        name=name,
        version=before.version + 1,
        vertical=before.vertical,
        document=document,
        changed=sorted(changes),
        actor=actor,
        now=now,
    )


async def _check_drivers(session: AsyncSession, document: PolicyDocument, *, known: PolicyDocument) -> None:
    """Refuses a territory that names a driver nobody knows, unless it has done so before: drivers come and go."""
    before = {driver for territory in known.planning.driver_territories for driver in territory.drivers}
    for number, territory in enumerate(document.planning.driver_territories):
        named = [driver for driver in territory.drivers if driver not in before]
        found = set(await session.scalars(select(col(Driver.reference)).where(col(Driver.reference).in_(named))))
        for driver in named:
            if driver not in found:
                raise Refusal(
                    "POLICY_INVALID",
                    f"The territory {territory.name} names the driver {driver!r}, whom nobody knows."
                    " Correct the reference, or send the driver first.",
                    field=f"document.planning.driverTerritories.{number}.drivers",
                )


async def _next_version(
    session: AsyncSession,
    *,
    name: str,
    version: int,
    vertical: str,
    document: Json,
    changed: list[str],
    actor: Principal,
    now: datetime,
) -> Policy:
    policy = Policy(
        name=name,
        version=version,
        vertical=vertical,
        document=document,
        updated_at=now,
        updated_by=actor.name,
    )
    session.add(policy)
    await session.flush()
    log.append(
        session,
        type="policy.updated",
        subject=Subject(kind="policy", id=policy.id, reference=name),
        actor=actor,
        now=now,
        summary=f"Policy {name} is now at version {policy.version}.",
        data={"name": name, "version": policy.version, "changed": changed},
    )
    return policy
