"""Holds on a real database: never more than there is, and given back when their time is over."""

import asyncio
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import func, select
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database, Session
from app.core.errors import Conflict
from app.core.ids import new_id
from app.models import Event, Hold, HoldState
from app.orchestration.allocations.queries import Memory
from app.orchestration.holds import offers, operations
from app.orchestration.holds.offers import Terms
from app.orchestration.orders.baskets import Basket, BasketLine
from app.orchestration.orders.drafts import WindowDraft
from app.orchestration.orders.operations import Deployment
from tests.factories.checkout import all_kept, kept
from tests.factories.planning import TOMORROW, a_network, own_fleet, third_party

DEPLOYMENT = Deployment(secret="s", currency="EUR")
WINDOW = WindowDraft(
    start=datetime.combine(TOMORROW, time(9), UTC),
    end=datetime.combine(TOMORROW, time(12), UTC),
)
# As many connections as the pool has.
AT_ONCE = 20


def an_offer(*, quantity: int = 1, until: datetime | None = None) -> str:
    basket = Basket(
        service_level="STANDARD",
        country="PT",
        city="Lisboa",
        postal_code="1100048",
        latitude=38.71,
        longitude=-9.14,
        required_skills=(),
        lines=(BasketLine(sku="APPLE", quantity=quantity, weight_kg=1.5, volume_l=2.0),),
    )
    expires_at = until or clock.now() + timedelta(minutes=15)
    terms = Terms(key=new_id(), basket=basket, window=WINDOW, price_minor=480, expires_at=expires_at)
    return offers.write_terms(terms, secret=DEPLOYMENT.secret)


async def hold(database: Database, memory: Memory, *, offer_id: str | None = None) -> Hold | str:
    """The hold, or the code of why there is none."""

    async def work(session: Session) -> Hold:
        return await operations.hold(
            session,
            offer_id=offer_id or an_offer(),
            deployment=DEPLOYMENT,
            actor=SYSTEM,
            memory=memory,
            now=clock.now(),
        )

    try:
        return await database.run(work)
    except Conflict as refusal:
        return refusal.code


async def at_once(database: Database, count: int, *, offer_id: str | None = None) -> list[Hold | str]:
    memory, places = Memory(), asyncio.Semaphore(AT_ONCE)

    async def one() -> Hold | str:
        async with places:
            return await hold(database, memory, offer_id=offer_id)

    return await asyncio.gather(*(one() for _ in range(count)))


async def test_two_hundred_holds_at_once_for_the_last_fifty_pieces_end_with_fifty(database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()], on_hand=50)
    outcomes = await at_once(database, 200)
    assert sum(isinstance(outcome, Hold) for outcome in outcomes) == 50
    assert {outcome for outcome in outcomes if isinstance(outcome, str)} == {"OFFER_GONE"}
    assert await kept(database) == all_kept(50)
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Hold)) == 50


async def test_the_last_places_of_a_carrier_are_not_held_twice_and_no_stock_is_kept_for_the_others(
    database: Database,
) -> None:
    small = third_party()
    small.daily_limit = 7
    await a_network(database, carriers=[small], on_hand=50)
    outcomes = await at_once(database, 30)
    assert sum(isinstance(outcome, Hold) for outcome in outcomes) == 7
    assert await kept(database) == all_kept(7)


async def test_one_offer_held_many_times_at_once_is_held_once(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    outcomes = await at_once(database, 10, offer_id=an_offer())
    assert len({outcome.id for outcome in outcomes if isinstance(outcome, Hold)}) == 1
    assert all(isinstance(outcome, Hold) for outcome in outcomes)
    assert await kept(database) == all_kept(1)


async def test_an_offer_that_has_run_out_is_not_held(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    late = an_offer(until=clock.now() - timedelta(seconds=1))
    assert await hold(database, Memory(), offer_id=late) == "OFFER_EXPIRED"
    assert await kept(database) == all_kept(0)


async def test_what_is_held_too_long_is_given_back_and_can_be_held_by_others(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], on_hand=3)
    assert all(isinstance(outcome, Hold) for outcome in await at_once(database, 3))
    assert await hold(database, Memory()) == "OFFER_GONE"
    soon, late = clock.now() + timedelta(minutes=14), clock.now() + timedelta(minutes=16)
    async with database.transaction() as session:
        assert await operations.expire_due(session, now=soon) == 0
    async with database.transaction() as session:
        assert await operations.expire_due(session, now=late) == 3
    assert await kept(database) == all_kept(0)
    assert isinstance(await hold(database, Memory()), Hold)
    async with database.transaction() as session:
        assert await operations.expire_due(session, now=soon) == 0
    async with database.reading() as session:
        states = await session.scalars(select(col(Hold.state)).order_by(col(Hold.id)))
        assert list(states) == [HoldState.EXPIRED] * 3 + [HoldState.HELD]
        told = await session.scalars(select(col(Event.type)).where(col(Event.type).like("hold.%")))
        assert sorted(told) == ["hold.expired"] * 3 + ["hold.held"] * 4


async def test_two_sweeps_at_once_give_back_once(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], on_hand=9)
    await at_once(database, 9)
    late = clock.now() + timedelta(minutes=16)

    async def sweep() -> int:
        return await database.run(lambda session: operations.expire_due(session, now=late))

    assert sum(await asyncio.gather(*(sweep() for _ in range(4)))) == 9
    assert await kept(database) == all_kept(0)
