"""Feedback through the customer's own document: what fits is stored once, what does not is named and leaves nothing."""

from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal, PrincipalKind
from app.core import clock
from app.models import Event, Feedback, Questionnaire
from app.orchestration.feedback import operations, policies, queries
from tests.client import DISPATCHER, Client
from tests.factories.customers import Customer
from tests.factories.devices import Device
from tests.factories.routes import PLAIN, a_published_route

CHOICE = {
    "id": "mood",
    "kind": "CHOICE",
    "scale": None,
    "required": False,
    "options": ["friendly", "curt"],
    "prompt": {"en": "How was the driver?"},
}


async def delivered(client: Client, stops: int = 1, *, name: str = "R1") -> tuple[Device, list[Customer]]:
    """A route that was driven, and its customers."""
    device = Device(client, await a_published_route(client.database, *[PLAIN] * stops, name=name))
    events = [device.start()]
    for number in range(stops):
        events += device.visit(number, 5 * number + 1)
    assert await device.outcomes(*events) == ["RECORDED"] * len(events)
    return device, [Customer(client, order) for order in device.published.orders]


async def counts(client: Client) -> tuple[int, int]:
    """How many answers are stored, and how many events speak of them."""
    async with client.database.reading() as session:
        stored = await session.scalar(select(func.count()).select_from(Feedback))
        told = await session.scalar(
            select(func.count()).select_from(Event).where(col(Event.type) == "feedback.submitted")
        )
    return stored or 0, told or 0


async def ask_a_choice(client: Client) -> None:
    """A second version of the questionnaire, with a choice."""
    async with client.database.transaction() as session:
        await session.execute(update(Questionnaire).values(is_current=False))
        session.add(Questionnaire(name=policies.STANDARD_NAME, version=2, questions=[*policies.STANDARD, CHOICE]))


async def test_the_answers_are_stored_with_their_score_comment_carrier_and_driver(client: Client) -> None:
    device, [customer] = await delivered(client)
    payload = await customer.rate(
        {"questionId": "delivery", "score": 4},
        {"questionId": "recommend", "score": 10},
        {"questionId": "comment", "text": "  Very kind.  "},
    )
    assert payload["userErrors"] == []
    # 4 of 1 to 5 is 3/4; 10 of 0 to 10 is 1.
    assert (payload["feedback"]["score"], payload["feedback"]["comment"]) == (0.875, "Very kind.")
    async with client.database.reading() as session:
        [row] = await session.scalars(select(Feedback))
        [event] = await session.scalars(select(Event).where(col(Event.type) == "feedback.submitted"))
    assert (row.order_id, row.carrier_id) == (customer.order.id, device.published.route.carrier_id)
    assert row.driver_id == device.published.driver.id
    assert event.data == {"score": 0.875, "driverId": str(row.driver_id)}
    assert (event.order_id, event.carrier_id, event.actor_kind) == (row.order_id, row.carrier_id, "CUSTOMER")


@pytest.mark.parametrize(
    ("answers", "code", "field"),
    [
        ([{"questionId": "taste", "score": 3}], "UNKNOWN_QUESTION", "answers.0.questionId"),
        ([{"questionId": "delivery", "score": 3}] * 2, "ANSWERED_TWICE", "answers.1.questionId"),
        ([{"questionId": "delivery", "score": 0}], "SCORE_OUT_OF_RANGE", "answers.0.score"),
        ([{"questionId": "delivery", "score": 6}], "SCORE_OUT_OF_RANGE", "answers.0.score"),
        ([{"questionId": "delivery"}], "SCORE_OUT_OF_RANGE", "answers.0.score"),
        ([{"questionId": "recommend", "score": -1}], "SCORE_OUT_OF_RANGE", "answers.0.score"),
        ([{"questionId": "recommend", "score": 11}], "SCORE_OUT_OF_RANGE", "answers.0.score"),
        ([{"questionId": "mood", "choice": "odd"}], "CHOICE_UNKNOWN", "answers.0.choice"),
        ([{"questionId": "mood"}], "CHOICE_UNKNOWN", "answers.0.choice"),
        ([{"questionId": "comment", "text": "   "}], "TEXT_INVALID", "answers.0.text"),
        ([{"questionId": "comment", "text": "x" * 2001}], "TEXT_INVALID", "answers.0.text"),
        ([{"questionId": "comment", "text": "good", "score": 5}], "WRONG_KIND_OF_ANSWER", "answers.0.score"),
        ([{"questionId": "delivery", "score": 5, "text": "good"}], "WRONG_KIND_OF_ANSWER", "answers.0.text"),
        ([{"questionId": "recommend", "score": 9}], "ANSWER_REQUIRED", "answers"),
        ([], "ANSWER_REQUIRED", "answers"),
    ],
)
async def test_an_answer_that_does_not_fit_is_named_and_nothing_is_stored(
    client: Client, answers: list[dict[str, Any]], code: str, field: str
) -> None:
    await ask_a_choice(client)
    _, [customer] = await delivered(client)
    payload = await customer.rate(*answers)
    assert payload["feedback"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, field)]
    assert await counts(client) == (0, 0)


