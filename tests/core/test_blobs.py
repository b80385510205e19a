"""Proof files: kept by key, and sent and seen through addresses that allow exactly one thing for a while."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.blobs import BlobStore, GetGrant, PutGrant, sign, verify_get, verify_put
from app.core.errors import NotFound, Refusal
from app.core.settings import Settings
from tests.browser import serving

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)
PHOTO = b"\x89PNG not really"
PHOTO_SHA256 = hashlib.sha256(PHOTO).hexdigest()
SECRET = "a secret of this test"
PUT = PutGrant(
    key="proofs/one/photo.png", content_type="image/png", size_bytes=15, sha256=PHOTO_SHA256, expires_at=LATER
)
GET = GetGrant(key="proofs/one/photo.png", content_type="image/png", expires_at=LATER)


def settings(folder: Path, **changes: object) -> Settings:
    values = {
        "database_url": "postgresql://unused",
        "redis_url": "redis://unused",
        "secret_key": SECRET,
        "data": folder,
        "public_url": "https://track.example/",
    }
    return Settings.model_validate(values | changes)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def query_of(text: str) -> dict[str, str]:
    return dict(parse_qsl(text))


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.from_settings(settings(tmp_path))


async def test_a_folder_gives_back_what_was_put(blobs: BlobStore, tmp_path: Path) -> None:
    await blobs.put("proofs/one/photo.png", PHOTO)
    assert await blobs.get("proofs/one/photo.png") == PHOTO
    assert await blobs.size_bytes("proofs/one/photo.png") == 15
    assert (tmp_path / "blobs/proofs/one/photo.png").read_bytes() == PHOTO


async def test_the_same_key_put_twice_holds_the_later_contents(blobs: BlobStore) -> None:
    await blobs.put("one", b"earlier")
    await blobs.put("one", b"later")
    assert await blobs.get("one") == b"later"


async def test_a_key_that_holds_nothing_is_refused_by_name(blobs: BlobStore) -> None:
    assert await blobs.exists("missing") is False
    with pytest.raises(NotFound, match="There is no file missing"):
        await blobs.get("missing")


async def test_a_deleted_key_holds_nothing_and_deleting_again_is_fine(blobs: BlobStore) -> None:
    await blobs.put("one", PHOTO)
    await blobs.delete("one")
    await blobs.delete("one")
    assert await blobs.exists("one") is False


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../../b", "a//b", "a b", ".hidden", "a/"])
async def test_a_key_that_could_leave_the_folder_is_refused(blobs: BlobStore, tmp_path: Path, key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await blobs.put(key, PHOTO)
    assert refusal.value.code == "BLOB_KEY_INVALID"
    assert files_below(tmp_path) == []


async def test_a_local_address_proves_the_grant_it_was_made_from(blobs: BlobStore) -> None:
    url = urlsplit(
        await blobs.signed_put_url(
            PUT.key, content_type="image/png", size_bytes=15, sha256=PHOTO_SHA256, expires_at=LATER, now=NOW
        )
    )
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://track.example/uploads/proofs/one/photo.png"
    assert verify_put(key=PUT.key, query=query_of(url.query), secret=SECRET, now=NOW) == PUT

    url = urlsplit(await blobs.signed_get_url(GET.key, content_type="image/png", expires_at=LATER, now=NOW))
    assert verify_get(key=GET.key, query=query_of(url.query), secret=SECRET, now=NOW) == GET


@pytest.mark.parametrize(
    "change",
    [
        {"content_type": "text/html"},
        {"size_bytes": "16"},
        {"sha256": "0" * 64},
        {"expires": "9999999999"},
        {"expires": "soon"},
        {"signature": "é"},
        {"signature": ""},
    ],
)
def test_an_address_changed_anywhere_is_refused(change: dict[str, str]) -> None:
    query = query_of(sign(PUT, secret=SECRET)) | change
    with pytest.raises(Refusal) as refusal:
        verify_put(key=PUT.key, query=query, secret=SECRET, now=NOW)
    assert refusal.value.code == "UPLOAD_ADDRESS_INVALID"


def test_an_address_is_good_for_its_own_key_method_and_secret_alone() -> None:
    put, get = query_of(sign(PUT, secret=SECRET)), query_of(sign(GET, secret=SECRET))
    for attempt in (
        lambda: verify_put(key="proofs/two/photo.png", query=put, secret=SECRET, now=NOW),
        lambda: verify_put(key=PUT.key, query=get, secret=SECRET, now=NOW),
        lambda: verify_get(key=GET.key, query=put, secret=SECRET, now=NOW),
        lambda: verify_get(key=GET.key, query=get, secret="another secret", now=NOW),
        lambda: verify_get(key=GET.key, query={}, secret=SECRET, now=NOW),
    ):
        with pytest.raises(Refusal) as refusal:
            attempt()
        assert refusal.value.code == "UPLOAD_ADDRESS_INVALID"


def test_an_address_ends_at_its_expiry() -> None:
    query = query_of(sign(GET, secret=SECRET))
    assert verify_get(key=GET.key, query=query, secret=SECRET, now=LATER - timedelta(seconds=1)) == GET
    with pytest.raises(Refusal, match=r"expired at 2026-03-02T09:15:00\+00:00") as refusal:
        verify_get(key=GET.key, query=query, secret=SECRET, now=LATER)
    assert refusal.value.code == "UPLOAD_ADDRESS_EXPIRED"


def test_contents_other_than_announced_are_refused() -> None:
    PUT.check(PHOTO)
    with pytest.raises(Refusal, match="has 16 bytes, but 15 were announced"):
        PUT.check(PHOTO + b"!")
    with pytest.raises(Refusal, match="SHA-256") as refusal:
        replace(PUT, sha256="0" * 64).check(PHOTO)
    assert refusal.value.code == "UPLOAD_HASH_MISMATCH"


@pytest.mark.parametrize(
    ("size_bytes", "sha256", "code"),
    [(0, PHOTO_SHA256, "UPLOAD_SIZE_INVALID"), (15, "ABC", "UPLOAD_HASH_INVALID")],
)
async def test_an_announcement_that_cannot_be_kept_gets_no_address(
    blobs: BlobStore, size_bytes: int, sha256: str, code: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        await blobs.signed_put_url(
            PUT.key, content_type="image/png", size_bytes=size_bytes, sha256=sha256, expires_at=LATER, now=NOW
        )
    assert refusal.value.code == code


def test_an_address_of_a_bucket_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must look like s3://bucket/prefix, not 'https://x'"):
        BlobStore.from_settings(settings(tmp_path, blob_url="https://x"))


@dataclass
class Bucket:
    """A small server that speaks as much of S3's protocol as the store uses, and keeps what it was sent."""

    files: dict[str, bytes] = field(default_factory=dict)
    unsigned: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        if "authorization" not in request.headers and "X-Amz-Signature" not in request.query_params:
            self.unsigned.append(request.url.path)
        path = request.url.path
        if request.method == "PUT":
            self.files[path] = await request.body()
            return Response(headers={"ETag": '"1"'})
        if path not in self.files:
            return Response(status_code=404)
        headers = {"ETag": '"1"', "Last-Modified": "Mon, 02 Mar 2026 09:00:00 GMT"}
        return Response(self.files[path], headers=headers)


