"""The `doorstep` command. Wires the parts together; what each command does lives with its part."""

import asyncio
import difflib
import os
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from app.auth.principals import SYSTEM
from app.carriers import gateways
from app.carriers.gateways import GatewaySettings
from app.carriers.secrets import Secrets
from app.core import clock, migrations
from app.core.database import Database, Session
from app.core.embedded import places, platform, servers
from app.core.embedded.connection import connected
from app.core.embedded.places import AlreadyRunning
from app.core.embedded.waiting import NotStarted
from app.core.errors import Refusal
from app.core.ids import from_global
from app.models import GatewayKind, KeyScope, UserKind
from app.orchestration.accounts import operations as accounts
from app.orchestration.accounts import queries as account_queries
from app.orchestration.bookings import gateways as gateway_rows
from app.orchestration.bookings import operations as bookings
from app.orchestration.carriers import documents as services
from app.orchestration.jobs import operations as jobs
from app.orchestration.network import documents as networks
from app.orchestration.network import operations as network_rows
from app.orchestration.network import queries as network_queries
from app.orchestration.plans import comparing
from app.orchestration.policies import files as policy_files
from app.orchestration.policies import operations as policies
from app.orchestration.policies.files import PolicyFile
from app.orchestration.policies.queries import STANDARD
from app.orchestration.reports import counterfactual
from app.orchestration.trials import queries as trials
from app.orchestration.trials.history import Span
from app.orchestration.trials.telling import lines as told

ROOT = Path(__file__).parents[1]
SCHEMA_FILE = ROOT / "schema.graphql"
WATCH_PAUSE_SECONDS = 1.0

Found = TypeVar("Found")

application = typer.Typer(
    name="doorstep", help="The open last-mile orchestration platform.", no_args_is_help=True, add_completion=False
)
policy_commands = typer.Typer(name="policy", help="The rules, as files.", no_args_is_help=True)
application.add_typer(policy_commands)
gateway_commands = typer.Typer(name="gateway", help="How carriers are spoken to.", no_args_is_help=True)
application.add_typer(gateway_commands)
plans = typer.Typer(help="Look at plans, compare them, and end a search early.", no_args_is_help=True)
application.add_typer(plans, name="plan")
network = typer.Typer(help="Services, zones, rate cards, contracts and calendars as one document.")
application.add_typer(network, name="network")
reports = typer.Typer(help="What the tables say of days that are over.")
application.add_typer(reports, name="report")
console = Console(highlight=False, soft_wrap=True)


def data_folder() -> Path:
    """Where this deployment keeps its data: DOORSTEP_DATA, or `.doorstep` in the checkout."""
    return Path(os.environ.get("DOORSTEP_DATA") or ROOT / ".doorstep")


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
    found = _on_database(lambda session, secret: accounts.create_user(session, user=new))
    console.print(f"{found.username} may sign in as {found.kind.value}.")


