"""What a customer sees and does on the tracking page, in a real browser, against a server that answers the contract."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.web.pages import page_routes
from tests.browser import running_browser, serving

CONTRACT = Path(__file__).parents[2] / "clients" / "contract" / "tracking.graphql"
DOCUMENTS = {
    name: text
    for text, name in re.findall(
        r"^((?:query|mutation|subscription) (\w+).*?^\})", CONTRACT.read_text(), flags=re.MULTILINE | re.DOTALL
    )
}
TOKEN = "tkn_1"
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><rect width="4" height="3" fill="#7a9"/></svg>'


def order(**changes: Any) -> dict[str, Any]:
    answer = {
        "reference": "SHOP-4711",
        "state": "OUT_FOR_DELIVERY",
        "headline": "Ana is on her way to you.",
        "promisedWindow": {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T16:00:00+00:00"},
        "eta": {
            "expected": "2026-03-02T14:32:00+00:00",
            "earliest": "2026-03-02T14:20:00+00:00",
            "latest": "2026-03-02T14:45:00+00:00",
            "confidence": 0.8,
        },
        "stopsBefore": 3,
        "vehicle": {
            "location": {"latitude": 38.7223, "longitude": -9.1393},
            "heading": 45.0,
            "at": "2026-03-02T14:05:00+00:00",
        },
        "driverFirstName": "Ana",
        "carrierName": "Tejo Express",
        "destination": {"latitude": 38.7301, "longitude": -9.1204},
        "timeline": [
            {"at": "2026-03-02T08:00:00+00:00", "title": "Order received", "detail": None},
            {"at": "2026-03-02T13:10:00+00:00", "title": "Out for delivery", "detail": "With Tejo Express"},
        ],
        "inbox": [{"at": "2026-03-02T13:10:00+00:00", "text": "Your order is on its way."}],
        "proof": [],
        "pin": "4821",
        "preferences": {
            "safePlace": "Porch",
            "instructions": None,
            "neighbour": None,
            "channels": ["SMS"],
            "quietHours": None,
        },
        "canReschedule": False,
        "rescheduleOptions": [],
        "feedbackForm": None,
    }
    return answer | changes


DELIVERED = order(
    state="DELIVERED",
    headline="Your order was delivered.",
    eta=None,
    stopsBefore=None,
    vehicle=None,
    proof=[{"kind": "PHOTO", "url": "/uploads/photo.svg", "capturedAt": "2026-03-02T14:31:00+00:00"}],
    feedbackForm={
        "id": "Q1",
        "submittedAt": None,
        "questions": [
            {
                "id": "speed",
                "kind": "SCALE",
                "prompt": "How was the delivery?",
                "scale": 5,
                "options": None,
                "required": True,
            },
            {
                "id": "nps",
                "kind": "NPS",
                "prompt": "Would you recommend us?",
                "scale": None,
                "options": None,
                "required": False,
            },
            {
                "id": "best",
                "kind": "CHOICE",
                "prompt": "What was best?",
                "scale": None,
                "options": ["Driver", "Time"],
                "required": False,
            },
            {
                "id": "more",
                "kind": "TEXT",
                "prompt": "Anything else?",
                "scale": None,
                "options": None,
                "required": False,
            },
        ],
    },
)


@dataclass
class Endpoint:
    """A GraphQL endpoint with prepared answers, which keeps what it was asked. `refuses` answers the next mutation."""

    tracking: dict[str, Any] | None
    asked: list[dict[str, Any]] = field(default_factory=list)
    subscribed: list[dict[str, Any]] = field(default_factory=list)
    refuses: list[dict[str, Any]] = field(default_factory=list)
    change: dict[str, Any] | None = None
    breaks: int = 0
    has_websockets: bool = True

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                *page_routes,
                Route("/graphql", self.answer, methods=["POST"]),
                Route("/uploads/photo.svg", lambda request: Response(PICTURE, media_type="image/svg+xml")),
                WebSocketRoute("/graphql", self.follow),
            ]
        )

    async def answer(self, request: Request) -> JSONResponse:
        question = await request.json()
        self.asked.append(question)
        if question["operationName"] == "Tracking":
            return JSONResponse({"data": {"tracking": self.tracking}})
        name = question["operationName"][0].lower() + question["operationName"][1:]
        return JSONResponse({"data": {name: {"userErrors": self.refuses}}})

    async def follow(self, socket: WebSocket) -> None:
        if not self.has_websockets:
            await socket.close(4400)
            return
        await socket.accept("graphql-transport-ws")
        assert (await socket.receive_json())["type"] == "connection_init"
        await socket.send_json({"type": "connection_ack"})
        subscription = await socket.receive_json()
        self.subscribed.append(subscription["payload"])
        if self.breaks > 0:
            self.breaks -= 1
            await socket.close(1012)
            return
        await self.send_changes(socket, subscription["id"])

    async def send_changes(self, socket: WebSocket, subscription_id: str) -> None:
        try:
            while self.change is None:
                await socket.send_json({"type": "ping"})
                assert (await socket.receive_json())["type"] == "pong"
                await asyncio.sleep(0.05)
            payload = {"data": {"trackingChanged": self.change}}
            await socket.send_json({"type": "next", "id": subscription_id, "payload": payload})
            await socket.receive_text()
        except WebSocketDisconnect:
            pass

    def mutations(self) -> list[dict[str, Any]]:
        return [question for question in self.asked if question["operationName"] != "Tracking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as chromium:
        yield chromium


class Visit:
    """One customer's browser window on one server; remembers requests to other hosts and errors of the page."""

    def __init__(self, browser: Browser, origin: str, *, locale: str = "en-GB", token: str = TOKEN) -> None:
        self.context = browser.new_context(
            locale=locale, timezone_id="Europe/Lisbon", viewport={"width": 390, "height": 844}
        )
        self.page: Page = self.context.new_page()
        self.elsewhere: list[str] = []
        self.faults: list[str] = []
        self.page.on(
            "request",
            lambda request: (
                self.elsewhere.append(request.url) if not request.url.startswith((origin, "data:")) else None
            ),
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        self.page.goto(f"{origin}/track/{token}")

    def close(self, *, expecting: str | None = None) -> None:
        """Ends the visit; the page may have complained of nothing but what is expected."""
        self.context.close()
        assert self.elsewhere == []
        assert [fault for fault in self.faults if expecting is None or expecting not in fault] == []


def test_a_customer_sees_when_where_and_what_has_happened(browser: Browser) -> None:
    endpoint = Endpoint(tracking=order())
    with serving(endpoint.app()) as origin:
        visit = Visit(browser, origin)
        page = visit.page
        expect(page.get_by_role("heading", level=1)).to_have_text("Ana is on her way to you.")
        expect(page.locator(".fact.arrival")).to_contain_text("14:20–14:45")
        expect(page.locator(".fact.arrival")).to_contain_text("most likely 14:32 · 80% likely in this span")
        expect(page.locator(".fact.promised")).to_contain_text("Mon 2 Mar, 14:00–16:00")
        expect(page.locator(".fact.before")).to_contain_text("3 stops")
        expect(page.locator("#steps [aria-current=step]")).to_have_text("On its way")
        expect(page.get_by_role("region", name="Your PIN")).to_contain_text("4821")
        expect(page.get_by_role("img", name="The vehicle is 1.9 km away")).to_be_visible()
        expect(page.locator("#timeline-list li strong")).to_have_text(["Out for delivery", "Order received"])
        expect(page.locator("#inbox-list li p")).to_have_text(["Your order is on its way."])
        expect(page.get_by_label("A safe place, if you are out")).to_have_value("Porch")
        expect(page.get_by_label("Text message")).to_be_checked()
        expect(page.locator("#feedback")).to_be_hidden()
        visit.close()
    assert endpoint.asked[0] == {
        "query": DOCUMENTS["Tracking"],
        "operationName": "Tracking",
        "variables": {"token": TOKEN},
    }


def test_a_change_shows_at_once_and_a_broken_connection_is_made_again(browser: Browser) -> None:
    endpoint = Endpoint(tracking=order(), breaks=1)
    with serving(endpoint.app()) as origin:
        visit = Visit(browser, origin)
        expect(visit.page.locator(".fact.before")).to_contain_text("3 stops")
        changed = ("reference", "state", "headline", "eta", "stopsBefore", "vehicle")
        endpoint.tracking = order(stopsBefore=0, headline="You are next.")
        endpoint.change = {name: endpoint.tracking[name] for name in changed}
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("You are next.")
        expect(visit.page.locator(".fact.before")).to_contain_text("You are next")
        expect(visit.page.locator("#live")).to_contain_text("Live")
        visit.close()
    subscription = {
        "query": DOCUMENTS["TrackingChanged"],
        "operationName": "TrackingChanged",
        "variables": {"token": TOKEN},
    }
    assert endpoint.subscribed == [subscription, subscription]


def test_without_websockets_the_page_asks_again(browser: Browser) -> None:
    endpoint = Endpoint(tracking=order(), has_websockets=False)
    with serving(endpoint.app()) as origin:
        visit = Visit(browser, origin)
        visit.page.clock.install()
        visit.page.reload()
        expect(visit.page.locator("#live")).to_contain_text("Checking every few seconds")
        endpoint.tracking = order(headline="One stop to go.", stopsBefore=1)
        visit.page.clock.fast_forward(16_000)
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("One stop to go.")
        visit.close(expecting="WebSocket")


def test_feedback_is_drawn_from_its_questions_and_sent(browser: Browser) -> None:
    endpoint = Endpoint(tracking=DELIVERED)
    with serving(endpoint.app()) as origin:
        visit = Visit(browser, origin)
        page = visit.page
        expect(page.get_by_role("img", name="Photo")).to_be_visible()
        expect(page.locator("#map")).to_be_hidden()
        expect(page.locator("#preferences")).to_be_hidden()
        page.get_by_role("button", name="Send").click()
        assert endpoint.mutations() == []  # a required answer is missing
        page.get_by_role("group", name="How was the delivery?").get_by_label("4").check()
        page.get_by_role("group", name="Would you recommend us?").get_by_label("10").check()
        page.get_by_label("Time").check()
        page.get_by_label("Anything else?").fill(" Thank you, Ana ")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("Thank you, your answers have arrived.")).to_be_visible()
        expect(page.locator("#feedback-form")).to_be_hidden()
        visit.close()
    assert endpoint.mutations() == [
        {
            "query": DOCUMENTS["SubmitFeedback"],
            "operationName": "SubmitFeedback",
            "variables": {
                "token": TOKEN,
                "input": {
                    "answers": [
                        {"questionId": "speed", "score": 4},
                        {"questionId": "nps", "score": 10},
                        {"questionId": "best", "choice": "Time"},
                        {"questionId": "more", "text": "Thank you, Ana"},
                    ]
                },
            },
        }
    ]


