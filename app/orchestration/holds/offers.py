"""What a checkout is offered: every window that could be kept now, at what it would cost to serve.

Costs, prices of what is scarce and limits are those that allocation decides by. An offer keeps nothing: it is a text
that only this deployment can have written, and says what may be held at which price.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import tokens
from app.core.errors import Conflict, Refusal
from app.core.ids import new_id
from app.orchestration.allocations import prices, queries
from app.orchestration.allocations.batches import Demand
from app.orchestration.allocations.bidding import Offer as Way
from app.orchestration.allocations.limits import Loaded
from app.orchestration.allocations.problem import Posed
from app.orchestration.allocations.queries import Memory
from app.orchestration.allocations.telling import MOST_ALTERNATIVES
from app.orchestration.allocations.verdicts import AtPrices, at_prices
from app.orchestration.holds import policies
from app.orchestration.holds.policies import UnavailableReason
from app.orchestration.orders import baskets
from app.orchestration.orders.baskets import Basket, basket_of
from app.orchestration.orders.checks import faults
from app.orchestration.orders.drafts import AddressDraft, LineDraft, OrderDraft, RecipientDraft, WindowDraft
from app.orchestration.orders.intake import Intake
from app.orchestration.orders.operations import Deployment, surroundings
from app.solvers.allocation.table import LEFT_OUT


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a customer wants delivered, where, and from which local day on."""

    address: AddressDraft
    lines: list[LineDraft]
    first: date
    days: int
    service_level: str | None = None
    required_skills: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What may be held: the basket, the window, the price, and until when."""

    key: UUID
    basket: Basket
    window: WindowDraft
    price_minor: int
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A window. `remaining`: how many such baskets its best way could still take."""

    id: str
    window: WindowDraft
    price_minor: int
    grams_co2: int
    remaining: int
    expires_at: datetime
    is_green: bool = False


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """A day without an offer."""

    day: date
    reason: UnavailableReason


@dataclass(frozen=True, kw_only=True)
class Offers:
    """All windows that could be kept, the cheapest to serve first, and the days that have none."""

    offers: Sequence[Offer]
    unavailable: Sequence[Unavailable]


async def offers(session: AsyncSession, *, wish: Wish, deployment: Deployment, memory: Memory, now: datetime) -> Offers:
    """What can be offered. Refuses a wish that no order could have."""
    intake, basket = await _understood(session, wish, deployment, now=now)
    rules = intake.policy
    days = policies.days(rules, first=wish.first, count=wish.days, postal_code=wish.address.postal_code, now=now)
    setting = await memory.setting(session, now=now)
    windows = [window for day in days for window in day.windows]
    demands = [demand_of(basket, window, key=new_id(), currency=deployment.currency) for window in windows]
    served = await _served(session, await queries.around(session, demands, setting=setting, now=now), now=now)
    expires_at = now + timedelta(minutes=rules.hold_minutes)
    found: list[Offer] = []
    unavailable: list[Unavailable] = []
    for day in days:
        codes = []
        for window in day.windows:
            outcome = next(served)
            if isinstance(outcome, str):
                codes.append(outcome)
            else:
                found.append(_offer(outcome, basket, window, deployment, expires_at=expires_at))
        if len(codes) == len(day.windows):
            unavailable.append(Unavailable(day=day.day, reason=policies.reason_of(day, codes)))
    found.sort(key=lambda offer: (offer.price_minor, offer.window.start))
    return Offers(offers=_greened(found), unavailable=unavailable)


def read_terms(offer_id: str, *, secret: str) -> Terms:
    """What an offer says; refuses one that was never made."""
    content = tokens.read_offer(offer_id, secret=secret)
    if content is None:
        raise Refusal(
            "UNKNOWN_OFFER", f"{offer_id[:40]!r} is no offer of ours. Ask for offers, and hold one.", field="offerId"
        )
    told = orjson.loads(content)
    return Terms(
        key=UUID(told["key"]),
        basket=baskets.read(told["basket"]),
        window=WindowDraft(start=_time(told["start"]), end=_time(told["end"])),
        price_minor=told["price"],
        expires_at=_time(told["until"]),
    )


