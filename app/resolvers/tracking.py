"""The customer's verbs. The token in the variables is all the proof there is; it opens one order and nothing else."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import strawberry

from app.auth.principals import Principal
from app.core.database import Session
from app.core.errors import NotFound
from app.models import Event, Order, OrderState, ShipmentState
from app.notifications import templates
from app.orchestration.accounts.queries import customer_of_token
from app.orchestration.feedback import operations as feedback
from app.orchestration.feedback import queries as feedback_queries
from app.orchestration.feedback.policies import Answer
from app.orchestration.messages.policies import next_step
from app.orchestration.messages.wording import Facts, Sender, span, values
from app.orchestration.tracking import operations, queries
from app.orchestration.tracking.operations import Preferences
from app.orchestration.tracking.queries import TrackingView
from app.resolvers.mutations import EVERYONE, Json, mutation, perform, refused, subscription
from app.schema.context import Context, Info
from app.schema.feedback import FeedbackType, SubmitFeedbackInput, SubmitFeedbackPayload
from app.schema.tracking import (
    TrackingEventType,
    TrackingType,
    UpdateDeliveryPreferencesInput,
    UpdateDeliveryPreferencesPayload,
)

Payload = TypeVar("Payload")


@strawberry.type
class TrackingQueries:
    """What a customer reads."""

    @strawberry.field
    async def tracking(self, info: Info, token: str) -> TrackingType | None:
        """The order that this token opens; null for a token that opens nothing."""
        customer = await _customer(info.context, token)
        return None if customer is None else await _page(info.context, customer)


@strawberry.type
class TrackingMutations:
    """What a customer may do."""

    @mutation(callers=EVERYONE)
    async def update_delivery_preferences(
        self, info: Info, token: str, input: UpdateDeliveryPreferencesInput
    ) -> UpdateDeliveryPreferencesPayload:
        """Changes safe place, instructions, neighbour, channels and quiet hours while the order is under way."""
        customer = await _customer(info.context, token)
        if customer is None:
            return _unknown(UpdateDeliveryPreferencesPayload)
        quiet = input.quiet_hours
        wanted = Preferences(
            safe_place=input.safe_place,
            instructions=input.instructions,
            neighbour=input.neighbour,
            channels=input.channels,
            quiet_start=quiet.start if quiet else None,
            quiet_end=quiet.end if quiet else None,
        )

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            order = await operations.update_preferences(
                session, actor=actor, now=now, order_id=_order_id(actor), wanted=wanted
            )
            return {"orderId": str(order.id)}

        async def answer(outcome: Json) -> UpdateDeliveryPreferencesPayload:
            return UpdateDeliveryPreferencesPayload(tracking=await _page(info.context, customer))

        return await perform(
            info, input, payload=UpdateDeliveryPreferencesPayload, work=work, answer=answer, actor=customer
        )

    @mutation(callers=EVERYONE)
    async def submit_feedback(self, info: Info, token: str, input: SubmitFeedbackInput) -> SubmitFeedbackPayload:
        """Answers the questionnaire, once, after the order has ended."""
        customer = await _customer(info.context, token)
        if customer is None:
            return _unknown(SubmitFeedbackPayload)
        answers = [
            Answer(question_id=given.question_id, score=given.score, choice=given.choice, text=given.text)
            for given in input.answers
        ]

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            await feedback.submit(session, actor=actor, now=now, order_id=_order_id(actor), answers=answers)
            return {}

        async def answer(outcome: Json) -> SubmitFeedbackPayload:
            async with info.context.database.reading() as session:
                found = await feedback_queries.by_order_ids(session, customer, [_order_id(customer)])
            return SubmitFeedbackPayload(feedback=FeedbackType.of(found[_order_id(customer)]))

        return await perform(info, input, payload=SubmitFeedbackPayload, work=work, answer=answer, actor=customer)


@strawberry.type
class TrackingSubscriptions:
    """What a customer's page hears of."""

    @subscription(callers=EVERYONE)
    async def tracking_changed(self, info: Info, token: str) -> AsyncIterator[TrackingType]:
        """The page now, and again whenever something on it has changed."""
        context = info.context
        customer = await _customer(context, token)
        if customer is None:
            return
        assert context.live is not None, "a process that serves subscriptions follows the log"
        shown: TrackingView | None = None

        def concerns(event: Event) -> bool:
            """The order's own events, and those of its route: each stop before it that is done brings it nearer."""
            is_on_route = event.route_id is not None and (shown is None or event.route_id == shown.route_id)
            return event.order_id == customer.order_id or is_on_route

        async with context.live.listening(concerns) as events:
            shown = await _view(context, customer)
            if shown is not None:
                yield _shown(context, shown)
            async for _ in events:
                before, shown = shown, await _view(context, customer)
                # What the visibility rules hide must not be told by the beat of the answers either.
                if shown is not None and (before is None or shown.marks != before.marks):
                    yield _shown(context, shown)


async def _customer(context: Context, token: str) -> Principal | None:
    async with context.database.reading() as session:
        return await customer_of_token(session, token)


def _order_id(customer: Principal) -> uuid.UUID:
    assert customer.order_id is not None, "a customer is the customer of one order"
    return customer.order_id


def _unknown(payload: type[Payload]) -> Payload:
    answer: Payload = refused(payload, NotFound("delivery", "behind this tracking link", field="token"))
    return answer


async def _page(context: Context, customer: Principal) -> TrackingType | None:
    view = await _view(context, customer)
    return None if view is None else _shown(context, view)


async def _view(context: Context, customer: Principal) -> TrackingView | None:
    async with context.database.reading() as session:
        return await queries.view(session, order_id=_order_id(customer), now=context.now())


def _shown(context: Context, view: TrackingView) -> TrackingType:
    return TrackingType(
        view=view,
        reference=view.order.reference,
        state=view.order.state,
        headline=_headline(context, view),
        timeline=[_line(event, view.order) for event in view.events],
    )


def _line(event: Event, order: Order) -> TrackingEventType:
    locale, reason = order.locale, event.data.get("reason")
    return TrackingEventType(
        at=event.at,
        title=templates.timeline_title(event.type, locale, is_collection=order.kind.is_collection),
        detail=None if reason is None else templates.reason_in_words(reason, locale),
    )


def _headline(context: Context, view: TrackingView) -> str:
    """The shipment's state speaks while the order is under way, the order's before and after."""
    state: str = view.order.state
    shipment, settings = view.shipment, context.settings
    if view.order.state in (OrderState.ALLOCATED, OrderState.IN_FULFILMENT):
        says_more = shipment is not None and templates.has_headline(shipment.state)
        state = shipment.state if shipment is not None and says_more else OrderState.ALLOCATED
    if view.order.kind.is_collection and view.stops_before is not None:
        state = ShipmentState.OUT_FOR_DELIVERY  # a collection is planned until the van is at its door
    sender = Sender(
        public_url=settings.public_url,
        secret=settings.secret_key.get_secret_value(),
        zone=ZoneInfo(settings.time_zone),
    )
    words = values(view.order, _facts(view), sender=sender, zone=view.zone or sender.zone)
    return templates.headline(state, view.order.locale, words)


def _facts(view: TrackingView) -> Facts:
    """What the headline may say: no more than the page shows."""
    shipment = view.shipment
    reasons = [event.data["reason"] for event in view.events if event.data.get("reason")]
    return Facts(
        eta=None if shipment is None else span(shipment.eta_earliest, shipment.eta_latest),
        reason=reasons[-1] if reasons else None,
        stops_before=view.stops_before,
        next_step=next_step(None if shipment is None else shipment.state),
    )
