"""Nodes, carriers, vehicles, drivers and products: bulk upserts for administrators, and reading nodes and carriers."""

import strawberry

from app.auth.principals import STAFF, PrincipalKind
from app.orchestration.carriers import operations as carriers
from app.orchestration.carriers import queries as carrier_queries
from app.orchestration.fleet import operations as fleet
from app.orchestration.nodes import operations as nodes
from app.orchestration.nodes import queries as node_queries
from app.orchestration.products import operations as products
from app.resolvers.mutations import mutation
from app.resolvers.rows import upsert_rows
from app.schema.carriers import CarrierType, UpsertCarriersInput
from app.schema.connections import Connection, PageArguments, connection
from app.schema.context import Info
from app.schema.fleet import UpsertDriversInput, UpsertProductsInput, UpsertVehiclesInput
from app.schema.nodes import FulfilmentNodeType, UpsertNodesInput
from app.schema.relay import NODE_SOURCES, NodeSource
from app.schema.rows import UpsertRowsPayload

ADMINISTRATORS = frozenset({PrincipalKind.ADMINISTRATOR})
CATALOGUE_KEEPERS = STAFF | {PrincipalKind.INTEGRATION}

NODE_SOURCES["FulfilmentNode"] = NodeSource(batch=node_queries.by_ids, of=FulfilmentNodeType.of)
NODE_SOURCES["Carrier"] = NodeSource(batch=carrier_queries.by_ids, of=CarrierType.of)


@strawberry.type
class MasterDataQueries:
    """What there is to send from and with."""

    @strawberry.field
    async def fulfilment_nodes(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[FulfilmentNodeType]:
        """The nodes, by reference."""
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context = info.context
        async with context.database.reading() as session:
            page = await node_queries.listed(session, context.principal, **arguments.as_keywords())
        return connection(page, FulfilmentNodeType.of)

    @strawberry.field
    async def carriers(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[CarrierType]:
        """The carriers, by reference. A carrier sees itself."""
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context = info.context
        async with context.database.reading() as session:
            page = await carrier_queries.listed(session, context.principal, **arguments.as_keywords())
        return connection(page, CarrierType.of)


@strawberry.type
class MasterDataMutations:
    """Bulk upserts by reference: each bad row answers its own errors, the others land."""

    @mutation(callers=ADMINISTRATORS)
    async def upsert_nodes(self, info: Info, input: UpsertNodesInput) -> UpsertRowsPayload:
        """Creates or changes fulfilment nodes."""
        return await upsert_rows(info, input, nodes.upsert, input.nodes)

    @mutation(callers=ADMINISTRATORS)
    async def upsert_carriers(self, info: Info, input: UpsertCarriersInput) -> UpsertRowsPayload:
        """Creates or changes carriers."""
        return await upsert_rows(info, input, carriers.upsert, input.carriers)

    @mutation(callers=ADMINISTRATORS)
    async def upsert_vehicles(self, info: Info, input: UpsertVehiclesInput) -> UpsertRowsPayload:
        """Creates or changes vehicles."""
        return await upsert_rows(info, input, fleet.upsert_vehicles, input.vehicles)

    @mutation(callers=ADMINISTRATORS)
    async def upsert_drivers(self, info: Info, input: UpsertDriversInput) -> UpsertRowsPayload:
        """Creates or changes drivers."""
        return await upsert_rows(info, input, fleet.upsert_drivers, input.drivers)

    @mutation(callers=CATALOGUE_KEEPERS)
    async def upsert_products(self, info: Info, input: UpsertProductsInput) -> UpsertRowsPayload:
        """Creates or changes products."""
        return await upsert_rows(info, input, products.upsert, input.products)
