"""Relay connections over keyset pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import strawberry

from app.orchestration.paging import Page, checked_size

Shown = TypeVar("Shown")


@strawberry.type
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One row of a list.")
class Edge(Generic[Shown]):
    """A row and its cursor."""

    cursor: str
    node: Shown


@strawberry.type(description="A page of a list. Ask for first or last, at most 100.")
class Connection(Generic[Shown]):
    """A page of a list."""

    edges: list[Edge[Shown]]
    page_info: PageInfo


@dataclass(frozen=True, kw_only=True)
class PageArguments:
    """The four arguments of a list, checked: `await queries.orders(session, viewer, **arguments.as_keywords())`."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        checked_size(self.first, self.last)

    def as_keywords(self) -> dict[str, Any]:
        """The arguments as `app.orchestration.paging.page` takes them."""
        return {"first": self.first, "after": self.after, "last": self.last, "before": self.before}


def connection(page: Page[Any], of: Callable[[Any], Shown]) -> Connection[Shown]:
    """The connection of a page: `connection(page, OrderType.of)`."""
    return Connection(
        edges=[Edge(cursor=cursor, node=of(row)) for cursor, row in zip(page.cursors, page.rows, strict=True)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
    )
