"""`doorstep user`, `key` and `token`: what they print opens the deployment."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.auth import tokens
from app.cli import application
from app.core import clock
from app.core.database import Database
from app.core.embedded import places
from tests.client import SECRET
from tests.factories.callers import an_order

PASSWORD = "correct horse battery"


@pytest.fixture
def cli(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET)
    monkeypatch.setenv("DOORSTEP_DATA", str(tmp_path))
    monkeypatch.setenv("DOORSTEP_PUBLIC_URL", "https://doorstep.test/")
    return CliRunner()


@pytest.fixture
async def order(database: Database) -> None:
    async with database.transaction() as session:
        session.add(an_order("4711"))


def run(cli: CliRunner, *arguments: str) -> Result:
    return cli.invoke(application, list(arguments))


def test_a_user_made_at_the_command_line_can_be_given_a_token(cli: CliRunner) -> None:
    assert run(cli, "user", "dora", "--password", PASSWORD).output == "dora may sign in as DISPATCHER.\n"
    token = run(cli, "token", "dora").output.strip()
    assert tokens.read_access_token(token, secret=SECRET, now=clock.wall_now())


def test_a_key_is_printed_alone(cli: CliRunner) -> None:
    assert run(cli, "key", "shop").output.startswith("dsk_integration_")


def test_an_orders_tracking_link_is_printed(cli: CliRunner, order: None) -> None:
    link = run(cli, "token", "--order", "4711").output.strip()
    assert link.startswith("https://doorstep.test/track/")
    assert len(link.rpartition("/")[2]) == 43


def test_a_tracking_link_leads_to_where_the_deployment_was_started(
    cli: CliRunner, order: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOORSTEP_PUBLIC_URL")
    assert run(cli, "token", "--order", "4711").output.startswith("http://127.0.0.1:8000/track/")
    places.note_url(tmp_path, "http://127.0.0.1:8017")
    assert run(cli, "token", "--order", "4711").output.startswith("http://127.0.0.1:8017/track/")


def test_the_database_of_an_address_is_migrated_without_any_server_of_our_own(cli: CliRunner, tmp_path: Path) -> None:
    assert run(cli, "migrate").output == "The database is up to date.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["token", "nobody"], "There is no active user 'nobody'. Check the value and try again."),
        (["token", "--order", "none"], "There is no order 'none'. Check the value and try again."),
        (["token"], "Say whose token: doorstep token USERNAME, or doorstep token --order REFERENCE."),
        (["key", "swift", "--scope", "CARRIER"], "There is no carrier None. Check the value and try again."),
        (["user", "d", "--password", "short"], "A password has 10 to 200 characters, not 5."),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(cli: CliRunner, arguments: list[str], sentence: str) -> None:
    result = run(cli, *arguments)
    assert result.exit_code == 1
    assert sentence in result.output
