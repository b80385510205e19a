"""Where carriers' systems tell milestones: POST /carriers/{reference}/events, proved by the gateway's own signature.

The same call again, or one that comes late, changes nothing and is answered alike. Leaves out carriers' portals, which
speak GraphQL.
"""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.carriers import incoming
from app.carriers.gateways import GatewaySettings
from app.core import clock
from app.core.database import Database, Session
from app.core.errors import Refusal
from app.core.settings import Settings
from app.models import Carrier, CarrierGateway, NoticeSource
from app.orchestration.bookings import gateways, notices
from app.orchestration.bookings.notices import Taken

MOST_BODY_BYTES = 1_048_576
STATUS = {"SIGNATURE_INVALID": 401, "NOT_FOUND": 401, "BODY_TOO_LARGE": 413, "BODY_UNREADABLE": 422}
FAULT_OF_OURS = 500

log = structlog.get_logger("doorstep.carriers")


def carrier_routes(*, database: Database, settings: Settings) -> list[Route]:
    """The one route."""
    known = GatewaySettings.from_settings(settings)

    async def handle(request: Request) -> Response:
        reference = request.path_params["reference"]
        try:
            taken = await _take(request, reference, database, known)
        except Refusal as refusal:
            status = STATUS.get(refusal.code, FAULT_OF_OURS)
            log.warning("carrier.call_refused", carrier=reference[:80], code=refusal.code, why=refusal.message)
            return JSONResponse({"errors": [_told(refusal, status)]}, status_code=status)
        log.info("carrier.call_taken", carrier=reference, new=taken.new, duplicate=taken.duplicate)
        return JSONResponse({"new": taken.new, "duplicate": taken.duplicate, "waiting": taken.waiting})

    return [Route("/carriers/{reference:path}/events", handle, methods=["POST"], name="carrier_events")]


async def _take(request: Request, reference: str, database: Database, known: GatewaySettings) -> Taken:
    body = await _body(request)
    carrier, gateway = await _gateway(database, reference)
    events = incoming.events_of(
        gateway.kind,
        gateway.document,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        secrets=known.secrets,
        wall_now=clock.wall_now(),
        private_hosts=frozenset(known.private_hosts),
    )

    async def take(session: Session) -> Taken:
        return await notices.take(session, carrier, events, source=NoticeSource.WEBHOOK, now=clock.now())

    return await database.run(take)


async def _gateway(database: Database, reference: str) -> tuple[Carrier, CarrierGateway]:
    async with database.reading() as session:
        return await gateways.by_reference(session, reference)


async def _body(request: Request) -> bytes:
    """The body; reading stops as soon as it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise Refusal("BODY_TOO_LARGE", f"The call has more than {MOST_BODY_BYTES:,} bytes. Send fewer milestones.")
        parts.append(part)
    return b"".join(parts)


def _told(refusal: Refusal, status: int) -> dict[str, str]:
    """What the caller hears. Whether a carrier exists, and what this deployment lacks, is not for strangers."""
    if refusal.code == "NOT_FOUND":
        return {"code": "SIGNATURE_INVALID", "message": "The call is not proved. Check the address and the secret."}
    if status == FAULT_OF_OURS:
        return {"code": "INTERNAL_ERROR", "message": "The call cannot be taken now. Send it again later."}
    return {"code": refusal.code, "message": refusal.message}


__all__ = ["carrier_routes"]
