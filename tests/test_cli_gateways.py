"""`doorstep gateway`: documents are checked before they are kept, and the examples of the manual are sound."""

from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from app.cli import application
from app.core.database import Database
from app.models import CarrierGateway
from tests.architecture.sources import ROOT
from tests.client import SECRET
from tests.factories.callers import a_carrier

EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture
def cli(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET)
    monkeypatch.setenv("DOORSTEP_DATA", str(tmp_path))
    monkeypatch.setenv("DOORSTEP_CARRIER_SECRETS", '{"SWIFT_CLIENT_SECRET": "a", "SWIFT_SIGNING_KEY": "b"}')
    return CliRunner()


@pytest.fixture
async def carrier(database: Database) -> None:
    async with database.transaction() as session:
        session.add(a_carrier("swift"))


def run(cli: CliRunner, *arguments: str) -> Result:
    return cli.invoke(application, ["gateway", *arguments])


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [
        ("REST", " It still needs, in DOORSTEP_CARRIER_SECRETS: SWIFT_WEBHOOK_SECRET."),
        ("EDI", ""),
        ("KARRIO", " It still needs, in DOORSTEP_CARRIER_SECRETS: DHL_CLIENT_SECRET, DHL_PASSWORD."),
    ],
)
def test_the_manuals_examples_can_be_used(cli: CliRunner, kind: str, lacks: str) -> None:
    file = EXAMPLES / f"carrier-{kind.lower()}.json"
    assert run(cli, "check", kind, str(file)).output == f"{file} can be used.{lacks}\n"


def test_a_gateway_is_set_and_then_changed(cli: CliRunner, carrier: None) -> None:
    file = str(EXAMPLES / "carrier-edi.json")
    assert run(cli, "set", "swift", "EDI", file).output == "swift is reached by EDI (version 1).\n"
    assert run(cli, "set", "swift", "OWN_FLEET").output == "swift is reached by OWN_FLEET (version 2).\n"


async def test_a_document_with_a_fault_is_not_kept(
    cli: CliRunner, carrier: None, database: Database, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"carrier": "ups", "server_urls": {"server_url": "http://10.0.0.1"}}')
    found = CliRunner().invoke(application, ["gateway", "check", "KARRIO", str(bad)])
    assert (found.exit_code, "is not encrypted" in str(found.exception) or "is not encrypted" in found.output) == (
        1,
        True,
    )
    async with database.reading() as session:
        assert list(await session.scalars(select(CarrierGateway))) == []


def test_what_is_not_there_is_said(cli: CliRunner, carrier: None) -> None:
    for arguments, told in (
        (("set", "nobody", "OWN_FLEET"), "There is no carrier 'nobody'."),
        (("retry", "4711/1"), "There is no booking '4711/1'."),
        (("check", "REST", "/nonexistent.json"), "/nonexistent.json cannot be read as JSON"),
    ):
        found = run(cli, *arguments)
        assert found.exit_code == 1
        assert told in str(found.exception) + found.output
