"""Where Twilio says what became of a text: delivered, read, or not.

The address names the message, so that a status which overtakes the answer to the sending is still understood. Only
what Twilio signed counts (https://www.twilio.com/docs/usage/security).
"""

import uuid
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from app.core import clock
from app.core.database import Database
from app.core.settings import Settings
from app.notifications.twilio_channel import STATUS_PATH, failure_of
from app.orchestration.messages import operations
from app.orchestration.messages.policies import MessageEvent

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
EVENTS = {
    "delivered": MessageEvent.DELIVER,
    "read": MessageEvent.READ,
    "undelivered": MessageEvent.FAIL,
    "failed": MessageEvent.FAIL,
}


def message_status_routes(*, database: Database, settings: Settings) -> list[Route]:
    """POST of a status; 403 for what is not signed with the account's token, 204 for all that is."""
    token = settings.twilio_auth_token
    validator = RequestValidator(token.get_secret_value()) if token else None

    async def take(request: Request) -> Response:
        query = dict(request.query_params)
        address = f"{settings.public_url.rstrip('/')}{STATUS_PATH}?{urlencode(query)}"
        form = await request.form()
        signature = request.headers.get("X-Twilio-Signature", "")
        if validator is None or not validator.validate(address, form, signature):
            return PlainTextResponse("The signature is not the account's.", status_code=403)
        event = EVENTS.get(str(form.get("MessageStatus", "")))
        message_id = _uuid(query.get("message", ""))
        if event is not None and message_id is not None:
            failure = _failure(form.get("ErrorCode"), form.get("ErrorMessage")) if event is MessageEvent.FAIL else None
            await database.run(
                lambda session: operations.record_status(
                    session, message_id=message_id, event=event, failure=failure, now=clock.now()
                )
            )
        return Response(status_code=204)

    return [Route(STATUS_PATH, take, methods=["POST"], name="message-status")]


def _failure(code: object, text: object) -> tuple[str, str]:
    found = failure_of(int(str(code)) if str(code).isdigit() else None, None if text is None else str(text))
    return found.code, str(found)


def _uuid(given: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(given)
    except ValueError:
        return None
