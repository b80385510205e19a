"""What the solver finds for an order on no route reaches the plan, the order, the console and the command line."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col
from typer.testing import CliRunner

from app.cli import application
from app.core.database import Database
from app.models import JobKind, Order, Plan, PlanState, Vehicle
from tests.client import DISPATCHER, SECRET, Client
from tests.factories.planning import TOMORROW, a_network, orders, own_fleet, run

WHY_NOT = """query WhyNot($id: ID!, $reference: String!) {
  plan(id: $id) {
    unassigned {
      code detail refusedBy ruledOut { constraint share } vehicle { registration kind } shipment { reference }
      cheapestRelaxation { constraint change }
    }
  }
  orderByReference(reference: $reference) {
    unassigned { code refusedBy ruledOut { constraint share } cheapestRelaxation { change } }
  }
}"""


async def planned_without(database: Database, *, vans: int = 2, **changes: Any) -> str:
    """The id of a plan of three orders, once the rows of the first one were changed."""
    await a_network(database, carriers=[own_fleet()], vans=vans)
    await orders(database, 3)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    async with database.transaction() as session:
        await session.execute(update(Order).where(col(Order.reference) == "A000").values(**changes))
    _, result = await run(database, JobKind.PLAN_ROUTES, {"date": TOMORROW.isoformat(), "seconds": 1})
    assert result["unassigned"] == 1
    plan_id: str = result["plans"][0]["planId"]
    return plan_id


async def test_the_whole_diagnosis_is_shown_with_the_plan_and_with_the_order(
    client: Client, database: Database
) -> None:
    plan_id = await planned_without(database, required_skills=["COLD"])
    found = await client.run(WHY_NOT, {"id": plan_id, "reference": "A000"}, as_=DISPATCHER)
    (reason,) = found["plan"]["unassigned"]
    assert reason.pop("vehicle")["registration"] in ("LIS-1", "LIS-2")
    change = reason["cheapestRelaxation"].pop("change")
    assert change in ("Give LIS-1 (Dario) the skill COLD", "Give LIS-2 (Dario) the skill COLD")
    assert reason == {
        "code": "NO_VEHICLE_WITH_SKILL",
        "detail": "No vehicle has all the skills it needs: COLD.",
        "refusedBy": "SKILL",
        "ruledOut": [{"constraint": "SKILL", "share": 1.0}],
        "shipment": {"reference": "A000/1"},
        "cheapestRelaxation": {"constraint": "SKILL"},
    }
    of_order = found["orderByReference"]["unassigned"]
    assert of_order.pop("cheapestRelaxation") == {"change": "Give a vehicle the skill COLD"}
    assert of_order == {name: reason[name] for name in ("code", "refusedBy", "ruledOut")}


async def test_whoever_joins_a_published_route_is_left_out_no_more(database: Database) -> None:
    await planned_without(database, required_skills=["COLD"])
    published = {"date": TOMORROW.isoformat(), "seconds": 1, "publish": True}
    _, without = await run(database, JobKind.PLAN_ROUTES, published)
    assert without["unassigned"] == 1
    async with database.transaction() as session:
        await session.execute(update(Vehicle).values(skills=["COLD"]))
    _, joined = await run(database, JobKind.PLAN_ROUTES, published)
    assert (joined["joined"], joined["unassigned"]) == (1, 0)
    async with database.reading() as session:
        plan = (await session.scalars(select(Plan).where(col(Plan.state) == PlanState.PUBLISHED))).one()
    assert plan.unassigned == []


async def test_the_shares_say_which_rule_keeps_how_many_vans_away(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], vans=2)
    await orders(database, 3)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    async with database.transaction() as session:
        await session.execute(update(Vehicle).where(col(Vehicle.registration) == "LIS-1").values(skills=["COLD"]))
        await session.execute(update(Vehicle).where(col(Vehicle.registration) == "LIS-1").values(max_weight_kg=1.0))
        await session.execute(update(Order).where(col(Order.reference) == "A000").values(required_skills=["COLD"]))
    await run(database, JobKind.PLAN_ROUTES, {"date": TOMORROW.isoformat(), "seconds": 1})
    async with database.reading() as session:
        plan = (await session.scalars(select(Plan))).one()
    (reason,) = plan.unassigned
    assert (reason["code"], reason["vehicle"], reason["refusedBy"]) == ("CAPACITY_EXCEEDED", "LIS-1", "CAPACITY")
    assert reason["ruledOut"] == [
        {"constraint": "CAPACITY", "share": 0.5},
        {"constraint": "SKILL", "share": 0.5},
    ]


@pytest.fixture
async def plan_id(database: Database) -> str:
    return await planned_without(database, required_skills=["COLD"])


def test_the_command_line_lists_what_is_on_no_route(
    plan_id: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET)
    monkeypatch.setenv("DOORSTEP_DATA", str(tmp_path))
    picture = tmp_path / "plan.png"
    shown = CliRunner().invoke(application, ["plan", "show", plan_id, "--png", str(picture)])
    assert (shown.exit_code, picture.read_bytes()[:4]) == (0, b"\x89PNG")
    for words in ("A000/1", "NO_VEHICLE_WITH_SKILL", "SKILL 100%", "LIS-"):
        assert words in shown.output
