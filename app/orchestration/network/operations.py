"""Taking a network document over, all of it or nothing."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound
from app.models import Carrier, CarrierContract, CarrierService, FulfilmentNode, Product
from app.orchestration.carriers import queries as carriers
from app.orchestration.carriers.documents import ServiceDocument
from app.orchestration.events import log, subjects
from app.orchestration.network.documents import CarrierTerms, Contract, Goods, NetworkDocument, NodeTerms
from app.orchestration.nodes import queries as nodes
from app.orchestration.products import queries as products


async def take_over(
    session: AsyncSession, *, document: NetworkDocument, actor: Principal, now: datetime
) -> Counter[str]:
    """Writes what the document says, and answers how many rows of each kind it changed."""
    places = await nodes.by_references(session, document.nodes)
    goods = await products.by_skus(session, document.goods)
    working = await carriers.by_references(session, document.carriers)
    _require("node", "nodes", document.nodes, places)
    _require("product", "goods", document.goods, goods)
    _require("carrier", "carriers", document.carriers, working)
    changed: Counter[str] = Counter()
    for reference, node_terms in document.nodes.items():
        changed["nodes"] += _change(places[reference], _node_values(node_terms))
    for sku, terms in document.goods.items():
        changed["goods"] += _change(goods[sku], _goods_values(terms))
    for reference, carrier_terms in document.carriers.items():
        found = await _take_carrier(session, working[reference], carrier_terms, now=now)
        changed += found
        if found:
            _tell(session, working[reference], found, actor=actor, now=now)
    await session.flush()
    return +changed


def _require(noun: str, part: str, wanted: Collection[str], there: Mapping[str, object]) -> None:
    for reference in wanted:
        if reference not in there:
            raise NotFound(noun, repr(reference), field=f"document.{part}.{reference}")


def _node_values(terms: NodeTerms) -> dict[str, Any]:
    values = terms.model_dump(exclude={"calendar"}, exclude_none=True)
    if terms.goods_kinds is not None:
        values["goods_kinds"] = list(terms.goods_kinds)
    if terms.calendar is not None:
        values["calendar"] = terms.calendar.to_json()
    return values


def _goods_values(terms: Goods) -> dict[str, Any]:
    return terms.model_dump(exclude_none=True)


def _change(row: FulfilmentNode | Product, values: Mapping[str, Any]) -> bool:
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)


async def _take_carrier(session: AsyncSession, carrier: Carrier, terms: CarrierTerms, *, now: datetime) -> Counter[str]:
    changed: Counter[str] = Counter()
    rows = await session.scalars(select(CarrierService).where(col(CarrierService.carrier_id) == carrier.id))
    services = {row.code: row for row in rows}
    for code, document in terms.services.items():
        changed["services"] += _take_service(session, carrier, services.get(code), code, document, now=now)
    for reference, contract in terms.contracts.items():
        changed["contracts"] += await _take_contract(session, carrier, reference, contract, now=now)
    return +changed


def _take_service(
    session: AsyncSession,
    carrier: Carrier,
    row: CarrierService | None,
    code: str,
    document: ServiceDocument | None,
    *,
    now: datetime,
) -> bool:
    """Makes, changes or switches off a service; whether anything is other than before."""
    if row is None:
        row = CarrierService(carrier_id=carrier.id, code=code, created_at=now)
        session.add(row)
        is_new = True
    else:
        is_new = False
    told = row.document if document is None else document.model_dump(mode="json", by_alias=True, exclude_unset=True)
    is_changed = is_new or (row.document, row.is_active) != (told, document is not None)
    row.document, row.is_active = told, document is not None
    return is_changed


async def _take_contract(
    session: AsyncSession, carrier: Carrier, reference: str, contract: Contract | None, *, now: datetime
) -> bool:
    row: CarrierContract | None = await session.scalar(
        select(CarrierContract).where(col(CarrierContract.reference) == reference).with_for_update(key_share=True)
    )
    if row is not None and row.carrier_id != carrier.id:
        raise Conflict(
            "CONTRACT_OF_ANOTHER",
            f"Contract {reference!r} is another carrier's. Choose another reference.",
            field=f"document.carriers.{carrier.reference}.contracts.{reference}",
        )
    if contract is None:
        if row is not None:
            await session.execute(delete(CarrierContract).where(col(CarrierContract.id) == row.id))
        return row is not None
    values = {**contract.model_dump(), "services": list(contract.services)}
    if row is None:
        session.add(CarrierContract(carrier_id=carrier.id, reference=reference, created_at=now, **values))
        return True
    if contract.maximum_shipments is not None and contract.maximum_shipments < row.booked:
        raise Conflict(
            "LIMIT_BELOW_BOOKED",
            f"Contract {reference!r} already has {row.booked} shipments booked, so that {contract.maximum_shipments}"
            f" is too few. Send {row.booked} or more.",
            field=f"document.carriers.{carrier.reference}.contracts.{reference}.maximumShipments",
        )
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)


def _tell(session: AsyncSession, carrier: Carrier, changed: Counter[str], *, actor: Principal, now: datetime) -> None:
    log.append(
        session,
        type="carrier.terms_set",
        subject=subjects.of_carrier(carrier),
        actor=actor,
        now=now,
        summary=f"The services and contracts of {carrier.name} were changed.",
        data=dict(changed),
    )
