"""Customers: look at their tracking page, name their PIN at the door, and rate what they got."""

import random
from typing import Any

from app.simulator.city import Person
from app.simulator.client import Client

DELIVERED = ("COMPLETED", "PARTIALLY_COMPLETED")


class Customers:
    """All customers of the day, by their order's reference."""

    def __init__(self, client: Client, *, people: dict[str, Person], tokens: dict[str, str], seed: int) -> None:
        self._client = client
        self._people = people
        self._tokens = tokens
        self._draw = random.Random(seed)
        self.rated = 0

    def person(self, reference: str) -> Person:
        """Who stands behind an order's door."""
        return self._people[reference]

    async def pin(self, reference: str) -> str | None:
        """The PIN that the tracking page shows, which the customer tells the driver."""
        page = await self._page(reference)
        return None if page is None else page["pin"]

    async def rate(self, reference: str) -> None:
        """Fills in the questionnaire, where there is one to fill in and the customer likes to."""
        if not self._people[reference].rates or (page := await self._page(reference)) is None:
            return
        form = page["feedbackForm"]
        if page["state"] not in DELIVERED or form is None or form["submittedAt"] is not None:
            return
        answers = [answer for question in form["questions"] if (answer := self._answer(reference, question))]
        await self._client.do("SubmitFeedback", {"token": self._tokens[reference], "input": {"answers": answers}})
        self.rated += 1

    async def _page(self, reference: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = (await self._client.run("Tracking", {"token": self._tokens[reference]}))[
            "tracking"
        ]
        return found

    def _answer(self, reference: str, question: dict[str, Any]) -> dict[str, Any] | None:
        mood = min(1.0, max(0.0, self._draw.gauss(self._people[reference].mood, 0.1)))
        if question["scale"]:
            lowest = 0 if question["kind"] == "NPS" else 1
            return {"questionId": question["id"], "score": round(lowest + mood * (question["scale"] - lowest))}
        if question["options"]:
            return {"questionId": question["id"], "choice": self._draw.choice(question["options"])}
        if mood > 0.9:
            return {"questionId": question["id"], "text": "Muito bom, obrigado!"}
        return None
