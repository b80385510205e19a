"""The network as a document: `doorstep network`."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.auth.principals import SYSTEM
from app.cli.deployment import console, on_database, read_json
from app.core import clock
from app.core.database import Session
from app.orchestration.network import documents as networks
from app.orchestration.network import operations as network_rows
from app.orchestration.network import queries as network_queries

commands = typer.Typer(name="network", help="Services, zones, rate cards, contracts and calendars as one document.")


@commands.command("import")
def import_network(file: Annotated[Path, typer.Argument(help="The document, as JSON.", exists=True)]) -> None:
    """Take a network document over: all of it or nothing. What it leaves out stays as it is."""
    told = read_json(file)

    async def take_over(session: Session, secret: str) -> Counter[str]:
        document = networks.parse(told)
        return await network_rows.take_over(session, document=document, actor=SYSTEM, now=clock.now())

    changed = on_database(take_over)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(changed.items()) if count)
    console.print(f"Changed: {counts or 'nothing'}.")


@commands.command("export")
def export_network() -> None:
    """Print the network document as it is now."""
    found = on_database(lambda session, secret: network_queries.exported(session))
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())  # noqa: T201  # plain, to be read by a script
