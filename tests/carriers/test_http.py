"""How requests leave: to checked addresses only, and to whom the certificate names."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from app.carriers import http
from app.carriers.http import Answer, HttpCaller, Outgoing
from app.carriers.protocol import PermanentFailure
from tests.carriers.carrier_server import running
from tests.carriers.secure_server import running as running_securely


@pytest.fixture
def fresh_trust() -> Iterator[None]:
    """The certificates to trust, read anew for this test and after it."""
    http._trusted.cache_clear()
    yield
    http._trusted.cache_clear()


async def get(url: str, allowed: Collection[str]) -> Answer:
    caller = HttpCaller(carrier="Swift", allowed_hosts=allowed, timeout_seconds=2)
    return await caller.send(Outgoing(method="GET", url=url))


@pytest.mark.usefixtures("fresh_trust")
async def test_the_certificate_must_be_the_names_and_not_the_addresss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "name").mkdir()
    (tmp_path / "address").mkdir()
    async with running_securely(tmp_path / "name", for_name="localhost") as named:
        monkeypatch.setenv("SSL_CERT_FILE", str(named.certificate))
        answer = await get(f"https://localhost:{named.port}/tracking", {"localhost"})
        assert (answer.status, named.paths) == (200, ["GET /tracking"])
    http._trusted.cache_clear()
    async with running_securely(tmp_path / "address") as addressed:
        monkeypatch.setenv("SSL_CERT_FILE", str(addressed.certificate))
        with pytest.raises(PermanentFailure, match="is not to be trusted"):
            await get(f"https://localhost:{addressed.port}/tracking", {"localhost"})
        assert addressed.paths == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with running_securely(tmp_path) as server:
        with pytest.raises(PermanentFailure, match="is not to be trusted"):
            await get(f"{server.url}/tracking", {"127.0.0.1"})
        assert server.paths == []


async def test_a_name_inside_the_network_is_not_called() -> None:
    async with running() as server:
        for url in (f"https://localhost:{server.port}/quotes", f"https://2130706433:{server.port}/quotes"):
            with pytest.raises(PermanentFailure) as failure:
                await get(url, frozenset())
            assert failure.value.code == "ADDRESS_NOT_PUBLIC"
        assert server.seen == []


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async with running() as server:  # listens on 127.0.0.1 alone; the name may have ::1 as well
        answer = await get(f"http://localhost:{server.port}/quotes", {"localhost"})
        assert answer.status == 200


async def test_a_giant_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_ANSWER_BYTES", 10)
    async with running() as server:
        with pytest.raises(PermanentFailure) as failure:
            await get(f"{server.url}/quotes", {"127.0.0.1"})
    assert failure.value.code == "ANSWER_TOO_LARGE"
