"""`doorstep demo`: a platform of its own, a simulated day on it, a report, and then it keeps serving to be tried."""

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import uvloop
from rich.console import Console
from rich.table import Table

from app.core import clock, migrations
from app.core.database import Database
from app.core.embedded import places, platform
from app.core.embedded.platform import Platform
from app.models import KeyScope, UserKind
from app.orchestration.accounts import operations as accounts
from app.orchestration.accounts.operations import NewUser
from app.simulator import city, parcels
from app.simulator.city import City
from app.simulator.day import Access, Day, Pace

TOKEN_LASTS = timedelta(hours=12)
WATCH_SECONDS = 1.0
END_STATES = ("COMPLETED", "PARTIALLY_COMPLETED")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A city, the clock it starts at, how fast its day runs, and when things happen."""

    city: City
    starts: datetime
    speed: float
    pace: Pace
    settings: dict[str, str]


def small_city(*, orders: int, seed: int, speed: float) -> Scenario:
    """Tomorrow in a small city, from early in the morning."""
    zone = ZoneInfo("Europe/Lisbon")
    day = (clock.now() + timedelta(days=1)).astimezone(zone).date()
    return Scenario(
        city=city.build(day=day, zone=zone, orders=orders, seed=seed),
        starts=datetime.combine(day, time(5, 0), zone),
        speed=speed,
        pace=Pace(late_orders_at=time(10, 0), ends_at=time(21, 0), plan_seconds=9),
        settings={"DOORSTEP_TIME_ZONE": zone.key},
    )


def parcel_day(folder: Path, *, speed: float) -> Scenario:
    """A parcel carrier's day from files, planned in the night before it is driven."""
    zone = ZoneInfo("America/Chicago")
    built = parcels.build(folder, zone=zone)
    return Scenario(
        city=built,
        starts=datetime.combine(built.day, time(4, 30), zone),
        speed=speed,
        pace=Pace(late_orders_at=time(0, 0), ends_at=time(23, 30), plan_seconds=30),
        settings={"DOORSTEP_TIME_ZONE": zone.key, "DOORSTEP_CURRENCY": "USD"},
    )


def run(scenario: Scenario, *, data: Path, json_file: Path | None, leave: bool, seed: int, console: Console) -> None:
    """Runs the whole demo; `leave` ends it after the report."""
    started = clock.stopwatch()
    password = secrets.token_urlsafe(12)
    _clear(data)
    console.print("Starting PostgreSQL, Valkey, the web process and the workers ...")
    simulated = clock.starting_at(scenario.starts, speed=scenario.speed)
    clock.use(simulated)
    settings = scenario.settings | {"DOORSTEP_ACCESS_TOKEN_MINUTES": "720"}
    with (
        platform.running(
            data, migrate=migrations.upgrade, clock=simulated.to_environment(), settings=settings
        ) as running,
        _watched(running, console),
    ):
        access = uvloop.run(first_accounts(running, password=password))

        def say(text: str) -> None:
            console.print(f"[dim]{clock.stopwatch() - started:5.0f} s[/dim]  {text}")

        day = Day(
            scenario.city,
            url=running.url,
            access=access,
            pace=scenario.pace,
            seed=seed,
            say=say,
            enrol=lambda: enrol(running, scenario.city, password=password),
        )
        report = uvloop.run(day.run())
        summary = summarise(report, seconds=clock.stopwatch() - started)
        show(report, summary, console)
        if json_file is not None:
            json_file.write_text(json.dumps(summary, indent=2) + "\n")
        if not leave:
            _invite(running, scenario.city, access, day, password, console)
            while True:
                threading.Event().wait(WATCH_SECONDS)


