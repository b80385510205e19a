"""Looking at plans and ending searches: `doorstep plan`."""

import sys
import uuid
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.auth.principals import SYSTEM
from app.cli.deployment import console, on_database
from app.core import clock
from app.core.errors import Refusal
from app.core.ids import from_global
from app.core.wording import counted
from app.models.base import Json
from app.orchestration.jobs import operations as jobs
from app.orchestration.plans import comparing, queries
from app.orchestration.plans.totals import Totals

commands = typer.Typer(name="plan", help="Look at plans, compare them, and end a search early.", no_args_is_help=True)


@commands.command()
def show(
    plan: Annotated[str, typer.Argument(help="A plan's id, as the API and a job's result give it.")],
    png: Annotated[Path, typer.Option(help="Where to write the picture.")] = Path("plan.png"),
    roads: Annotated[
        Path | None, typer.Option(help="An OpenStreetMap extract (.osm.pbf) to draw streets from.")
    ] = None,
) -> None:
    """Draw a plan's routes on a map, and its day as a Gantt chart; list what is on none, and why."""
    from app.orchestration.plans import drawing, pictures  # the other commands start without matplotlib

    key = _key("Plan", plan)
    if not png.parent.is_dir():
        sys.exit(f"There is no folder {png.parent} for {png.name}. Make it, or name another file with --png.")
    drawn = on_database(lambda session, secret: pictures.picture(session, SYSTEM, plan_id=key, extract=roads))
    png.write_bytes(drawing.draw(drawn))
    console.print(f"Drew {counted(len(drawn.routes), 'route')}: {png}")
    found = on_database(lambda session, secret: queries.by_ids(session, SYSTEM, [key]))
    for reason in found[key].unassigned:
        console.print(_left_out(reason), markup=False)


@commands.command()
def compare(
    first: Annotated[str, typer.Argument(help="A plan's id.")],
    second: Annotated[str, typer.Argument(help="Another plan's id.")],
) -> None:
    """Say what the second plan has over the first."""
    keys = [_key("Plan", each) for each in (first, second)]
    found = on_database(lambda session, secret: comparing.compare(session, SYSTEM, first=keys[0], second=keys[1]))
    table = Table("", "first", "second")
    for field in fields(Totals):
        table.add_row(
            field.name.replace("_", " "), *(f"{getattr(each.totals, field.name):,}" for each in found.figures)
        )
    for name in ("vehicles", "stops", "unassigned"):
        table.add_row(name, *(f"{getattr(each, name):,}" for each in found.figures))
    console.print(table)
    kinds = Counter(each.change.value for each in found.changed)
    console.print(
        ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items())) or "No stop is brought otherwise."
    )


@commands.command()
def stop(job: Annotated[str, typer.Argument(help="The id of a job that plans.")]) -> None:
    """End a search early: the best plan found so far is adopted."""
    key = _key("Job", job)
    found = on_database(lambda session, secret: jobs.ask_to_stop(session, key, actor=SYSTEM, now=clock.now()))
    console.print("It was not started and is cancelled." if found.finished_at else "It ends with the best so far.")


def _left_out(reason: Json) -> str:
    """Why a shipment is on no route, in three lines."""
    shares = ", ".join(f"{each['constraint']} {each['share']:.0%}" for each in reason.get("ruledOut") or [])
    best = f"; nearest is {reason['vehicle']}, refused by {reason['refusedBy']}" if reason.get("vehicle") else ""
    way_out = reason.get("cheapestRelaxation")
    change = way_out["change"] if way_out else "none was found"
    if way_out and way_out["costMinor"] is not None:
        change += f" (+{way_out['costMinor'] / 100:,.2f})"
    return (
        f"{reason['shipment']}: {reason['code']}. {reason['detail']}\n"
        f"  keeps vehicles away: {shares or 'nothing by itself'}{best}\n"
        f"  cheapest way out: {change}"
    )


def _key(kind: str, value: str) -> uuid.UUID:
    try:
        return from_global(kind, value)
    except Refusal as refusal:
        sys.exit(refusal.message)