def test_a_refused_answer_is_explained_where_it_was_given(browser: Browser) -> None:
    refusal = {"code": "SCORE_OUT_OF_RANGE", "field": "input.answers.0.score", "message": "A score of 4 is above 3."}
    endpoint = Endpoint(tracking=DELIVERED, refuses=[refusal])
    with serving(endpoint.app()) as origin:
        visit = Visit(browser, origin)
        visit.page.get_by_role("group", name="How was the delivery?").get_by_label("4").check()
        visit.page.get_by_role("button", name="Send").click()
        expect(visit.page.locator("#error-speed")).to_have_text("A score of 4 is above 3.")
        expect(visit.page.locator("#feedback-form")).to_be_visible()
        visit.close()


def test_preferences_are_sent_and_a_refusal_stands_beside_its_field(browser: Browser) -> None:
    refusal = {"code": "TOO_LONG", "field": "input.safePlace", "message": "'Behind the shed' is too far."}
    endpoint = Endpoint(tracking=order(), refuses=[refusal])
    with serving(endpoint.app()) as origin:
        visit = Visit(browser, origin)
        page = visit.page
        page.get_by_label("A safe place, if you are out").fill("Behind the shed")
        page.get_by_label("WhatsApp").check()
        page.get_by_label("from").fill("21:00")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#quietHours-error")).to_have_text("Set both times, or neither.")
        assert endpoint.mutations() == []
        page.get_by_label("until").fill("07:30")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#safePlace-error")).to_have_text("'Behind the shed' is too far.")
        endpoint.refuses = []
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        visit.close()
    assert endpoint.mutations()[-1] == {
        "query": DOCUMENTS["UpdateDeliveryPreferences"],
        "operationName": "UpdateDeliveryPreferences",
        "variables": {
            "token": TOKEN,
            "input": {
                "safePlace": "Behind the shed",
                "neighbour": None,
                "instructions": None,
                "channels": ["SMS", "WHATSAPP"],
                "quietHours": {"start": "21:00", "end": "07:30"},
            },
        },
    }