@application.command()
def key(
    name: str,
    scope: Annotated[KeyScope, typer.Option(help="What the key opens.")] = KeyScope.INTEGRATION,
    carrier: Annotated[str | None, typer.Option(help="A carrier's reference, for a key of scope CARRIER.")] = None,
) -> None:
    """Add a system's API key and print it: it cannot be shown again."""
    _, made = _on_database(
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
        found = _on_database(lambda session, secret: account_queries.tracking_token(session, order, secret=secret))
        noted = places.noted_url(data_folder()) or f"http://{platform.HOST}:{platform.FIRST_PORT}"
        public_url = os.environ.get("DOORSTEP_PUBLIC_URL", noted).rstrip("/")
        print(f"{public_url}/track/{found}")  # noqa: T201  # plain, to be read by a script
        return
    lasts = timedelta(minutes=minutes)
    made = _on_database(
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


@policy_commands.command("list")
def list_policies() -> None:
    """Show the verticals that come with the platform."""
    for name, found in policy_files.shipped().items():
        console.print(f"{name}: {found.title}.")


@policy_commands.command("check")
def check_policy(file: Annotated[str, typer.Argument(help="A file, or a vertical's name.")]) -> None:
    """Read a policy file and say what is wrong with it."""
    console.print(f"{_policy(file).vertical} can be read.")


@policy_commands.command("try")
def try_policy(
    file: Annotated[str, typer.Argument(help="A file, or a vertical's name.")],
    day: Annotated[str | None, typer.Option(help="The first day, such as 2030-05-17; yesterday if left out.")] = None,
    days: Annotated[int, typer.Option(help="How many days.", min=1, max=366)] = 1,
) -> None:
    """Show what a policy would have changed on past days. Changes nothing."""
    document, span = _policy(file).document, _span(day, days)
    found = _on_database(lambda session, secret: trials.trial(session, document=document, span=span))
    console.print("\n".join(told(found)), markup=False)


@policy_commands.command("use")
def use_policy(file: Annotated[str, typer.Argument(help="A file, or a vertical's name.")]) -> None:
    """Put a policy in force: the next version of the rules. Try it first."""
    found = _policy(file)
    row = _on_database(
        lambda session, secret: policies.put(
            session, name=STANDARD, vertical=found.vertical, document=found.document, actor=SYSTEM, now=clock.now()
        )
    )
    console.print(f"{row.vertical} is in force as version {row.version} of {row.name}.")


@gateway_commands.command("check")
def check_gateway(
    kind: GatewayKind, file: Annotated[Path, typer.Argument(help="The gateway's document, as JSON.")]
) -> None:
    """Read a gateway's document and say what is wrong with it. Changes nothing and calls nobody."""
    try:
        missing = gateways.check(kind, _document(file), settings=_gateway_settings())
    except Refusal as refusal:
        sys.exit(refusal.message)
    console.print(f"{file} can be used.{_lacking(missing)}")


@gateway_commands.command("set")
def set_gateway(
    carrier: Annotated[str, typer.Argument(help="The carrier's reference.")],
    kind: GatewayKind,
    file: Annotated[Path | None, typer.Argument(help="The gateway's document, as JSON; OWN_FLEET needs none.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Keep the document, but make no call.")] = False,
) -> None:
    """Say how a carrier is spoken to."""
    document = {} if file is None else _document(file)
    row, missing = _on_database(
        lambda session, secret: gateway_rows.put(
            session,
            carrier_reference=carrier,
            kind=kind,
            document=document,
            settings=_gateway_settings(),
            actor=SYSTEM,
            now=clock.now(),
            is_active=not off,
        )
    )
    console.print(f"{carrier} is reached by {row.kind.value} (version {row.version}).{_lacking(missing)}")


@gateway_commands.command("retry")
def retry_booking(reference: Annotated[str, typer.Argument(help="The booking's reference.")]) -> None:
    """Try a booking again that had failed for good."""
    _on_database(lambda session, secret: bookings.retry(session, reference=reference, actor=SYSTEM, now=clock.now()))
    console.print(f"{reference} is tried again within a second or two.")


def _document(file: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(file.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"{file} cannot be read as JSON: {error}")
    if not isinstance(found, dict):
        sys.exit(f"{file} holds no JSON object.")
    return found


def _gateway_settings() -> GatewaySettings:
    """As `doorstep up` would have them, from the environment alone."""
    given = os.environ.get("DOORSTEP_CARRIER_SECRETS") or "{}"
    hosts = gateways.hosts_in(os.environ.get("DOORSTEP_PRIVATE_HOSTS", ""))
    secrets = Secrets({name: SecretStr(secret) for name, secret in orjson.loads(given).items()})
    return GatewaySettings(edi_root=data_folder() / "edi", secrets=secrets, private_hosts=hosts)


def _lacking(missing: Sequence[str]) -> str:
    return f" It still needs, in DOORSTEP_CARRIER_SECRETS: {', '.join(missing)}." if missing else ""


def _policy(file: str) -> PolicyFile:
    try:
        return policy_files.found(file)
    except Refusal as refusal:
        sys.exit(refusal.message)


def _span(day: str | None, days: int) -> Span:
    """Whole days of the deployment's time zone."""
    zone = ZoneInfo(os.environ.get("DOORSTEP_TIME_ZONE", "Europe/Lisbon"))
    try:
        first = date.fromisoformat(day) if day else clock.now().astimezone(zone).date() - timedelta(days=1)
    except ValueError:
        sys.exit(f"{day!r} is no day. Write one such as 2030-05-17.")
    since = datetime.combine(first, datetime.min.time(), zone)
    return Span(since=since, until=datetime.combine(first + timedelta(days=days), datetime.min.time(), zone))


@plans.command()
def show(
    plan: Annotated[str, typer.Argument(help="A plan's id, as the API and a job's result give it.")],
    png: Annotated[Path, typer.Option(help="Where to write the picture.")] = Path("plan.png"),
    roads: Annotated[
        Path | None, typer.Option(help="An OpenStreetMap extract (.osm.pbf) to draw streets from.")
    ] = None,
) -> None:
    """Draw a plan's routes on a map, and its day as a Gantt chart."""
    from app.orchestration.plans import drawing, pictures  # the other commands start without matplotlib

    key = _key("Plan", plan)
    drawn = _on_database(lambda session, secret: pictures.picture(session, SYSTEM, plan_id=key, extract=roads))
    png.write_bytes(drawing.draw(drawn))
    console.print(f"Drew {len(drawn.routes)} routes: {png}")


@plans.command()
def compare(
    first: Annotated[str, typer.Argument(help="A plan's id.")],
    second: Annotated[str, typer.Argument(help="Another plan's id.")],
) -> None:
    """Say what the second plan has over the first."""
    keys = [_key("Plan", each) for each in (first, second)]
    found = _on_database(lambda session, secret: comparing.compare(session, SYSTEM, first=keys[0], second=keys[1]))
    table = Table("", "first", "second")
    for name in ("cost_minor", "distance_metres", "duration_seconds", "vehicles", "stops", "unassigned"):
        table.add_row(name.replace("_", " "), *(f"{getattr(each, name):,}" for each in found.figures))
    console.print(table)
    kinds = Counter(each.change.value for each in found.changed)
    console.print(
        ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items())) or "No stop is brought otherwise."
    )


@plans.command()
def stop(job: Annotated[str, typer.Argument(help="The id of a job that plans.")]) -> None:
    """End a search early: the best plan found so far is adopted."""
    key = _key("Job", job)
    found = _on_database(lambda session, secret: jobs.ask_to_stop(session, key, actor=SYSTEM, now=clock.now()))
    console.print("It was not started and is cancelled." if found.finished_at else "It ends with the best so far.")


def _key(kind: str, value: str) -> uuid.UUID:
    try:
        return from_global(kind, value)
    except Refusal as refusal:
        sys.exit(refusal.message)


@network.command("import")
def import_network(file: Annotated[Path, typer.Argument(help="The document, as JSON.", exists=True)]) -> None:
    """Take a network document over: all of it or nothing. What it leaves out stays as it is."""
    document = networks.parse(_json(file))
    changed = _on_database(
        lambda session, secret: network_rows.take_over(session, document=document, actor=SYSTEM, now=clock.now())
    )
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(changed.items()) if count)
    console.print(f"Changed: {counts or 'nothing'}.")


