"""The checkout: which windows there are, holding one, giving it back."""

import uuid
from datetime import datetime

import strawberry

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.database import Session
from app.core.ids import from_global
from app.orchestration.holds import offers, operations, queries
from app.orchestration.orders.operations import Deployment
from app.resolvers.mutations import Json, check_caller, mutation, perform
from app.schema.context import Info
from app.schema.holds import (
    DeliveryOffers,
    DeliveryOffersInput,
    HoldDeliveryOfferInput,
    HoldPayload,
    HoldType,
    ReleaseHoldInput,
)
from app.schema.relay import NODE_SOURCES, NodeSource

CALLERS = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.CHECKOUT}

NODE_SOURCES["Hold"] = NodeSource(batch=queries.by_ids, of=HoldType.of)


@strawberry.type
class HoldQueries:
    """What a checkout may offer."""

    @strawberry.field
    async def delivery_offers(self, info: Info, input: DeliveryOffersInput) -> DeliveryOffers:
        """The windows in which this basket could be at this door. For checkouts, shops and staff."""
        context = info.context
        check_caller(context.principal, CALLERS, field=info.field_name)
        async with context.database.reading() as session:
            found = await offers.offers(
                session, wish=input.to_wish(), deployment=_deployment(info), memory=context.memory, now=context.now()
            )
        return DeliveryOffers.of(found, currency=context.settings.currency)


@strawberry.type
class HoldMutations:
    """What a checkout keeps."""

    @mutation(callers=CALLERS)
    async def hold_delivery_offer(self, info: Info, input: HoldDeliveryOfferInput) -> HoldPayload:
        """Keeps stock and capacity for an offer until `expiresAt`, all of it or nothing. The same offer is held once.

        An order takes the hold over by its `holdId` (`upsertOrders`).
        """

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            hold = await operations.hold(
                session,
                offer_id=input.offer_id,
                deployment=_deployment(info),
                actor=actor,
                memory=info.context.memory,
                now=now,
            )
            return {"holdId": str(hold.id)}

        async def answer(outcome: Json) -> HoldPayload:
            return await _hold(info, outcome)

        return await perform(info, input, payload=HoldPayload, work=work, answer=answer)

    @mutation(callers=CALLERS)
    async def release_hold(self, info: Info, input: ReleaseHoldInput) -> HoldPayload:
        """Gives back what is held. Refused with HOLD_USED once an order has taken it over."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            hold_id = from_global("Hold", input.hold_id, field="holdId")
            hold = await operations.release(session, hold_id=hold_id, actor=actor, now=now)
            return {"holdId": str(hold.id)}

        async def answer(outcome: Json) -> HoldPayload:
            return await _hold(info, outcome)

        return await perform(info, input, payload=HoldPayload, work=work, answer=answer)


def _deployment(info: Info) -> Deployment:
    settings = info.context.settings
    return Deployment(secret=settings.secret_key.get_secret_value(), currency=settings.currency)


async def _hold(info: Info, outcome: Json) -> HoldPayload:
    row = await info.context.load(queries.by_ids, uuid.UUID(outcome["holdId"]))
    return HoldPayload(hold=None if row is None else HoldType.of(row))
