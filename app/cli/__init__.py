"""The `doorstep` command. Wires the parts together; what each command does lives with its part."""

import difflib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from app.cli import gateways, network, plans, policies, reports
from app.cli.deployment import ROOT, console, data_folder, on_database
from app.core import clock, migrations
from app.core.embedded import places, platform, servers
from app.core.embedded.connection import connected
from app.core.embedded.places import AlreadyRunning
from app.core.embedded.waiting import NotStarted
from app.models import KeyScope, UserKind
from app.orchestration.accounts import operations as accounts
from app.orchestration.accounts import queries as account_queries

SCHEMA_FILE = ROOT / "schema.graphql"
WATCH_PAUSE_SECONDS = 1.0

application = typer.Typer(
    name="doorstep", help="The open last-mile orchestration platform.", no_args_is_help=True, add_completion=False
)
for part in (policies, gateways, plans, network, reports):
    application.add_typer(part.commands)


@application.command()
def up(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = platform.HOST,
    port: Annotated[int, typer.Option(help="The port to listen on; the next free one where it is taken.")] = 8000,
) -> None:
    """Start PostgreSQL, Valkey, the migrations, the web process and the workers; Ctrl-C stops them all."""
    console.print("Starting PostgreSQL, Valkey, the web process and the workers ...")
    with platform.running(data_folder(), migrate=migrations.upgrade, host=host, port=port) as running:
        console.print(f"Doorstep serves {running.url} (GraphQL: /graphql, to try it: /graphiql). Ctrl-C stops it.")
        console.print(f"Data and logs: {data_folder()}")
        while True:
            time.sleep(WATCH_PAUSE_SECONDS)
            for name in running.watch():
                console.print(f"The {name} process had ended; it was started again. {running.log} says why.")


@application.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only prove that the migrations build the models.")] = False,
    make: Annotated[str | None, typer.Option("--make", help="Write a migration with this message.")] = None,
) -> None:
    """Bring the database up to date."""
    if check or make is not None:
        with throw_away_database() as url:
            migrations.upgrade(url)
            _check_migrations(url) if make is None else _make_migration(url, make)
        return
    with connected(data_folder()) as connection:
        migrations.upgrade(connection.database_url)
    console.print("The database is up to date.")


@application.command()
def schema(
    check: Annotated[bool, typer.Option("--check", help="Only show how schema.graphql differs.")] = False,
) -> None:
    """Write the GraphQL schema to schema.graphql."""
    from app.resolvers.schema import schema as built  # the other commands start without it

    text = built.as_str().rstrip() + "\n"
    if not check:
        SCHEMA_FILE.write_text(text)
        console.print(f"Wrote {SCHEMA_FILE}.")
        return
    kept = SCHEMA_FILE.read_text() if SCHEMA_FILE.exists() else ""
    if kept != text:
        lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "schema.graphql", "the code", lineterm="")
        console.print("\n".join(lines), markup=False)
        sys.exit("schema.graphql is not what the code says. Run `make schema` and commit it.")
    console.print("schema.graphql is what the code says.")


@application.command()
def user(
    username: str,
    kind: Annotated[UserKind, typer.Option(help="What the person is.")] = UserKind.DISPATCHER,
    name: Annotated[str | None, typer.Option(help="The person's name; the user name where it is left out.")] = None,
    driver: Annotated[str | None, typer.Option(help="A driver's reference.")] = None,
    carrier: Annotated[str | None, typer.Option(help="A carrier's reference.")] = None,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="DOORSTEP_PASSWORD")] = "",
) -> None:
    """Add a person who may sign in."""
    new = accounts.NewUser(
        username=username,
        name=name or username,
        kind=kind,
        password=password,
        driver_reference=driver,
        carrier_reference=carrier,
    )
    found = on_database(lambda session, secret: accounts.create_user(session, user=new))
    console.print(f"{found.username} may sign in as {found.kind.value}.")


@application.command()
def key(
    name: str,
    scope: Annotated[KeyScope, typer.Option(help="What the key opens.")] = KeyScope.INTEGRATION,
    carrier: Annotated[str | None, typer.Option(help="A carrier's reference, for a key of scope CARRIER.")] = None,
) -> None:
    """Add a system's API key and print it: it cannot be shown again."""
    _, made = on_database(
        lambda session, secret: accounts.create_key(session, name=name, scope=scope, carrier_reference=carrier)
    )
    print(made)  # noqa: T201  # plain, to be read by a script


@application.command()
def token(
    username: Annotated[str | None, typer.Argument(help="Who the access token is for.")] = None,
    order: Annotated[str | None, typer.Option(help="An order's reference: prints its tracking link instead.")] = None,
    minutes: Annotated[int, typer.Option(help="How long the access token holds.", min=1)] = 60,
) -> None:
    """Print an access token of a user, or an order's tracking link."""
    if (username is None) == (order is None):
        sys.exit("Say whose token: doorstep token USERNAME, or doorstep token --order REFERENCE.")
    if order is not None:
        found = on_database(lambda session, secret: account_queries.tracking_token(session, order, secret=secret))
        noted = places.noted_url(data_folder()) or f"http://{platform.HOST}:{platform.FIRST_PORT}"
        public_url = os.environ.get("DOORSTEP_PUBLIC_URL", noted).rstrip("/")
        print(f"{public_url}/track/{found}")  # noqa: T201  # plain, to be read by a script
        return
    lasts = timedelta(minutes=minutes)
    made = on_database(
        lambda session, secret: accounts.issue_access_token(
            session, username=str(username), secret=secret, wall_now=clock.wall_now(), lasts=lasts
        )
    )
    print(made)  # noqa: T201  # plain, to be read by a script


@application.command()
def demo(
    orders: Annotated[int, typer.Option(help="How many orders the small city places.", min=5, max=5_000)] = 300,
    seed: Annotated[int, typer.Option(help="Which city, and whose luck.")] = 1,
    speed: Annotated[float, typer.Option(help="Business seconds that pass in one second.", min=1)] = 360,
    parcels: Annotated[
        Path | None, typer.Option(help="A folder with a real parcel day; see docs/operations.md.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the report as JSON.")] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End after the report instead of serving on.")] = False,
) -> None:
    """Run a simulated day from the first order to the last rating, report it, and keep serving."""
    from app.simulator import demo as simulation  # the other commands start without it

    if parcels is None:
        scenario = simulation.small_city(orders=orders, seed=seed, speed=speed)
    else:
        scenario = simulation.parcel_day(parcels, speed=min(speed, 80))
    simulation.run(scenario, data=data_folder() / "demo", json_file=json, leave=leave, seed=seed, console=console)


@contextmanager
def throw_away_database() -> Iterator[str]:
    """An empty database of its own, gone afterwards, whatever DATABASE_URL says."""
    with tempfile.TemporaryDirectory(prefix="doorstep-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with servers.running(folder, durable=False, environment={}) as found:
            yield found.database_url


def _check_migrations(url: str) -> None:
    if (differences := migrations.differences(url)) is not None:
        sys.exit(f'{differences}\nRun `make migrate MESSAGE="what changes"` and commit the migration.')
    console.print("The migrations build what the models say.")


def _make_migration(url: str, message: str) -> None:
    if not message.strip():
        sys.exit('Say what the migration changes: make migrate MESSAGE="what changes"')
    migrations.make(url, message)


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    """What the `doorstep` script runs. A signal to end unwinds everything that was started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish
            signal.signal(number, _stop)
    try:
        application()
    except (AlreadyRunning, NotStarted, platform.ServerEnded) as refused:
        sys.exit(str(refused))
