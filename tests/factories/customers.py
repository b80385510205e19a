"""A customer: what whoever holds an order's link reads and does."""

from dataclasses import dataclass
from typing import Any

from app.auth import tokens
from app.models import Order
from tests.client import SECRET, Client
from tests.documents import document


def token_of(order: Order) -> str:
    """The token of an order's tracking link."""
    return tokens.tracking_token(SECRET, order.id)


@dataclass
class Customer:
    """The customer of one order, who has nothing but its token."""

    client: Client
    order: Order

    async def page(self) -> dict[str, Any]:
        """The tracking page."""
        data = await self.client.run(document("tracking.graphql", "Tracking"), {"token": token_of(self.order)})
        page: dict[str, Any] = data["tracking"]
        return page

    async def prefer(self, **wanted: Any) -> dict[str, Any]:
        """The payload of changed preferences."""
        return await self._send("UpdateDeliveryPreferences", "updateDeliveryPreferences", wanted)

    async def rate(self, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The payload of submitted feedback."""
        return await self._send("SubmitFeedback", "submitFeedback", {"answers": list(answers), **more})

    async def _send(self, operation: str, field: str, given: dict[str, Any]) -> dict[str, Any]:
        variables = {"token": token_of(self.order), "input": given}
        data = await self.client.run(document("tracking.graphql", operation), variables)
        payload: dict[str, Any] = data[field]
        return payload
