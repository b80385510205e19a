"""`viewer` and `node`: what a caller reads of itself, and of what it may not see."""

from uuid import UUID

import pytest

from app.auth.principals import Principal, PrincipalKind
from app.core.ids import to_global
from tests.client import ANONYMOUS, DISPATCHER, Client
from tests.factories.callers import one_of_each

VIEWER = "{ viewer { kind driver { id name } carrier { id reference } } }"


@pytest.fixture
async def callers(client: Client) -> dict[PrincipalKind, Principal]:
    return await one_of_each(client.database)


async def test_a_driver_reads_itself(client: Client, callers: dict[PrincipalKind, Principal]) -> None:
    driver = callers[PrincipalKind.DRIVER]
    viewer = (await client.run(VIEWER, as_=driver))["viewer"]
    assert driver.driver_id is not None
    expected = {"id": to_global("Driver", driver.driver_id), "name": "Dario"}
    assert viewer == {"kind": "DRIVER", "driver": expected, "carrier": None}


async def test_a_carrier_reads_itself(client: Client, callers: dict[PrincipalKind, Principal]) -> None:
    carrier = callers[PrincipalKind.CARRIER]
    viewer = (await client.run(VIEWER, as_=carrier))["viewer"]
    assert carrier.carrier_id is not None
    expected = {"id": to_global("Carrier", carrier.carrier_id), "reference": "swift"}
    assert viewer == {"kind": "CARRIER", "driver": None, "carrier": expected}


async def test_who_is_not_signed_in_has_no_viewer(client: Client) -> None:
    assert await client.run(VIEWER, as_=ANONYMOUS) == {"viewer": None}


@pytest.mark.parametrize("id", ["", "x", to_global("Order", UUID(int=7)), to_global("Nothing", UUID(int=7))])
async def test_an_id_of_nothing_reads_as_null(client: Client, id: str) -> None:
    found = await client.run("query ($id: ID!) { node(id: $id) { id } }", {"id": id}, as_=DISPATCHER)
    assert found == {"node": None}


async def test_a_text_with_a_nul_character_is_refused(client: Client) -> None:
    document = "mutation ($input: SignInInput!) { signIn(input: $input) { expiresAt } }"
    body = await client.execute(document, {"input": {"username": "a\0b", "password": "x"}})
    assert "holds a NUL character" in body["errors"][0]["message"]
    body = await client.execute('mutation { signIn(input: {username: "a\\u0000b", password: "x"}) { expiresAt } }')
    assert "holds a NUL character" in body["errors"][0]["message"]
