"""Proof files: announced, sent to a signed address, checked, and read again by whoever may."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.core import blobs, clock
from app.models import Upload, UploadState
from tests.client import SECRET, Client
from tests.factories.devices import PICTURE, Device
from tests.factories.routes import PLAIN, a_published_route


@pytest.fixture
async def device(client: Client) -> Device:
    return Device(client, await a_published_route(client.database, PLAIN))


async def state(client: Client) -> UploadState:
    async with client.database.reading() as session:
        return (await session.scalars(select(Upload))).one().state


def files(client: Client) -> list[Path]:
    return [path for path in (client.settings.data / "blobs").rglob("*") if path.is_file()]


async def test_a_file_is_taken_as_announced_and_once_more(client: Client, device: Device) -> None:
    upload = (await device.announce())["upload"]
    assert [(await device.put(upload)).status_code for _ in range(2)] == [201, 200]
    assert await state(client) is UploadState.RECEIVED
    assert [path.read_bytes() for path in files(client)] == [PICTURE]


REFUSED: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "other contents of the same size": (PICTURE[:-1] + b"!", {}, 422, "UPLOAD_HASH_MISMATCH"),
    "fewer bytes": (PICTURE[:-1], {}, 422, "UPLOAD_SIZE_MISMATCH"),
    "more bytes": (PICTURE + b"!", {}, 413, "UPLOAD_TOO_LARGE"),
    "another content type": (PICTURE, {"Content-Type": "text/html"}, 415, "CONTENT_TYPE_MISMATCH"),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_file_is_refused_and_not_kept_for(client: Client, device: Device, why: str) -> None:
    contents, headers, status, code = REFUSED[why]
    upload = (await device.announce())["upload"]
    response = await device.put(upload, contents, **headers)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (status, code)
    assert await state(client) is UploadState.PENDING
    assert files(client) == []


async def test_a_page_that_calls_itself_a_picture_is_refused(client: Client, device: Device) -> None:
    page = b"<html><script>alert(1)</script></html>"
    upload = (await device.announce(page))["upload"]
    response = await device.put(upload, page)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (415, "UPLOAD_TYPE_MISMATCH")
    assert files(client) == []


async def test_an_address_that_was_changed_or_is_old_is_refused(client: Client, device: Device) -> None:
    upload = (await device.announce())["upload"]
    changed = upload | {"url": upload["url"].replace("size_bytes=", "size_bytes=1")}
    assert (await device.put(changed)).status_code == 403
    async with client.database.reading() as session:
        row = (await session.scalars(select(Upload))).one()
    key = f"proofs/{row.id}.png"
    grant = blobs.PutGrant(
        key=key,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        expires_at=clock.wall_now() - timedelta(seconds=5),
    )
    old = upload | {"url": f"/uploads/{key}?{blobs.sign(grant, secret=SECRET)}"}
    response = await device.put(old)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (410, "UPLOAD_ADDRESS_EXPIRED")


ANNOUNCED: dict[str, tuple[dict[str, Any], str, str]] = {
    "too large": ({"bytes": 15 * 1024 * 1024 + 1}, "UPLOAD_SIZE_INVALID", "bytes"),
    "empty": ({"bytes": 0}, "UPLOAD_SIZE_INVALID", "bytes"),
    "a script": ({"contentType": "text/html"}, "CONTENT_TYPE_INVALID", "contentType"),
    "a drawing that can run scripts": ({"contentType": "image/svg+xml"}, "CONTENT_TYPE_INVALID", "contentType"),
    "of no hash": ({"sha256": "abc"}, "UPLOAD_HASH_INVALID", "sha256"),
    "a PIN": ({"kind": "PIN"}, "UPLOAD_KIND_INVALID", "kind"),
}


@pytest.mark.parametrize("why", ANNOUNCED)
async def test_an_announcement_is_refused_that_is(client: Client, device: Device, why: str) -> None:
    more, code, field = ANNOUNCED[why]
    payload = await device.announce(**more)
    assert payload["upload"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, field)]
    async with client.database.reading() as session:
        assert (await session.scalars(select(Upload))).all() == []


async def test_a_proofs_file_can_be_read_by_its_own_driver_and_by_no_other(client: Client, device: Device) -> None:
    photo = await device.photo()
    await device.send(device.start(), *device.visit(0, 10, proofs=[photo]))
    document = "query ($id: ID!) { node(id: $id) { ... on Stop { proofs { kind sha256 url } } } }"
    found = await client.run(document, {"id": device.stop_id(0)}, as_=device.published.principal)
    proof = found["node"]["proofs"][0]
    response = await client.http.get(proof["url"])
    assert (response.status_code, response.content) == (200, PICTURE)
    assert response.headers["x-content-type-options"] == "nosniff"
    other = await a_published_route(client.database, PLAIN, name="R2")
    assert await client.run(document, {"id": device.stop_id(0)}, as_=other.principal) == {"node": None}


async def test_another_drivers_file_proves_nothing(client: Client, device: Device) -> None:
    other = Device(client, await a_published_route(client.database, PLAIN, name="R2"))
    photo = await other.photo()
    batch = [device.start(), device.arrive(0, 1), device.deliver(0, 2, proofs=[photo])]
    assert await device.outcomes(*batch) == ["RECORDED", "RECORDED", "UPLOAD_NOT_RECEIVED"]


async def test_a_file_that_is_still_on_its_way_proves_nothing(client: Client, device: Device) -> None:
    photo = await device.photo()
    async with client.database.transaction() as session:
        await session.execute(update(Upload).values(state=UploadState.PENDING).where(col(Upload.id).is_not(None)))
    batch = [device.start(), device.arrive(0, 1), device.deliver(0, 2, proofs=[photo])]
    assert await device.outcomes(*batch) == ["RECORDED", "RECORDED", "UPLOAD_NOT_RECEIVED"]
