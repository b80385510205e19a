"""Counts and movements as a warehouse system sends them."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.models import Event, InventoryLevel, InventoryMovement, MovementReason, Product
from app.orchestration.inventory import operations
from tests.client import DISPATCHER, INTEGRATION, Client
from tests.documents import document
from tests.factories.stock import a_world

SET = document("integration.graphql", "SetInventory")
MOVE = document("integration.graphql", "MoveInventory")
EARLIER, LATER = "2020-01-01T08:00:00Z", "2020-01-01T09:00:00Z"


async def count(client: Client, *levels: dict[str, Any]) -> list[dict[str, Any]]:
    payload = (await client.run(SET, {"input": {"levels": list(levels)}}, as_=INTEGRATION))["setInventory"]
    assert payload["userErrors"] == []
    results: list[dict[str, Any]] = payload["results"]
    return results


async def move(client: Client, *movements: dict[str, Any]) -> list[dict[str, Any]]:
    payload = (await client.run(MOVE, {"input": {"movements": list(movements)}}, as_=INTEGRATION))["moveInventory"]
    assert payload["userErrors"] == []
    results: list[dict[str, Any]] = payload["results"]
    return results


def errors(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["code"], error["field"]) for error in result["errors"]]


async def rows(database: Database) -> list[int]:
    async with database.reading() as session:
        return [
            await session.scalar(select(func.count()).select_from(table)) or 0
            for table in (InventoryLevel, InventoryMovement, Product, Event)
        ]


async def test_a_count_sets_the_level_and_makes_the_product_of_a_new_sku(client: Client, database: Database) -> None:
    await a_world(database, on_hand=10)
    found = await count(
        client,
        {"node": "LIS", "sku": "APPLE", "onHand": 7, "asOf": LATER},
        {"node": "LIS", "sku": "KIWI", "onHand": 3, "asOf": LATER},
    )
    assert [result["level"] for result in found] == [
        {"node": {"reference": "LIS"}, "sku": "APPLE", "onHand": 7, "reserved": 0, "available": 7, "inTransit": 0},
        {"node": {"reference": "LIS"}, "sku": "KIWI", "onHand": 3, "reserved": 0, "available": 3, "inTransit": 0},
    ]
    async with database.reading() as session:
        assert await session.scalar(select(col(Product.sku)).where(col(Product.sku) == "KIWI")) == "KIWI"


async def test_each_bad_count_answers_its_own_error_and_the_good_one_lands(client: Client, database: Database) -> None:
    node, _ = await a_world(database, on_hand=10)
    async with database.transaction() as session:
        await operations.move(
            session, MovementReason.RESERVE, operations.goods_of(node.id, {"PEAR": 6}), now=clock.now()
        )
    await count(client, {"node": "LIS", "sku": "APPLE", "onHand": 10, "asOf": LATER})
    before = await rows(database)
    found = await count(
        client,
        {"node": "NOWHERE", "sku": "APPLE", "onHand": 1, "asOf": LATER},
        {"node": "LIS", "sku": "NEW", "onHand": -1, "asOf": LATER},
        {"node": "LIS", "sku": "PEAR", "onHand": 5, "asOf": LATER},
        {"node": "LIS", "sku": "APPLE", "onHand": 9, "asOf": EARLIER},
        {"node": "LIS", "sku": "OTHER", "onHand": 1, "asOf": "2999-01-01T00:00:00Z"},
    )
    assert [errors(result) for result in found] == [
        [("UNKNOWN_NODE", "levels.0.node")],
        [("NEGATIVE_STOCK", "levels.1.onHand")],
        [("BELOW_RESERVED", "levels.2.onHand")],
        [("STALE_COUNT", "levels.3.asOf")],
        [("COUNT_IN_FUTURE", "levels.4.asOf")],
    ]
    assert [result["level"] for result in found] == [None] * 5
    assert await rows(database) == before
    assert found[2]["errors"][0]["message"] == (
        "PEAR at LIS cannot be set to 5, as 6 are reserved for orders. Cancel or move orders first."
    )


async def test_an_older_count_of_the_same_number_changes_nothing(client: Client, database: Database) -> None:
    await a_world(database)
    await count(client, {"node": "LIS", "sku": "APPLE", "onHand": 9, "asOf": LATER})
    before = await rows(database)
    [found] = await count(client, {"node": "LIS", "sku": "APPLE", "onHand": 9, "asOf": EARLIER})
    assert found["level"]["onHand"] == 9
    assert await rows(database) == before


async def test_movements_apply_in_their_order_and_swap_only_what_was_expected(
    client: Client, database: Database
) -> None:
    await a_world(database, on_hand=10)
    found = await move(
        client,
        {"node": "LIS", "sku": "APPLE", "delta": -4, "reason": "LOSS", "expectedOnHand": 10},
        {"node": "LIS", "sku": "APPLE", "delta": 5, "reason": "RECEIPT", "expectedOnHand": 10},
        {"node": "LIS", "sku": "APPLE", "delta": 5, "reason": "found behind the shelf", "expectedOnHand": 6},
    )
    assert [errors(result) for result in found] == [[], [("STALE_EXPECTED", "movements.1.expectedOnHand")], []]
    assert found[2]["level"]["onHand"] == 11
    async with database.reading() as session:
        told = await session.execute(
            select(col(InventoryMovement.reason), col(InventoryMovement.detail))
            .where(col(InventoryMovement.sku) == "APPLE")
            .order_by(col(InventoryMovement.id))
        )
    assert [(reason.value, detail) for reason, detail in told] == [
        ("RECEIPT", None),
        ("LOSS", None),
        ("ADJUSTMENT", "found behind the shelf"),
    ]


async def test_refused_movements_change_nothing(client: Client, database: Database) -> None:
    await a_world(database, on_hand=10)
    before = await rows(database)
    found = await move(
        client,
        {"node": "LIS", "sku": "MELON", "delta": 1, "reason": "RECEIPT"},
        {"node": "LIS", "sku": "APPLE", "delta": -11, "reason": "LOSS"},
        {"node": "LIS", "sku": "APPLE", "delta": 0, "reason": "LOSS"},
        {"node": "NOWHERE", "sku": "APPLE", "delta": 1, "reason": "RECEIPT"},
    )
    assert [errors(result) for result in found] == [
        [("UNKNOWN_SKU", "movements.0.sku")],
        [("NEGATIVE_STOCK", "movements.1.delta")],
        [("DELTA_ZERO", "movements.2.delta")],
        [("UNKNOWN_NODE", "movements.3.node")],
    ]
    assert await rows(database) == before


async def test_more_than_a_thousand_rows_are_refused(client: Client, database: Database) -> None:
    await a_world(database)
    before = await rows(database)
    level = {"node": "LIS", "sku": "APPLE", "onHand": 1, "asOf": LATER}
    payload = (await client.run(SET, {"input": {"levels": [level] * 1001}}, as_=DISPATCHER))["setInventory"]
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("TOO_MANY_ROWS", "levels")]
    assert await rows(database) == before


async def test_the_first_answer_is_given_again_for_its_key(client: Client, database: Database) -> None:
    await a_world(database, on_hand=10)
    movement = {"node": "LIS", "sku": "APPLE", "delta": 5, "reason": "RECEIPT"}
    variables = {"input": {"movements": [movement], "idempotencyKey": "delivery-note-1"}}
    first = await client.run(MOVE, variables, as_=INTEGRATION)
    assert await client.run(MOVE, variables, as_=INTEGRATION) == first
    assert first["moveInventory"]["results"][0]["level"]["onHand"] == 15


EXPECT = """mutation ($input: ExpectInventoryInput!) { expectInventory(input: $input) {
  results { outcome level { onHand inbound inboundReserved inTransit
    deliveries { reference expectedOn quantity reserved arrived } } errors { code field } }
  userErrors { code } } }"""
RECEIVE = """mutation ($input: ReceiveInventoryInput!) { receiveInventory(input: $input) {
  results { outcome level { onHand available inbound deliveries { reference quantity arrived } }
    errors { code field } } userErrors { code } } }"""
NEXT_WEEK = str((clock.now() + timedelta(days=7)).date())


async def expect(client: Client, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.run(EXPECT, {"input": {"deliveries": list(rows)}}, as_=INTEGRATION)
    results: list[dict[str, Any]] = answer["expectInventory"]["results"]
    return results


async def receive(client: Client, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.run(RECEIVE, {"input": {"arrivals": list(rows)}}, as_=INTEGRATION)
    results: list[dict[str, Any]] = answer["receiveInventory"]["results"]
    return results


def delivery(quantity: int = 5, **rest: Any) -> dict[str, Any]:
    return {
        "node": "LIS",
        "sku": "APPLE",
        "reference": "PO-1",
        "quantity": quantity,
        "expectedOn": NEXT_WEEK,
        **rest,
    }


def arrival(quantity: int, **rest: Any) -> dict[str, Any]:
    return {"node": "LIS", "sku": "APPLE", "reference": "PO-1", "quantity": quantity, **rest}


async def test_what_is_to_come_is_expected_and_arrives_in_parts(client: Client, database: Database) -> None:
    await a_world(database, on_hand=10)
    (told,) = await expect(client, delivery())
    assert (told["outcome"], told["errors"]) == ("CREATED", [])
    assert told["level"] == {
        "onHand": 10,
        "inbound": 5,
        "inboundReserved": 0,
        "inTransit": 0,
        "deliveries": [{"reference": "PO-1", "expectedOn": NEXT_WEEK, "quantity": 5, "reserved": 0, "arrived": 0}],
    }
    assert (await expect(client, delivery()))[0]["outcome"] == "UNCHANGED"
    (part,) = await receive(client, arrival(2))
    assert part["level"] == {
        "onHand": 12,
        "available": 12,
        "inbound": 3,
        "deliveries": [{"reference": "PO-1", "quantity": 3, "arrived": 2}],
    }
    assert (await expect(client, delivery(4)))[0]["level"]["inbound"] == 4
    assert (await receive(client, arrival(4)))[0]["level"]["deliveries"] == []
    (nothing,) = await expect(client, delivery(0, reference="PO-2"))
    assert nothing["outcome"] == "UNCHANGED"


async def test_each_bad_delivery_answers_its_own_error_and_changes_nothing(client: Client, database: Database) -> None:
    await a_world(database, on_hand=10)
    before = await rows(database)
    found = await expect(
        client,
        delivery(node="OPO"),
        delivery(sku="KIWI"),
        delivery(-1),
        delivery(expectedOn="2020-01-01"),
        delivery(expectedOn="9999-12-31"),
        delivery(reference=" "),
        delivery(0, reference="PO-2"),
        delivery(reference="PO-2"),
    )
    assert [[(error["code"], error["field"]) for error in result["errors"]] for result in found] == [
        [("UNKNOWN_NODE", "deliveries.0.node")],
        [("UNKNOWN_SKU", "deliveries.1.sku")],
        [("QUANTITY_INVALID", "deliveries.2.quantity")],
        [("DUPLICATE_ROW", "deliveries.3.reference")],
        [("DUPLICATE_ROW", "deliveries.4.reference")],
        [("REFERENCE_INVALID", "deliveries.5.reference")],
        [],
        [("DUPLICATE_ROW", "deliveries.7.reference")],
    ]
    for wrong, code in (("2020-01-01", "EXPECTED_IN_PAST"), ("9999-12-31", "EXPECTED_TOO_FAR")):
        (refused,) = await expect(client, delivery(expectedOn=wrong))
        assert [error["code"] for error in refused["errors"]] == [code]
    found = await receive(client, arrival(1), arrival(1, node="OPO"), arrival(1, sku="KIWI"))
    assert [[error["code"] for error in result["errors"]] for result in found] == [
        ["UNKNOWN_DELIVERY"],
        ["UNKNOWN_NODE"],
        ["UNKNOWN_SKU"],
    ]
    assert await rows(database) == before
    await expect(client, delivery())
    found = await receive(client, arrival(0), arrival(6))
    assert [[(error["code"], error["field"]) for error in result["errors"]] for result in found] == [
        [("QUANTITY_INVALID", "arrivals.0.quantity")],
        [("MORE_THAN_EXPECTED", "arrivals.1.quantity")],
    ]


async def test_what_is_promised_of_a_delivery_stays_expected(client: Client, database: Database) -> None:
    node, _ = await a_world(database, on_hand=0)
    await expect(client, delivery())
    async with database.transaction() as session:
        goods = operations.goods_of(node.id, {"APPLE": 3}, by=date.fromisoformat(NEXT_WEEK))
        await operations.move(session, MovementReason.RESERVE, goods, now=clock.now())
    (refused,) = await expect(client, delivery(2))
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [
        ("BELOW_RESERVED", "deliveries.0.quantity")
    ]
    assert (await expect(client, delivery(3)))[0]["level"]["inboundReserved"] == 3
