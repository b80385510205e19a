"""Asks carriers' gateways what they would take, before a batch is decided, outside any transaction.

Who does not answer in time, or not well, counts by its rate card.
"""

import asyncio
import uuid
from collections import Counter
from dataclasses import replace

import structlog

from app.carriers import gateways
from app.carriers.gateways import GatewaySettings
from app.carriers.protocol import Capability, Gateway, GatewayFailure, PermanentFailure, TemporaryFailure
from app.core.errors import Refusal
from app.jobs.tools import Tools
from app.models import Carrier, CarrierGateway, GatewayKind
from app.models.base import Json
from app.orchestration.allocations.batches import QuoteKey
from app.orchestration.allocations.inquiries import Inquiry, inquiries
from app.orchestration.allocations.limits import Loaded
from app.orchestration.bookings import gateways as gateway_rows

# A larger batch is decided by rate cards: carriers do not answer thousands of questions at a time.
MOST_ORDERS = 50
AT_ONCE = 10
# Kinds of gateways that can quote; an own fleet has nobody to ask.
QUOTING = (GatewayKind.REST, GatewayKind.KARRIO)
log = structlog.get_logger(__name__)


async def quoted(loaded: Loaded, tools: Tools) -> tuple[Loaded, Json]:
    """The same with what carriers ask, where the policy wants it; and how many were asked, answered, and failed."""
    seconds = loaded.network.policy.allocation.quote_seconds
    if seconds is None or len(loaded.demands) > MOST_ORDERS:
        return loaded, {}
    asked = await _asked(tools)
    questions = inquiries(loaded, asked)
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(inquiry: Inquiry) -> int | str:
        carrier, row, gateway = asked[inquiry.carrier_id]
        async with places:
            try:
                async with asyncio.timeout(seconds):
                    return await _price(gateway, row, inquiry)
            except TimeoutError:
                code = "TIMED_OUT"
            except (GatewayFailure, Refusal) as failure:
                code = failure.code
            except Exception:
                log.exception("quote.failed", carrier=carrier.reference, order=inquiry.consignment.order_reference)
                code = "INTERNAL_ERROR"
        log.warning("quote.missing", carrier=carrier.reference, order=inquiry.consignment.order_reference, code=code)
        return code

    answers = await asyncio.gather(*(ask(inquiry) for inquiry in questions))
    quotes: dict[QuoteKey, int] = {}
    failed: dict[str, Counter[str]] = {}
    for inquiry, answer in zip(questions, answers, strict=True):
        if isinstance(answer, int):
            quotes[inquiry.key] = answer
        else:
            failed.setdefault(asked[inquiry.carrier_id][0].reference, Counter())[answer] += 1
    told = {"asked": len(questions), "answered": len(quotes), "failed": {name: dict(of) for name, of in failed.items()}}
    return replace(loaded, network=replace(loaded.network, quotes=quotes)), {"quotes": told}


async def _asked(tools: Tools) -> dict[uuid.UUID, tuple[Carrier, CarrierGateway, Gateway]]:
    """The carriers whose gateways can quote."""
    settings = GatewaySettings.from_settings(tools.settings)
    found: dict[uuid.UUID, tuple[Carrier, CarrierGateway, Gateway]] = {}
    async with tools.database.reading() as session:
        rows = [row for kind in QUOTING for row in await gateway_rows.of_kind(session, kind)]
    for carrier, row in rows:
        try:
            gateway = gateways.build(row.kind, row.document, carrier=carrier.name, settings=settings)
        except (Refusal, GatewayFailure) as failure:
            log.warning("quote.no_gateway", carrier=carrier.reference, code=failure.code)
            continue
        if Capability.QUOTE in gateway.capabilities:
            found[carrier.id] = carrier, row, gateway
    return found


async def _price(gateway: Gateway, row: CarrierGateway, inquiry: Inquiry) -> int:
    """What the carrier asks for the service, in minor units; the cheapest where it answers several."""
    wanted = inquiry.consignment
    names = {wanted.service, gateways.service_name(row.document, wanted.service)}
    prices = [quote.price for quote in await gateway.quote(wanted) if quote.service in names]
    if not prices:
        raise TemporaryFailure("NO_QUOTE", f"It quotes nothing for {wanted.service}.")
    price = min(prices, key=lambda price: price.minor)
    if price.currency != wanted.price.currency or price.minor < 0:
        raise PermanentFailure("QUOTE_INVALID", f"It asks {price.minor} {price.currency}.")
    return price.minor
