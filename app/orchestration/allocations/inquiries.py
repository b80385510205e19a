"""What carriers are asked for their price before a batch is decided: the ways that could win. Pure: no clock."""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from app.carriers.protocol import Consignment, GoodsLine
from app.core.money import Money
from app.orchestration.allocations.batches import Demand, QuoteKey
from app.orchestration.allocations.candidates import Candidate, Ways
from app.orchestration.allocations.limits import Loaded
from app.orchestration.bookings.consignments import recipient_of, sender_of

# So many ways of an order are asked about, the cheapest by rate card.
MOST_OF_AN_ORDER = 6
# So many ways of an order, one for each day and carrier, are looked through for them.
MOST_WEIGHED = 1_000


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """A question to a carrier: its price for one order, from one node, by one service."""

    key: QuoteKey
    carrier_id: uuid.UUID
    consignment: Consignment


def inquiries(loaded: Loaded, carriers: Collection[uuid.UUID]) -> list[Inquiry]:
    """What to ask these carriers: each way of whole orders once, on its first day."""
    ways = Ways(loaded.demands, loaded.network)
    numbers, columns, _ = ways.cheapest(most=MOST_WEIGHED)
    found: list[Inquiry] = []
    for number, demand in enumerate(loaded.demands):
        asked: dict[QuoteKey, Inquiry] = {}
        of_order = [ways.candidate(column, number) for column in columns[numbers == number].tolist()]
        for inquiry in _of_order(demand, of_order, carriers, now=loaded.network.now):
            asked.setdefault(inquiry.key, inquiry)
        found += list(asked.values())[:MOST_OF_AN_ORDER]
    return found


def _of_order(
    demand: Demand, ways: Collection[Candidate], carriers: Collection[uuid.UUID], *, now: datetime
) -> Iterator[Inquiry]:
    order = demand.order
    for way in ways:
        part = way.parts[0]
        if part.carrier.id not in carriers:
            continue
        yield Inquiry(
            key=(order.id, part.node.id, part.carrier.id, part.service),
            carrier_id=part.carrier.id,
            consignment=Consignment(
                key=f"{order.id}:{part.node.id}:{part.service}",
                reference=order.reference,
                order_reference=order.reference,
                service=part.service,
                sender=sender_of(part.node),
                recipient=recipient_of(order),
                window_start=way.window_start,
                window_end=way.window_end,
                weight_kg=sum(line.weight_kg * line.quantity for line in demand.lines),
                volume_l=sum(line.volume_l * line.quantity for line in demand.lines),
                lines=tuple(
                    GoodsLine(sku=line.sku, quantity=line.quantity, description=line.description)
                    for line in demand.lines
                ),
                price=Money(minor=part.price_minor, currency=order.currency),
                made_at=now,
                cash=None if order.cash_minor is None else Money(minor=order.cash_minor, currency=order.currency),
                instructions=order.instructions,
                skills=tuple(order.required_skills),
            ),
        )
