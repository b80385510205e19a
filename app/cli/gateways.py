"""How carriers are spoken to: `doorstep gateway`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import SecretStr

from app.auth.principals import SYSTEM
from app.carriers import gateways
from app.carriers.gateways import GatewaySettings
from app.carriers.secrets import Secrets
from app.cli.deployment import console, data_folder, on_database
from app.core import clock
from app.core.errors import Refusal
from app.models import GatewayKind
from app.orchestration.bookings import gateways as gateway_rows
from app.orchestration.bookings import operations as bookings

commands = typer.Typer(name="gateway", help="How carriers are spoken to.", no_args_is_help=True)


@commands.command("check")
def check_gateway(
    kind: GatewayKind, file: Annotated[Path, typer.Argument(help="The gateway's document, as JSON.")]
) -> None:
    """Read a gateway's document and say what is wrong with it. Changes nothing and calls nobody."""
    try:
        missing = gateways.check(kind, _document(file), settings=_gateway_settings())
    except Refusal as refusal:
        sys.exit(refusal.message)
    console.print(f"{file} can be used.{_lacking(missing)}")


@commands.command("set")
def set_gateway(
    carrier: Annotated[str, typer.Argument(help="The carrier's reference.")],
    kind: GatewayKind,
    file: Annotated[Path | None, typer.Argument(help="The gateway's document, as JSON; OWN_FLEET needs none.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Keep the document, but make no call.")] = False,
) -> None:
    """Say how a carrier is spoken to."""
    document = {} if file is None else _document(file)
    row, missing = on_database(
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


@commands.command("retry")
def retry_booking(reference: Annotated[str, typer.Argument(help="The booking's reference.")]) -> None:
    """Try a booking again that had failed for good."""
    on_database(lambda session, secret: bookings.retry(session, reference=reference, actor=SYSTEM, now=clock.now()))
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
