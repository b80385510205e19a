"""The network as a document: `doorstep network`."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.auth.principals import SYSTEM
from app.cli.deployment import console, on_database, read_json
from app.core import clock
from app.orchestration.network import documents as networks
from app.orchestration.network import operations as network_rows
from app.orchestration.network import queries as network_queries

commands = typer.Typer(name="network", help="Services, zones, rate cards, contracts and calendars as one document.")


@commands.command("import")
def import_network(file: Annotated[Path, typer.Argument(help="The document, as JSON.", exists=True)]) -> None:
    """Take a network document over: all of it or nothing. What it leaves out stays as it is."""
    document = networks.parse(read_json(file))
    changed = on_database(
        lambda session, secret: network_rows.take_over(session, document=document, actor=SYSTEM, now=clock.now())
    )
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(changed.items()) if count)
    console.print(f"Changed: {counts or 'nothing'}.")


@commands.command("export")
def export_network() -> None:
    """Print the network document as it is now."""
    found = on_database(lambda session, secret: network_queries.exported(session))
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())  # noqa: T201  # plain, to be read by a script