@network.command("export")
def export_network() -> None:
    """Print the network document as it is now."""
    found = _on_database(lambda session, secret: network_queries.exported(session))
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())  # noqa: T201  # plain, to be read by a script


@reports.command("counterfactual")
def report_counterfactual(
    days: Annotated[int, typer.Option(help="How many days back.", min=1)] = 7,
    rates: Annotated[
        Path | None, typer.Option(help="A service as JSON, of a carrier that is not there: what would it have cost?")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Tell what other carriers would have cost, from the log of decisions."""
    service = None if rates is None else services.parse(_json(rates), field=rates.name)
    since = clock.now() - timedelta(days=days)
    found = _on_database(lambda session, secret: counterfactual.report(session, since=since, service=service))
    if json:
        print(orjson.dumps([row.to_json() for row in found]).decode())  # noqa: T201  # plain, to be read by a script
        return
    table = Table("carrier", "chosen", "could instead", "cost then", "would have", "difference", "in time", "then")
    for row in found:
        table.add_row(*row.cells())
    console.print(table)


def _json(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        sys.exit(f"{file} is no JSON: {error}.")


def _on_database(work: Callable[[Session, str], Awaitable[Found]]) -> Found:
    """Runs one unit of work, given the deployment's secret, beside `doorstep up` or without it."""
    with connected(data_folder()) as connection:

        async def run() -> Found:
            database = Database(connection.database_url, pool_size=1)
            try:
                return await database.run(lambda session: work(session, connection.secret_key))
            finally:
                await database.close()

        try:
            return asyncio.run(run())
        except Refusal as refusal:
            sys.exit(refusal.message)


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


if __name__ == "__main__":
    main()