def write_terms(terms: Terms, *, secret: str) -> str:
    """The offer as its client keeps it."""
    told = {
        "key": str(terms.key),
        "basket": terms.basket.to_json(),
        "start": terms.window.start.timestamp(),
        "end": terms.window.end.timestamp(),
        "price": terms.price_minor,
        "until": terms.expires_at.timestamp(),
    }
    return tokens.sign_offer(orjson.dumps(told), secret=secret)


def demand_of(basket: Basket, window: WindowDraft, *, key: UUID, currency: str) -> Demand:
    """The basket with this window as allocation sees an order."""
    order, lines = baskets.order_of(basket, window, key=key, currency=currency)
    return Demand(order=order, lines=lines)


async def _understood(
    session: AsyncSession, wish: Wish, deployment: Deployment, *, now: datetime
) -> tuple[Intake, Basket]:
    draft = OrderDraft(
        reference="checkout",
        recipient=RecipientDraft(name="checkout"),
        address=wish.address,
        lines=wish.lines,
        service_level=wish.service_level,
        required_skills=list(wish.required_skills),
    )
    intake, around = await surroundings(session, [draft], currency=deployment.currency, now=now)
    wrong = faults(draft, around)
    if wrong:
        raise Refusal(wrong[0].code, wrong[0].message, field=wrong[0].field)
    return intake, basket_of(draft, intake)


@dataclass(frozen=True, kw_only=True)
class _Served:
    way: Way
    price_minor: int
    remaining: int


async def _served(session: AsyncSession, loaded: Loaded, *, now: datetime) -> Iterator[_Served | str]:
    """For each demand, alone, how it is served best, or the code of the reason why it is not.

    Ways that split the goods are only looked at where nothing else serves.
    """
    if not loaded.demands:
        return iter(())
    whole = await _answers(session, loaded, now=now, may_split=False)
    left = [number for number, answer in enumerate(whole) if isinstance(answer, str)]
    is_divisible = sum(line.quantity for line in loaded.demands[0].lines) > 1
    if left and is_divisible:
        rest = replace(loaded, demands=[loaded.demands[number] for number in left])
        for number, answer in zip(left, await _answers(session, rest, now=now, may_split=True), strict=True):
            whole[number] = answer
    return iter(whole)


async def _answers(session: AsyncSession, loaded: Loaded, *, now: datetime, may_split: bool) -> list[_Served | str]:
    posed = Posed(loaded, may_split=may_split)
    at = at_prices(posed, await prices.of_limits(session, posed.resources, now=now))
    return [_answer(at, number) for number in range(len(loaded.demands))]


def _answer(at: AtPrices, number: int) -> _Served | str:
    option = at.cheapest(number)
    if option == LEFT_OUT:
        unassigned = at.verdict(number, most=MOST_ALTERNATIVES).unassigned or {}
        return str(unassigned["code"])
    (way,) = at.posed.offers(number, [option])
    return _Served(
        way=way,
        price_minor=max(0, round(float(at.costs[option]))),
        remaining=min(at.limits[id].left // amount for id, amount in way.uses.items()),
    )


def _offer(
    served: _Served, basket: Basket, window: WindowDraft, deployment: Deployment, *, expires_at: datetime
) -> Offer:
    terms = Terms(key=new_id(), basket=basket, window=window, price_minor=served.price_minor, expires_at=expires_at)
    return Offer(
        id=write_terms(terms, secret=deployment.secret),
        window=window,
        price_minor=served.price_minor,
        grams_co2=round(sum(part.grams_co2 for part in served.way.candidate.parts)),
        remaining=served.remaining,
        expires_at=expires_at,
    )


def _greened(found: Sequence[Offer]) -> list[Offer]:
    """The offers; those that emit least are green, where others emit more."""
    grams = {offer.grams_co2 for offer in found}
    return [replace(offer, is_green=len(grams) > 1 and offer.grams_co2 == min(grams)) for offer in found]


def expired(terms: Terms) -> Conflict:
    """Why an offer can no longer be held."""
    return Conflict(
        "OFFER_EXPIRED",
        f"The offer was good until {terms.expires_at.isoformat(timespec='seconds')}. Ask for offers again.",
        field="offerId",
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