def _clear(data: Path) -> None:
    """Every demo starts with an empty platform of its own; refused while another demo runs there."""
    if "DATABASE_URL" in os.environ or "REDIS_URL" in os.environ:
        raise SystemExit("The demo starts servers of its own. Unset DATABASE_URL and REDIS_URL to run it.")
    places.lock(data).close()
    for folder in {data, places.server_folder(data)}:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _watched(running: Platform, console: Console) -> Iterator[None]:
    """Starts again what dies, all day long. What it starts ends with its thread at the latest."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            for name in running.watch():
                console.print(f"The {name} process had ended; it was started again.")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _database(running: Platform) -> Iterator[Database]:
    yield Database(running.environment["DATABASE_URL"], pool_size=2)


async def first_accounts(running: Platform, *, password: str) -> Access:
    """What `doorstep user`, `doorstep key` and `doorstep token` would make by hand."""
    secret = running.environment["DOORSTEP_SECRET_KEY"]
    with _database(running) as database:
        async with database.transaction() as session:
            for username, kind in (("admin", UserKind.ADMINISTRATOR), ("dispatcher", UserKind.DISPATCHER)):
                await accounts.create_user(
                    session, user=NewUser(username=username, name=username.title(), kind=kind, password=password)
                )
            _, integration = await accounts.create_key(session, name="shop", scope=KeyScope.INTEGRATION)
            _, checkout = await accounts.create_key(session, name="checkout widget", scope=KeyScope.CHECKOUT)
        async with database.transaction() as session:
            tokens = [
                await accounts.issue_access_token(
                    session, username=name, secret=secret, wall_now=clock.wall_now(), lasts=TOKEN_LASTS
                )
                for name in ("admin", "dispatcher")
            ]
        await database.close()
    return Access(
        administrator=tokens[0],
        dispatcher=tokens[1],
        integration=integration,
        checkout=checkout,
        password=password,
    )


async def enrol(running: Platform, built: City, *, password: str) -> None:
    """Gives every driver and every 3PL carrier a user, once they are there."""
    with _database(running) as database:
        async with database.transaction() as session:
            for row in built.drivers:
                reference = str(row["reference"])
                await accounts.create_user(
                    session,
                    user=NewUser(
                        username=reference,
                        name=str(row["name"]),
                        kind=UserKind.DRIVER,
                        password=password,
                        driver_reference=reference,
                    ),
                )
            for row in built.carriers:
                if row["kind"] == "THIRD_PARTY":
                    reference = str(row["reference"])
                    await accounts.create_user(
                        session,
                        user=NewUser(
                            username=reference.lower(),
                            name=str(row["name"]),
                            kind=UserKind.CARRIER,
                            password=password,
                            carrier_reference=reference,
                        ),
                    )
        await database.close()


def summarise(report: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """The report as `--json` writes it."""
    orders = _by_name(report["orders"])
    cost = report["costPerStop"]
    return {
        "orders": sum(orders.values()),
        "delivered": sum(orders.get(state, 0) for state in END_STATES),
        "failed": orders.get("FAILED", 0),
        "ordersByState": orders,
        "shipmentsByState": _by_name(report["shipments"]),
        "onTimeRate": report["onTimeRate"],
        "costPerStop": float(cost["amount"]) if cost else None,
        "currency": cost["currency"] if cost else None,
        "utilisation": report["utilisation"],
        "routes": sum(_by_name(report["routes"]).values()),
        "proofs": sum(_by_name(report["proofs"]).values()),
        "deliveredWithoutProof": report["deliveredWithoutProof"],
        "messages": sum(row["count"] for row in report["messages"]),
        "messagesByChannel": {f"{row['channel']} {row['state']}": row["count"] for row in report["messages"]},
        "feedback": report["feedbackCount"],
        "feedbackScore": report["feedbackScore"],
        "events": report["events"],
        "seconds": round(seconds, 1),
    }


def _by_name(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["name"]: row["count"] for row in rows}


def show(report: dict[str, Any], summary: dict[str, Any], console: Console) -> None:
    """The report as a person reads it."""
    table = Table(title="The day", show_header=False)
    lines = {
        "Orders": _listed(summary["ordersByState"]),
        "Shipments": _listed(summary["shipmentsByState"]),
        "On time": _percent(summary["onTimeRate"]),
        "Cost per stop": f"{summary['costPerStop']} {summary['currency']}",
        "Utilisation": _percent(summary["utilisation"]),
        "Routes": _listed(_by_name(report["routes"])),
        "Proofs": f"{_listed(_by_name(report['proofs']))}; {summary['deliveredWithoutProof']} deliveries without",
        "Messages": _listed(summary["messagesByChannel"]),
        "Feedback": f"{summary['feedback']} answers, mean score {_percent(summary['feedbackScore'])}",
        "Events": str(summary["events"]),
        "Took": f"{summary['seconds']:.0f} s",
    }
    for name, value in lines.items():
        table.add_row(name, value)
    console.print(table)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.lower().replace('_', ' ')}" for name, count in counts.items()) or "none"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _invite(running: Platform, built: City, access: Access, day: Day, password: str, console: Console) -> None:
    """What a person needs to try each kind of client."""
    driver = str(built.drivers[0]["reference"])
    portal = next((str(row["reference"]).lower() for row in built.carriers if row["kind"] == "THIRD_PARTY"), None)
    reference, token = next(iter(day.shop.tracking_tokens.items()))
    console.print(f"\nIt keeps serving. GraphiQL: {running.url}/graphiql   Ctrl-C ends it.")
    console.print("Tokens, for the header Authorization: Bearer ...", style="bold")
    for name, value in (
        ("administrator", access.administrator),
        ("dispatcher", access.dispatcher),
        ("integration", access.integration),
        ("checkout", access.checkout),
    ):
        console.print(f"  {name}: {value}", soft_wrap=True)
    console.print("Sign in with the mutation signIn:", style="bold")
    for name, username in (("driver", driver), ("carrier", portal)):
        if username is not None:
            console.print(f"  {name}: {username} / {password}")
    console.print(f"Tracking page of order {reference}: {running.url}/track/{token}", soft_wrap=True)
