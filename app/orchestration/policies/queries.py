"""Reading policies: the newest version of a name is in force."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Policy
from app.orchestration import reading
from app.orchestration.policies.documents import PolicyDocument, parse

STANDARD = "standard"


@dataclass(frozen=True, kw_only=True)
class Current:
    """The rules in force, and where they come from. Version 0 is the built-in default."""

    name: str
    version: int
    document: PolicyDocument


async def current(session: AsyncSession, name: str = STANDARD) -> PolicyDocument:
    """The rules in force under this name."""
    return (await current_version(session, name)).document


async def current_version(session: AsyncSession, name: str = STANDARD) -> Current:
    """The rules in force under this name, with their version, as decisions record it."""
    row = await newest(session, name)
    if row is None:
        return Current(name=name, version=0, document=PolicyDocument())
    return Current(name=row.name, version=row.version, document=parse(row.document))


async def newest(session: AsyncSession, name: str) -> Policy | None:
    """The newest version of a policy."""
    found: Policy | None = await session.scalar(
        select(Policy).where(col(Policy.name) == name).order_by(col(Policy.version).desc()).limit(1)
    )
    return found


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which policies the viewer sees: staff and the system see all."""
    return true() if viewer.kind in STAFF | {PrincipalKind.SYSTEM} else false()


async def in_force(session: AsyncSession, viewer: Principal) -> list[Policy]:
    """The newest version of every policy, by name."""
    found = await session.scalars(
        select(Policy)
        .where(visible(viewer))
        .ext(distinct_on(col(Policy.name)))
        .order_by(col(Policy.name), col(Policy.version).desc())
    )
    return list(found)


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Policy]:
    """The policy versions with these keys."""
    return await reading.by_id(session, select(Policy).where(col(Policy.id).in_(ids), visible(viewer)))
