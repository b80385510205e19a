"""The tracking page's headers: the address holds a secret, so it is kept from caches, frames, referrers and search."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from app.web.pages import TRACKING_FILES, page_routes

CONTRACT = Path(__file__).parents[2] / "clients" / "contract" / "tracking.graphql"


def operations(file: Path) -> dict[str, str]:
    pattern = r"^((?:query|mutation|subscription) (\w+).*?^\})"
    return {name: text for text, name in re.findall(pattern, file.read_text(), flags=re.MULTILINE | re.DOTALL)}


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Starlette(routes=page_routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://doorstep.test") as client:
        yield client


async def test_the_page_is_kept_from_caches_frames_referrers_and_search(web: httpx.AsyncClient) -> None:
    answer = await web.get("/track/any-token")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert "any-token" not in answer.text


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("tracking.js", "text/javascript"), ("tracking.css", "text/css"), ("documents.graphql", "application/graphql")],
)
async def test_its_files_are_asked_after_before_each_use(web: httpx.AsyncClient, name: str, content_type: str) -> None:
    answer = await web.get(f"/static/tracking/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = await web.get(f"/static/tracking/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_no_other_file_of_the_deployment_is_served(web: httpx.AsyncClient) -> None:
    assert (await web.get("/static/tracking/../../pyproject.toml")).status_code == 404
    assert (await web.get("/static/tracking/%2e%2e/%2e%2e/pyproject.toml")).status_code == 404


def test_the_page_sends_the_contracts_own_documents() -> None:
    sent, agreed = operations(TRACKING_FILES / "documents.graphql"), operations(CONTRACT)
    assert set(sent) == {"Tracking", "UpdateDeliveryPreferences", "SubmitFeedback", "TrackingChanged"}
    assert sent == {name: text for name, text in agreed.items() if name in sent}


def test_the_page_names_no_other_host() -> None:
    for file in TRACKING_FILES.iterdir():
        named = set(re.findall(r"https?://[^\"'\s]+", file.read_text()))
        assert named <= {"http://www.w3.org/2000/svg"}, file.name
