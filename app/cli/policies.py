"""The rules as files: `doorstep policy`."""

import os
import sys
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from app.auth.principals import SYSTEM
from app.cli.deployment import console, on_database
from app.core import clock
from app.core.errors import Refusal
from app.orchestration.policies import files as policy_files
from app.orchestration.policies import operations as policies
from app.orchestration.policies.files import PolicyFile
from app.orchestration.policies.queries import STANDARD
from app.orchestration.trials import queries as trials
from app.orchestration.trials.history import Span
from app.orchestration.trials.telling import lines as told

commands = typer.Typer(name="policy", help="The rules, as files.", no_args_is_help=True)


@commands.command("list")
def list_policies() -> None:
    """Show the verticals that come with the platform."""
    for name, found in policy_files.shipped().items():
        console.print(f"{name}: {found.title}.")


@commands.command("check")
def check_policy(file: Annotated[str, typer.Argument(help="A file, or a vertical's name.")]) -> None:
    """Read a policy file and say what is wrong with it."""
    console.print(f"{_policy(file).vertical} can be read.")


@commands.command("try")
def try_policy(
    file: Annotated[str, typer.Argument(help="A file, or a vertical's name.")],
    day: Annotated[str | None, typer.Option(help="The first day, such as 2030-05-17; yesterday if left out.")] = None,
    days: Annotated[int, typer.Option(help="How many days.", min=1, max=366)] = 1,
) -> None:
    """Show what a policy would have changed on past days. Changes nothing."""
    document, span = _policy(file).document, _span(day, days)
    found = on_database(lambda session, secret: trials.trial(session, document=document, span=span))
    console.print("\n".join(told(found)), markup=False)


@commands.command("use")
def use_policy(file: Annotated[str, typer.Argument(help="A file, or a vertical's name.")]) -> None:
    """Put a policy in force: the next version of the rules. Try it first."""
    found = _policy(file)
    row = on_database(
        lambda session, secret: policies.put(
            session, name=STANDARD, vertical=found.vertical, document=found.document, actor=SYSTEM, now=clock.now()
        )
    )
    console.print(f"{row.vertical} is in force as version {row.version} of {row.name}.")


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
