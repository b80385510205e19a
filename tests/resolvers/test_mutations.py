"""What every mutation shares: one transaction, one performance per idempotency key, refusals that change nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import httpx
import pytest
import strawberry
from sqlalchemy import select

from app.auth.principals import Principal, PrincipalKind
from app.core.database import Database, Session
from app.core.errors import Conflict
from app.models import Counter
from app.models.base import Json
from app.resolvers.mutations import mutation, perform
from app.resolvers.schema import build_schema
from app.schema.context import Context, Info
from app.schema.errors import UserErrorType
from app.web.graphql import GraphQLEndpoint
from tests.client import ANONYMOUS, CHECKOUT, DISPATCHER, INTEGRATION, Client

DAY = date(2030, 1, 1)


@strawberry.input
class CountInput:
    name: str
    fail: str | None = None
    note: str | None = None
    idempotency_key: str | None = None


@strawberry.type
class CountPayload:
    value: int | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


async def values(session: Session) -> dict[str, int]:
    return {row.name: row.value for row in await session.scalars(select(Counter))}


@strawberry.type
class CountMutations:
    @mutation(callers={PrincipalKind.INTEGRATION, PrincipalKind.DISPATCHER})
    async def count(self, info: Info, input: CountInput) -> CountPayload:
        """Adds one row, and refuses after it did, where asked to."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            found = len(await values(session))
            session.add(Counter(name=input.name, dimension="", day=DAY, value=found))
            await session.flush()
            if input.fail == "refusal":
                raise Conflict("TOO_LATE", "It is too late for 'x'.", field="name")
            if input.fail == "fault":
                raise RuntimeError("a secret of ours")
            await asyncio.sleep(0.05)
            return {"value": found}

        async def answer(outcome: Json) -> CountPayload:
            return CountPayload(value=outcome["value"])

        return await perform(info, input, payload=CountPayload, work=work, answer=answer, wake=("solver",))


DOCUMENT = "mutation ($input: CountInput!) { count(input: $input) { value userErrors { code field message } } }"


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
async def counting(client: Client, database: Database, woken: list[str]) -> AsyncIterator[Client]:
    """A client of a schema with one mutation."""

    async def wake(queue: str) -> None:
        woken.append(queue)

    endpoint = GraphQLEndpoint(
        build_schema(mutation=CountMutations),
        new_context=lambda: Context(database=database, settings=client.settings, wake=wake),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=endpoint), base_url="http://doorstep.test") as http:
        yield Client(database=database, settings=client.settings, http=http, application=client.application)


async def count(client: Client, as_: Principal = INTEGRATION, **given: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.run(DOCUMENT, {"input": {"name": "a", **given}}, as_=as_))["count"]
    return answer


async def kept(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        return await values(session)


async def test_work_is_committed_and_its_readers_are_woken(
    counting: Client, database: Database, woken: list[str]
) -> None:
    assert await count(counting) == {"value": 0, "userErrors": []}
    assert await kept(database) == {"a": 0}
    assert woken == ["default", "solver"]


async def test_a_refusal_is_a_user_error_and_changes_nothing(
    counting: Client, database: Database, woken: list[str]
) -> None:
    answer = await count(counting, fail="refusal", idempotencyKey="k")
    assert answer == {
        "value": None,
        "userErrors": [{"code": "TOO_LATE", "field": "name", "message": "It is too late for 'x'."}],
    }
    assert await kept(database) == {}
    assert woken == []


async def test_a_refused_key_may_be_tried_again(counting: Client) -> None:
    await count(counting, fail="refusal", idempotencyKey="k")
    assert (await count(counting, idempotencyKey="k"))["value"] == 0


async def test_a_replayed_key_answers_the_first_answer_and_does_nothing_more(
    counting: Client, database: Database
) -> None:
    first = await count(counting, idempotencyKey="k")
    assert await count(counting, idempotencyKey="k") == first
    assert await kept(database) == {"a": 0}


async def test_a_key_with_another_input_is_refused(counting: Client, database: Database) -> None:
    await count(counting, idempotencyKey="k")
    answer = await count(counting, name="b", idempotencyKey="k")
    assert answer["value"] is None
    assert [(error["code"], error["field"]) for error in answer["userErrors"]] == [
        ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    ]
    assert "'k'" in answer["userErrors"][0]["message"]
    assert await kept(database) == {"a": 0}


async def test_the_same_key_of_another_caller_is_another_key(counting: Client, database: Database) -> None:
    assert (await count(counting, idempotencyKey="k"))["value"] == 0
    assert (await count(counting, as_=DISPATCHER, name="b", idempotencyKey="k"))["value"] == 1


async def test_of_concurrent_calls_with_one_key_only_one_performs(counting: Client, database: Database) -> None:
    await counting.token(INTEGRATION)
    answers = await asyncio.gather(*(count(counting, idempotencyKey="k") for _ in range(8)))
    assert answers == [{"value": 0, "userErrors": []}] * 8
    assert await kept(database) == {"a": 0}


async def test_a_race_that_the_database_caught_is_a_conflict(counting: Client, database: Database) -> None:
    await count(counting)
    answer = await count(counting)
    assert [error["code"] for error in answer["userErrors"]] == ["CONFLICT"]
    assert "pk_counters" in answer["userErrors"][0]["message"]


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_a_key_of_a_wrong_length_is_refused(counting: Client, key: str) -> None:
    answer = await count(counting, idempotencyKey=key)
    assert answer["userErrors"][0]["code"] == "IDEMPOTENCY_KEY_INVALID"


async def test_a_fault_of_ours_shows_an_id_and_nothing_else(counting: Client, database: Database) -> None:
    body = await counting.execute(DOCUMENT, {"input": {"name": "a", "fail": "fault"}}, as_=INTEGRATION)
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert error["extensions"]["correlationId"] in error["message"]
    assert "secret" not in str(body)
    assert await kept(database) == {}


async def test_a_caller_that_is_not_served_is_refused_before_anything_runs(
    counting: Client, database: Database
) -> None:
    assert [error["code"] for error in (await count(counting, as_=ANONYMOUS))["userErrors"]] == ["NOT_SIGNED_IN"]
    answer = await count(counting, as_=CHECKOUT)
    assert [error["code"] for error in answer["userErrors"]] == ["NOT_PERMITTED"]
    assert "DISPATCHER, INTEGRATION" in answer["userErrors"][0]["message"]
    assert await kept(database) == {}


def test_the_fields_description_says_whom_it_serves() -> None:
    schema = build_schema(mutation=CountMutations)
    assert schema._schema.mutation_type is not None
    description = schema._schema.mutation_type.fields["count"].description
    assert description == "Adds one row, and refuses after it did, where asked to.\n\nServes: DISPATCHER, INTEGRATION."