async def test_a_second_time_is_refused_and_the_first_answers_stay(client: Client) -> None:
    _, [customer] = await delivered(client)
    await customer.rate({"questionId": "delivery", "score": 5})
    again = await customer.rate({"questionId": "delivery", "score": 1})
    assert [error["code"] for error in again["userErrors"]] == ["FEEDBACK_ALREADY_SUBMITTED"]
    assert await counts(client) == (1, 1)
    async with client.database.reading() as session:
        assert [row.score for row in await session.scalars(select(Feedback))] == [1.0]


async def test_a_repeated_call_with_the_same_key_answers_as_the_first_did(client: Client) -> None:
    _, [customer] = await delivered(client)
    first = await customer.rate({"questionId": "delivery", "score": 5}, idempotencyKey="once")
    assert first["userErrors"] == []
    assert await customer.rate({"questionId": "delivery", "score": 5}, idempotencyKey="once") == first
    assert await counts(client) == (1, 1)


async def test_an_order_under_way_and_an_unknown_link_cannot_be_rated(client: Client) -> None:
    published = await a_published_route(client.database, PLAIN)
    early = await Customer(client, published.orders[0]).rate({"questionId": "delivery", "score": 5})
    assert [error["code"] for error in early["userErrors"]] == ["NOT_DELIVERED_YET"]
    stranger = Customer(client, published.orders[0].model_copy(update={"id": published.node.id}))
    unknown = await stranger.rate({"questionId": "delivery", "score": 5})
    assert [(error["code"], error["field"]) for error in unknown["userErrors"]] == [("NOT_FOUND", "token")]
    assert await counts(client) == (0, 0)


async def test_scores_rate_the_carrier_and_the_driver_to_those_who_may_know(client: Client) -> None:
    device, customers = await delivered(client, 3)
    for customer, score in zip(customers, (5, 4, 1), strict=True):
        await customer.rate({"questionId": "delivery", "score": score})
    carrier_id, driver_id = device.published.route.carrier_id, device.published.driver.id
    expected = {"mean": pytest.approx((1 + 0.75 + 0) / 3), "count": 3}
    own = Principal(kind=PrincipalKind.CARRIER, name="c", key="c", carrier_id=carrier_id)
    other = Principal(kind=PrincipalKind.CARRIER, name="o", key="o", carrier_id=device.published.node.id)
    async with client.database.reading() as session:
        for viewer in (DISPATCHER, SYSTEM, own):
            [(key, rating)] = (await queries.ratings_of_carriers(session, viewer, [carrier_id])).items()
            assert (key, {"mean": rating.mean, "count": rating.count}) == (carrier_id, expected)
        for viewer in (DISPATCHER, device.published.principal):
            [(key, rating)] = (await queries.ratings_of_drivers(session, viewer, [driver_id])).items()
            assert (key, {"mean": rating.mean, "count": rating.count}) == (driver_id, expected)
        for viewer in (other, device.published.principal):
            assert await queries.ratings_of_carriers(session, viewer, [carrier_id]) == {}
        assert await queries.ratings_of_drivers(session, own, [driver_id]) == {}


async def test_the_questionnaire_is_there_from_the_first_start_and_only_once(client: Client) -> None:
    async with client.database.transaction() as session:
        await operations.ensure_defaults(session, now=clock.now())
    async with client.database.reading() as session:
        [row] = await session.scalars(select(Questionnaire))
    assert (row.name, row.version, row.is_current) == ("after_delivery", 1, True)
    assert [question["id"] for question in row.questions] == ["delivery", "recommend", "comment"]
