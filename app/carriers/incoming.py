"""A call that comes in from a carrier: who it is from is proved, then it is read. Pure but for the secrets."""

from collections.abc import Mapping
from datetime import datetime

import orjson

from app.carriers.protocol import CarrierEvent, PermanentFailure
from app.carriers.rest import answers, checks, signing
from app.carriers.secrets import Secrets
from app.core.errors import Refusal
from app.models import GatewayKind
from app.models.base import Json


def events_of(
    kind: GatewayKind,
    document: Json,
    *,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Secrets,
    wall_now: datetime,
    private_hosts: frozenset[str],
) -> list[CarrierEvent]:
    """The milestones of a call. Refuses one that is not signed (SIGNATURE_INVALID) or not readable (BODY_UNREADABLE).

    `headers` are by lower-case name.
    """
    found = checks.parse(document, allowed_hosts=private_hosts) if kind is GatewayKind.REST else None
    if found is None or found.webhook is None:
        raise signing.SignatureInvalid("This carrier's gateway takes no calls. Describe `webhook` in its document.")
    webhook = found.webhook
    signing.verify(
        webhook.signature, secret=secrets[webhook.signature.secret], headers=headers, body=body, wall_now=wall_now
    )
    try:
        content = orjson.loads(body)
        events = answers.read_events(webhook.events, webhook.event, content, found.vocabulary)
    except (orjson.JSONDecodeError, PermanentFailure) as error:
        raise Refusal("BODY_UNREADABLE", f"The call cannot be read: {error}") from error
    for event in events:
        if event.tracking_number is None and event.reference is None:
            raise Refusal(
                "BODY_UNREADABLE", "The call names no shipment: it has neither a tracking number nor a reference."
            )
    return events
