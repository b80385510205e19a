"""Who a credential belongs to. Times are machine time."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth import keys, tokens
from app.auth.principals import Principal, PrincipalKind
from app.core.errors import NotFound, NotSignedIn
from app.models import ApiKey, KeyScope, Order, RefreshToken, User, UserKind

USER_PRINCIPALS = {
    UserKind.ADMINISTRATOR: PrincipalKind.ADMINISTRATOR,
    UserKind.DISPATCHER: PrincipalKind.DISPATCHER,
    UserKind.DRIVER: PrincipalKind.DRIVER,
    UserKind.CARRIER: PrincipalKind.CARRIER,
}
KEY_PRINCIPALS = {
    KeyScope.INTEGRATION: PrincipalKind.INTEGRATION,
    KeyScope.CHECKOUT: PrincipalKind.CHECKOUT,
    KeyScope.CARRIER: PrincipalKind.CARRIER,
}


async def principal_from_bearer(session: AsyncSession, *, bearer: str, secret: str, wall_now: datetime) -> Principal:
    """The principal of an API key, an access token or a tracking token; anything else is refused."""
    if keys.is_key(bearer):
        return await _of_key(session, bearer)
    if bearer.count(".") == 2:
        return await _of_access_token(session, tokens.read_access_token(bearer, secret=secret, now=wall_now))
    customer = await customer_of_token(session, bearer)
    if customer is None:
        raise NotSignedIn("The bearer token is neither an access token, an API key nor a tracking token. Check it.")
    return customer


async def customer_of_token(session: AsyncSession, token: str) -> Principal | None:
    """The customer who holds an order's tracking token, or None where it opens nothing."""
    order_id = await session.scalar(
        select(col(Order.id)).where(col(Order.tracking_token_hash) == tokens.hash_token(token))
    )
    return None if order_id is None else customer(order_id)


async def tracking_token(session: AsyncSession, reference: str, *, secret: str) -> str:
    """The token of the tracking link of the order with this reference."""
    order_id = await session.scalar(select(col(Order.id)).where(col(Order.reference) == reference))
    if order_id is None:
        raise NotFound("order", repr(reference), field="reference")
    return tokens.tracking_token(secret, order_id)


def customer(order_id: uuid.UUID) -> Principal:
    """The customer of one order."""
    return Principal(kind=PrincipalKind.CUSTOMER, name="customer", key=f"order:{order_id}", order_id=order_id)


def principal_of(user: User) -> Principal:
    """A user as a caller."""
    return Principal(
        kind=USER_PRINCIPALS[user.kind],
        name=user.name,
        key=f"user:{user.id}",
        driver_id=user.driver_id,
        carrier_id=user.carrier_id,
    )


async def refresh_tokens_by_ids(
    session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]
) -> Mapping[uuid.UUID, tuple[RefreshToken, User]]:
    """Session links with their users, for the caller who was just given them."""
    found = await session.execute(
        select(RefreshToken, User)
        .join(User, col(User.id) == col(RefreshToken.user_id))
        .where(col(RefreshToken.id).in_(ids))
    )
    return {link.id: (link, user) for link, user in found}


async def _of_key(session: AsyncSession, key: str) -> Principal:
    row = await session.scalar(select(ApiKey).where(col(ApiKey.key_hash) == keys.hash_key(key)))
    if row is None or row.revoked_at is not None:
        raise NotSignedIn("The API key is unknown or was revoked. Ask for a new one.")
    return Principal(kind=KEY_PRINCIPALS[row.scope], name=row.name, key=f"key:{row.id}", carrier_id=row.carrier_id)


async def _of_access_token(session: AsyncSession, claims: tokens.AccessClaims) -> Principal:
    ended = select(col(RefreshToken.id)).where(
        col(RefreshToken.family_id) == claims.family_id, col(RefreshToken.revoked_at).is_not(None)
    )
    user = await session.scalar(select(User).where(col(User.id) == claims.user_id, ~ended.exists()))
    if user is None or not user.is_active:
        raise NotSignedIn("The session was ended or the account closed. Sign in again.")
    return principal_of(user)