def test_a_token_that_opens_nothing_says_so_and_shows_nothing(browser: Browser) -> None:
    endpoint = Endpoint(tracking=None)
    with serving(endpoint.app()) as origin:
        visit = Visit(browser, origin, token="no-such")
        expect(visit.page.get_by_role("alert").first).to_contain_text("This link shows no delivery.")
        expect(visit.page.locator("main")).to_be_hidden()
        visit.close()
    assert [question["variables"] for question in endpoint.asked] == [{"token": "no-such"}]
    assert endpoint.subscribed == []


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        ("de-AT", "Wie sollen wir zustellen?"),
        ("fr-FR", "Comment livrer ?"),
        ("es-MX", "¿Cómo entregamos?"),
        ("pt-PT", "Como devemos entregar?"),
        ("fi-FI", "How should we deliver?"),
    ],
)
def test_the_page_speaks_the_browsers_language_where_it_can(browser: Browser, locale: str, title: str) -> None:
    with serving(Endpoint(tracking=order()).app()) as origin:
        visit = Visit(browser, origin, locale=locale)
        expect(visit.page.locator("#preferences-title")).to_have_text(title)
        visit.close()


def test_every_language_has_every_text(browser: Browser) -> None:
    with serving(Endpoint(tracking=order()).app()) as origin:
        visit = Visit(browser, origin)
        keys = json.loads(
            visit.page.evaluate(
                """async () => {
                    const { TEXTS } = await import("/static/tracking/texts.js");
                    return JSON.stringify(Object.entries(TEXTS).map(([name, texts]) => [name, Object.keys(texts)]));
                }"""
            )
        )
        visit.close()
    assert [name for name, _ in keys] == ["en", "de", "fr", "es", "pt"]
    assert all(of_language == keys[0][1] for _, of_language in keys)
