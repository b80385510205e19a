"""Keyset pages: nothing skipped, nothing doubled, whichever way a list is read."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.core.database import Database
from app.core.errors import Refusal
from app.core.ids import to_cursor
from app.models import Counter
from app.orchestration.paging import Page, page

DAYS = [date(2030, 1, day) for day in range(1, 8)]


@pytest.fixture
async def days(database: Database) -> Database:
    """Seven rows; the keys of the list are (dimension, day), and dimensions repeat."""
    async with database.transaction() as session:
        session.add_all([Counter(name="n", dimension=str(day.day % 2), day=day, value=day.day) for day in DAYS])
    return database


async def read(database: Database, **given: Any) -> Page[Counter]:
    async with database.reading() as session:
        return await page(session, select(Counter), key_columns=[col(Counter.dimension), col(Counter.day)], **given)


def values(found: Page[Counter]) -> list[int]:
    return [row.value for row in found.rows]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_forwards_answer_every_row_once_in_order(days: Database, size: int, descending: bool) -> None:
    answered: list[int] = []
    cursor, more = None, True
    while more:
        found = await read(days, first=size, after=cursor, descending=descending)
        answered += values(found)
        assert found.has_previous == (cursor is not None)
        cursor, more = found.cursors[-1], found.has_next
    expected = [2, 4, 6, 1, 3, 5, 7]
    assert answered == (expected[::-1] if descending else expected)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_backwards_answer_every_row_once_in_the_same_order(days: Database, size: int) -> None:
    answered: list[int] = []
    cursor, more = None, True
    while more:
        found = await read(days, last=size, before=cursor)
        answered = values(found) + answered
        cursor, more = found.cursors[0], found.has_previous
    assert answered == [2, 4, 6, 1, 3, 5, 7]


async def test_a_page_between_two_cursors_answers_what_lies_between(days: Database) -> None:
    whole = await read(days, first=7)
    found = await read(days, first=7, after=whole.cursors[1], before=whole.cursors[4])
    assert values(found) == [6, 1]


async def test_a_row_added_before_the_cursor_shifts_no_page(days: Database) -> None:
    first = await read(days, first=3)
    async with days.transaction() as session:
        session.add(Counter(name="n", dimension="0", day=date(2029, 1, 1), value=99))
    assert values(await read(days, first=3, after=first.cursors[-1])) == [1, 3, 5]


@pytest.mark.parametrize(
    "given",
    [{}, {"first": 0}, {"first": 101}, {"last": -1}, {"first": 1, "last": 1}],
    ids=["neither", "none", "too many", "negative", "both"],
)
async def test_a_size_out_of_range_is_refused_by_name(days: Database, given: dict[str, int]) -> None:
    with pytest.raises(Refusal) as refused:
        await read(days, **given)
    assert refused.value.code == "PAGE_SIZE"


@pytest.mark.parametrize("cursor", ["", "no cursor", to_cursor("0"), to_cursor("0", "never"), to_cursor(1, 2, 3)])
async def test_a_cursor_of_no_list_or_of_another_is_refused(days: Database, cursor: str) -> None:
    with pytest.raises(Refusal) as refused:
        await read(days, first=1, after=cursor)
    assert refused.value.code == "CURSOR_INVALID"
