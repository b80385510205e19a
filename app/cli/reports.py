"""Days that are over: `doorstep report`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from app.cli.deployment import console, on_database, read_json
from app.core import clock
from app.core.database import Session
from app.orchestration.carriers import documents as services
from app.orchestration.reports import counterfactual
from app.orchestration.reports.counterfactual import Counterfactual

commands = typer.Typer(name="report", help="What the tables say of days that are over.")


@commands.command("counterfactual")
def report_counterfactual(
    days: Annotated[int, typer.Option(help="How many days back.", min=1)] = 7,
    rates: Annotated[
        Path | None, typer.Option(help="A service as JSON, of a carrier that is not there: what would it have cost?")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Tell what other carriers would have cost, from the log of decisions."""
    asked = None if rates is None else read_json(rates)

    async def read(session: Session, secret: str) -> list[Counterfactual]:
        service = None if asked is None else services.parse(asked, field="rates")
        return await counterfactual.report(session, since=clock.now() - timedelta(days=days), service=service)

    found = on_database(read)
    if json:
        print(orjson.dumps([row.to_json() for row in found]).decode())  # noqa: T201  # plain, to be read by a script
        return
    table = Table("carrier", "chosen", "could instead", "cost then", "would have", "difference", "in time", "then")
    for row in found:
        table.add_row(*row.cells())
    console.print(table)