async def test_a_bucket_holds_files_below_its_prefix_and_presigns_their_addresses(tmp_path: Path) -> None:
    bucket = Bucket()
    with serving(Starlette(routes=[Route("/{path:path}", bucket.answer, methods=["GET", "HEAD", "PUT"])])) as endpoint:
        async with httpx.AsyncClient() as phone:
            blobs = BlobStore.from_settings(
                settings(
                    tmp_path,
                    blob_url="s3://proofs/today",
                    blob_endpoint=endpoint,
                    blob_access_key_id="id",
                    blob_secret_access_key="key",
                )
            )
            assert await blobs.exists("photo.png") is False
            url = await blobs.signed_put_url(
                "photo.png", content_type="image/png", size_bytes=15, sha256=PHOTO_SHA256, expires_at=LATER, now=NOW
            )
            assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["900"]
            (await phone.put(url, content=PHOTO)).raise_for_status()
            assert bucket.files == {"/proofs/today/photo.png": PHOTO}
            assert await blobs.get("photo.png") == PHOTO
            seen = await phone.get(
                await blobs.signed_get_url("photo.png", content_type="image/png", expires_at=LATER, now=NOW)
            )
            assert seen.content == PHOTO
            await blobs.put("second.png", b"2")
            assert bucket.files["/proofs/today/second.png"] == b"2"
            assert bucket.unsigned == []
    assert files_below(tmp_path) == []
