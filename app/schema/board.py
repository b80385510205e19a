"""The board: a day at a glance."""

import strawberry

from app.models import OrderState
from app.orchestration.board.queries import Board
from app.orchestration.exceptions import queries as exceptions
from app.schema.connections import Connection, PageArguments, connection
from app.schema.context import Info
from app.schema.exceptions import ExceptionType
from app.schema.rates import RateType, wilson
from app.schema.scalars import MoneyType, money


@strawberry.type(name="OrderStateCount")
class OrderStateCountType:
    """How many orders are in a state."""

    state: OrderState
    count: int


@strawberry.type(name="BoardOrders")
class BoardOrdersType:
    """The orders promised for the day."""

    total: int
    by_state: list[OrderStateCountType]


@strawberry.type(name="BoardRoutes")
class BoardRoutesType:
    """The routes of the day."""

    total: int
    in_progress: int
    completed: int
    on_time_projected: RateType | None
    utilisation: float | None
    distance_metres: int
    cost: MoneyType | None


@strawberry.type(name="BoardAutonomy")
class BoardAutonomyType:
    """How many of the day's decisions were taken automatically, left to a person, and overridden."""

    decided: int
    automatic: int
    escalated: int
    overridden: int


@strawberry.type(name="Board")
class BoardType:
    """A day at a glance."""

    row: strawberry.Private[Board]
    orders: BoardOrdersType
    routes: BoardRoutesType
    autonomy: BoardAutonomyType

    @strawberry.field
    async def attention(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[ExceptionType]:
        """What needs a person now, newest first."""
        arguments, context = PageArguments(first=first, after=after, last=last, before=before), info.context
        async with context.database.reading() as session:
            page = await exceptions.open_page(
                session, context.principal, node_id=self.row.node_id, **arguments.as_keywords()
            )
        return connection(page, ExceptionType.of)

    @staticmethod
    def of(row: Board, *, currency: str) -> "BoardType":
        """The GraphQL form of a board."""
        return BoardType(
            row=row,
            orders=BoardOrdersType(
                total=sum(row.orders.values()),
                by_state=[
                    OrderStateCountType(state=state, count=row.orders[state])
                    for state in OrderState
                    if state in row.orders
                ],
            ),
            routes=BoardRoutesType(
                total=row.routes,
                in_progress=row.routes_in_progress,
                completed=row.routes_completed,
                on_time_projected=wilson(row.on_time_projected, row.shipments_projected),
                utilisation=row.utilisation,
                distance_metres=row.distance_metres,
                cost=money(row.cost_minor, currency),
            ),
            autonomy=BoardAutonomyType(
                decided=row.decided,
                automatic=row.automatic,
                escalated=row.decided - row.automatic,
                overridden=row.overridden,
            ),
        )
