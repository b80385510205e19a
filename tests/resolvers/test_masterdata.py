"""Nodes, carriers, vehicles, drivers and products in bulk; a carrier's capacity."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import col

from app.auth.principals import Principal, PrincipalKind
from app.core.database import Database
from app.models import Carrier, CarrierCapacity, Driver, FulfilmentNode, Product, Vehicle
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.simulator import city
from tests.client import ADMINISTRATOR, DISPATCHER, INTEGRATION, Client
from tests.documents import document
from tests.factories.stock import a_world

NOUNS = ("Nodes", "Carriers", "Vehicles", "Drivers", "Products")
CAPACITY = document("carrier.graphql", "SetCarrierCapacity")


async def upsert(client: Client, noun: str, rows: list[dict[str, Any]], *, as_: Any = ADMINISTRATOR) -> dict[str, Any]:
    text = f"""mutation M($input: Upsert{noun}Input!) {{ upsert{noun}(input: $input) {{
      results {{ index outcome errors {{ code field message }} }} userErrors {{ code field message }} }} }}"""
    body = await client.run(text, {"input": {noun.lower(): rows}}, as_=as_)
    payload: dict[str, Any] = body[f"upsert{noun}"]
    return payload


def errors(payload: dict[str, Any]) -> list[list[tuple[str, str]]]:
    assert payload["userErrors"] == []
    return [[(error["code"], error["field"]) for error in result["errors"]] for result in payload["results"]]


def a_city() -> dict[str, list[dict[str, Any]]]:
    found = city.build(day=date(2030, 5, 17), zone=ZoneInfo("Europe/Lisbon"), orders=10, seed=1)
    return {noun: getattr(found, noun.lower()) for noun in NOUNS}


async def test_a_city_is_created_and_the_same_again_changes_nothing(client: Client, database: Database) -> None:
    rows = a_city()
    for noun in NOUNS:
        first = await upsert(client, noun, rows[noun])
        assert {result["outcome"] for result in first["results"]} == {"CREATED"}
        second = await upsert(client, noun, rows[noun])
        assert {result["outcome"] for result in second["results"]} == {"UNCHANGED"}
    async with database.reading() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (FulfilmentNode, Carrier, Vehicle, Driver, Product)
        ]
    assert counts == [len(rows[noun]) for noun in NOUNS]


async def test_each_bad_row_answers_its_own_errors_and_the_others_land(client: Client, database: Database) -> None:
    rows = a_city()
    await upsert(client, "Nodes", rows["Nodes"])
    await upsert(client, "Carriers", rows["Carriers"])
    good = rows["Vehicles"][0]
    payload = await upsert(
        client,
        "Vehicles",
        [good, {**good, "registration": "X", "carrier": "NOBODY", "maxWeightKg": 0}, {**good, "node": "NOWHERE"}],
    )
    assert errors(payload) == [
        [],
        [("UNKNOWN_CARRIER", "vehicles.1.carrier"), ("OUT_OF_RANGE", "vehicles.1.maxWeightKg")],
        [("UNKNOWN_NODE", "vehicles.2.node"), ("DUPLICATE_REFERENCE", "vehicles.2.registration")],
    ]
    async with database.reading() as session:
        assert list(await session.scalars(select(col(Vehicle.registration)))) == [good["registration"]]


async def test_a_node_needs_a_place_a_zone_and_hours(client: Client, database: Database) -> None:
    bad = {
        **a_city()["Nodes"][0],
        "location": {"latitude": 95, "longitude": 0},
        "timeZone": "Lisbon",
        "opensMinute": 600,
        "closesMinute": 600,
        "country": "Portugal",
    }
    assert errors(await upsert(client, "Nodes", [bad])) == [
        [
            ("COUNTRY_INVALID", "nodes.0.country"),
            ("LOCATION_INVALID", "nodes.0.location"),
            ("TIME_ZONE_INVALID", "nodes.0.timeZone"),
            ("OUT_OF_RANGE", "nodes.0.closesMinute"),
        ]
    ]


async def test_only_administrators_change_the_network(client: Client, database: Database) -> None:
    payload = await upsert(client, "Nodes", a_city()["Nodes"], as_=DISPATCHER)
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_PERMITTED"]
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(FulfilmentNode)) == 0


async def set_capacity(client: Client, caller: Principal, *days: tuple[str, int], **given: Any) -> dict[str, Any]:
    capacities = [{"date": day, "limit": limit} for day, limit in days]
    body = await client.run(CAPACITY, {"input": {"capacities": capacities, **given}}, as_=caller)
    payload: dict[str, Any] = body["setCarrierCapacity"]
    return payload


async def test_a_carrier_sets_its_limits_but_not_below_what_is_booked(client: Client, database: Database) -> None:
    node, carrier = await a_world(database)
    caller = Principal(kind=PrincipalKind.CARRIER, name="Swift", key="carrier", carrier_id=carrier.id)
    claim = Claim(node_id=node.id, carrier_id=carrier.id, service="STANDARD", day=date(2999, 1, 2))
    async with database.transaction() as session:
        await capacity.take(session, [claim] * 7)
    payload = await set_capacity(client, caller, ("2999-01-01", 40), ("2999-01-02", 7))
    assert payload == {
        "capacity": [
            {"date": "2999-01-01", "booked": 0, "limit": 40},
            {"date": "2999-01-02", "booked": 7, "limit": 7},
        ],
        "userErrors": [],
    }
    refused = await set_capacity(client, caller, ("2999-01-01", 1), ("2999-01-02", 6))
    assert [(error["code"], error["field"]) for error in refused["userErrors"]] == [
        ("LIMIT_BELOW_BOOKED", "capacities.1.limit")
    ]
    async with database.reading() as session:
        limits = await session.scalars(select(col(CarrierCapacity.daily_limit)).order_by(col(CarrierCapacity.date)))
        assert list(limits) == [40, 7]


async def test_a_carrier_speaks_for_itself_alone(client: Client, database: Database) -> None:
    _, carrier = await a_world(database)
    caller = Principal(kind=PrincipalKind.CARRIER, name="Swift", key="carrier", carrier_id=carrier.id)
    for found in (
        await set_capacity(client, caller, ("2999-01-01", 1), carrier="other"),
        await set_capacity(client, INTEGRATION, ("2999-01-01", 1), carrier="swift"),
        await set_capacity(client, DISPATCHER, ("2999-01-01", 1)),
        await set_capacity(client, DISPATCHER, ("2020-01-01", 1), carrier="swift"),
        await set_capacity(client, DISPATCHER, ("2999-01-01", -1), carrier="swift"),
    ):
        assert len(found["userErrors"]) == 1
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(CarrierCapacity)) == 0
