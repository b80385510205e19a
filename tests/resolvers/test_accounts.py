"""Signing in and staying signed in, as clients see it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.auth import tokens
from app.core import clock
from app.core.database import Database
from app.core.errors import NotFound, Refusal
from app.core.ids import new_id
from app.models import ApiKey, IdempotentCall, KeyScope, RefreshToken, User, UserKind
from app.orchestration.accounts import operations
from app.orchestration.accounts.operations import NewUser
from tests.client import SECRET, Client
from tests.documents import document
from tests.factories.callers import a_carrier, one_of_each

SIGN_IN = document("driver.graphql", "SignIn")
REFRESH = """mutation ($input: RefreshSessionInput!) {
  refreshSession(input: $input) { accessToken refreshToken viewer { name } userErrors { code field message } }
}"""
SIGN_OUT = "mutation ($input: SignOutInput!) { signOut(input: $input) { isSignedOut userErrors { code } } }"
VIEWER = "{ viewer { kind name } }"
DORA = NewUser(username="Dora", name="Dora Dias", kind=UserKind.DISPATCHER, password="correct horse battery")


@pytest.fixture
async def dora(database: Database) -> User:
    return await database.run(lambda session: operations.create_user(session, user=DORA))


async def sign_in(client: Client, **given: str) -> dict[str, Any]:
    credentials = {"username": "dora", "password": DORA.password, **given}
    answer: dict[str, Any] = (await client.run(SIGN_IN, {"input": credentials}))["signIn"]
    return answer


async def refresh(client: Client, token: str, **given: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.run(REFRESH, {"input": {"refreshToken": token, **given}}))["refreshSession"]
    return answer


async def sessions(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(RefreshToken)) or 0


async def test_a_user_signs_in_and_is_the_viewer(client: Client, dora: User) -> None:
    answer = await sign_in(client, username=" DORA ")
    assert answer["viewer"] == {"kind": "DISPATCHER", "name": "Dora Dias"}
    assert answer["userErrors"] == []
    viewer = await client.run(VIEWER, as_=answer["accessToken"])
    assert viewer == {"viewer": {"kind": "DISPATCHER", "name": "Dora Dias"}}


async def test_no_token_is_stored_as_it_is(client: Client, database: Database, dora: User) -> None:
    answer = await sign_in(client, idempotencyKey="k")
    async with database.reading() as session:
        kept = (await session.scalars(select(RefreshToken))).one().model_dump_json()
        kept += (await session.scalars(select(IdempotentCall))).one().model_dump_json()
    assert answer["refreshToken"] not in kept
    assert answer["accessToken"] not in kept
    assert DORA.password not in kept


@pytest.mark.parametrize(
    "given", [{"password": "wrong horse battery"}, {"username": "nobody"}, {"password": ""}, {"password": "x" * 5000}]
)
async def test_wrong_credentials_all_read_alike(
    client: Client, database: Database, dora: User, given: dict[str, str]
) -> None:
    answer = await sign_in(client, **given)
    assert answer == {
        "accessToken": None,
        "expiresAt": None,
        "refreshToken": None,
        "viewer": None,
        "userErrors": [
            {
                "code": "INVALID_CREDENTIALS",
                "field": None,
                "message": "This user name and password do not belong together. Check both.",
            }
        ],
    }
    assert await sessions(database) == 0


async def test_a_closed_account_cannot_sign_in_and_its_tokens_end(
    client: Client, database: Database, dora: User
) -> None:
    token = (await sign_in(client))["accessToken"]
    async with database.transaction() as session:
        (await session.get_one(User, dora.id)).is_active = False
    assert (await sign_in(client))["userErrors"][0]["code"] == "INVALID_CREDENTIALS"
    assert (await client.post({"query": VIEWER}, as_=token)).status_code == 401


async def test_a_refresh_token_is_traded_for_the_next(client: Client, dora: User) -> None:
    first = await sign_in(client)
    second = await refresh(client, first["refreshToken"])
    third = await refresh(client, second["refreshToken"])
    assert third["viewer"] == {"name": "Dora Dias"}
    assert len({first["refreshToken"], second["refreshToken"], third["refreshToken"]}) == 3
    assert (await client.run(VIEWER, as_=third["accessToken"]))["viewer"]["name"] == "Dora Dias"


async def test_a_refresh_token_that_comes_back_ends_the_whole_session(client: Client, dora: User) -> None:
    first = await sign_in(client)
    second = await refresh(client, first["refreshToken"])
    stolen = await refresh(client, first["refreshToken"])
    assert [error["code"] for error in stolen["userErrors"]] == ["REFRESH_TOKEN_REUSED"]
    after = await refresh(client, second["refreshToken"])
    assert [error["code"] for error in after["userErrors"]] == ["REFRESH_TOKEN_INVALID"]
    assert (await client.post({"query": VIEWER}, as_=second["accessToken"])).status_code == 401


async def test_a_refresh_repeated_with_its_key_answers_the_same_session(client: Client, dora: User) -> None:
    first = await sign_in(client)
    second = await refresh(client, first["refreshToken"], idempotencyKey="lost answer")
    again = await refresh(client, first["refreshToken"], idempotencyKey="lost answer")
    assert again == second
    assert (await refresh(client, second["refreshToken"]))["userErrors"] == []


async def test_signing_out_ends_the_session_at_once(client: Client, dora: User) -> None:
    answer = await sign_in(client)
    out = await client.run(SIGN_OUT, {"input": {"refreshToken": answer["refreshToken"]}})
    assert out == {"signOut": {"isSignedOut": True, "userErrors": []}}
    assert (await client.post({"query": VIEWER}, as_=answer["accessToken"])).status_code == 401
    assert (await refresh(client, answer["refreshToken"]))["userErrors"][0]["code"] == "REFRESH_TOKEN_INVALID"


async def test_an_expired_access_token_is_refused_with_the_way_out(client: Client, dora: User) -> None:
    past = clock.wall_now() - timedelta(hours=1)
    claims = tokens.AccessClaims(user_id=dora.id, family_id=new_id(), issued_at=past, expires_at=past)
    response = await client.post({"query": VIEWER}, as_=tokens.access_token(claims, secret=SECRET))
    assert response.status_code == 401
    assert "expired at" in response.json()["errors"][0]["message"]


async def test_an_access_token_of_another_secret_is_refused(client: Client, dora: User) -> None:
    later = clock.wall_now() + timedelta(hours=1)
    claims = tokens.AccessClaims(user_id=dora.id, family_id=new_id(), issued_at=later, expires_at=later)
    response = await client.post({"query": VIEWER}, as_=tokens.access_token(claims, secret="another"))
    assert response.status_code == 401


async def test_every_kind_of_credential_says_who_calls(client: Client, database: Database) -> None:
    for kind, caller in (await one_of_each(database)).items():
        viewer = (await client.run(VIEWER, as_=caller))["viewer"]
        assert (viewer and viewer["kind"]) == (None if kind == "ANONYMOUS" else kind)


async def test_a_revoked_key_opens_nothing(client: Client, database: Database) -> None:
    row, key = await database.run(
        lambda session: operations.create_key(session, name="shop", scope=KeyScope.INTEGRATION)
    )
    assert key.startswith("dsk_integration_")
    assert (await client.run(VIEWER, as_=key))["viewer"] == {"kind": "INTEGRATION", "name": "shop"}
    await database.run(lambda session: operations.revoke_key(session, key_id=row.id, wall_now=clock.wall_now()))
    assert (await client.post({"query": VIEWER}, as_=key)).status_code == 401


async def test_a_carriers_key_belongs_to_the_carrier(database: Database) -> None:
    async with database.transaction() as session:
        session.add(a_carrier("swift"))
    row, key = await database.run(
        lambda session: operations.create_key(session, name="swift", scope=KeyScope.CARRIER, carrier_reference="swift")
    )
    assert row.carrier_id is not None
    assert key not in row.model_dump_json()
    with pytest.raises(NotFound):
        await database.run(
            lambda session: operations.create_key(session, name="x", scope=KeyScope.CARRIER, carrier_reference="none")
        )
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(ApiKey)) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"username": "dora"}, "USERNAME_TAKEN"),
        ({"password": "short"}, "PASSWORD_LENGTH"),
        ({"username": " "}, "USERNAME_INVALID"),
    ],
)
async def test_a_user_that_cannot_be_is_refused(
    database: Database, dora: User, given: dict[str, Any], code: str
) -> None:
    new = replace(DORA, **{"username": "other", **given})
    with pytest.raises(Refusal) as refused:
        await database.run(lambda session: operations.create_user(session, user=new))
    assert refused.value.code == code


@pytest.mark.parametrize("scheme", ["Basic ZG9yYTpwdw==", "Token abc def"])
async def test_another_scheme_than_bearer_is_refused(client: Client, scheme: str) -> None:
    response = await client.post({"query": VIEWER}, headers={"authorization": scheme})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
