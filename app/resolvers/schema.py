"""The one schema, composed of each noun's fields, with its limits."""

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    SchemaExtension,
    ValidationCache,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from app.resolvers.accounts import AccountMutations
from app.resolvers.allocations import AllocationMutations
from app.resolvers.carriers import CarrierMutations
from app.resolvers.descriptions import describe
from app.resolvers.driver_events import DriverEventMutations
from app.resolvers.errors import Errors
from app.resolvers.events import EventQueries
from app.resolvers.holds import HoldMutations, HoldQueries
from app.resolvers.inventory import InventoryMutations, InventoryQueries
from app.resolvers.jobs import JobMutations, JobQueries, JobSubscriptions
from app.resolvers.masterdata import MasterDataMutations, MasterDataQueries
from app.resolvers.network import NetworkMutations
from app.resolvers.orders import OrderMutations, OrderQueries
from app.resolvers.plans import PlanMutations, PlanQueries, PlanSubscriptions
from app.resolvers.policies import PolicyMutations, PolicyQueries
from app.resolvers.relay import RelayQueries
from app.resolvers.reports import ReportQueries
from app.resolvers.routes import RouteMutations, RouteSubscriptions
from app.resolvers.tenders import TenderMutations, TenderSubscriptions
from app.resolvers.tracking import TrackingMutations, TrackingQueries, TrackingSubscriptions
from app.resolvers.viewer import ViewerQueries
from app.schema.scalars import SCALARS

DEEPEST = 15
MOST_ALIASES = 50
MOST_TOKENS = 5_000
CACHED_DOCUMENTS = 256

# Built once: rules that are new objects on each request would never hit the validation cache.
LIMITS = [
    *MaxAliasesLimiter(max_alias_count=MOST_ALIASES).validation_rules,
    *QueryDepthLimiter(max_depth=DEEPEST).validation_rules,
]


@strawberry.type
class Query(
    OrderQueries,
    HoldQueries,
    InventoryQueries,
    MasterDataQueries,
    EventQueries,
    PolicyQueries,
    JobQueries,
    PlanQueries,
    TrackingQueries,
    ReportQueries,
    ViewerQueries,
    RelayQueries,
):
    """What can be read."""


@strawberry.type
class Mutation(
    OrderMutations,
    HoldMutations,
    AllocationMutations,
    NetworkMutations,
    InventoryMutations,
    MasterDataMutations,
    CarrierMutations,
    PolicyMutations,
    JobMutations,
    PlanMutations,
    TenderMutations,
    RouteMutations,
    DriverEventMutations,
    TrackingMutations,
    AccountMutations,
):
    """What can be done."""


@strawberry.type
class Subscription(JobSubscriptions, PlanSubscriptions, TenderSubscriptions, RouteSubscriptions, TrackingSubscriptions):
    """What can be heard of as it happens."""


class FreshReads(SchemaExtension):
    """Each operation reads the present, also where a WebSocket carries many on one context."""

    def on_operation(self) -> Iterator[None]:
        """Forgets what the last operation loaded."""
        context = self.execution_context.context
        if context is not None:
            context.forget()
        yield


class PlainText(SchemaExtension):
    """Refuses text with a NUL character: PostgreSQL keeps none, and no field of ours means one."""

    def on_validate(self) -> Iterator[None]:
        """Looks through the document and the variables."""
        context = self.execution_context
        if "\\u0000" in (context.query or "") or _holds_nul(context.variables):
            context.pre_execution_errors = [GraphQLError("The text holds a NUL character. Leave it out.")]
        yield


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for part in value.values())
    return isinstance(value, list) and any(_holds_nul(part) for part in value)


class Schema(strawberry.Schema):
    """Leaves the logging of errors to the `Errors` extension, which knows refusals from faults."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Does nothing: a refused call is no fault of the server."""


def build_schema(**types: Any) -> strawberry.Schema:
    """The schema with its limits and error handling; `types` replace the root types, for tests of the machinery."""
    roots: dict[str, Any] = {"query": Query, "mutation": Mutation, "subscription": Subscription, **types}
    built = Schema(
        **roots,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[
            FreshReads,
            Errors,
            lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS),
            lambda: AddValidationRules(LIMITS),
            lambda: ParserCache(maxsize=CACHED_DOCUMENTS),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
            PlainText,  # last: the cache before it overwrites what others found
        ],
    )
    describe(built._schema)
    return built


schema = build_schema()
