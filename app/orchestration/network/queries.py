"""The network as one document, as it is now: what an import would take over again unchanged."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import Carrier, CarrierContract, CarrierService, FulfilmentNode, Product
from app.models.base import Json


async def exported(session: AsyncSession) -> Json:
    """Every node, carrier and product whose terms are not the plain ones."""
    places = await session.scalars(select(FulfilmentNode).order_by(col(FulfilmentNode.reference)))
    goods = await session.scalars(select(Product).order_by(col(Product.sku)))
    return {
        "nodes": {place.reference: _node(place) for place in places},
        "goods": {row.sku: _goods(row) for row in goods if _is_special(row)},
        "carriers": await _carriers(session),
    }


def _node(place: FulfilmentNode) -> Json:
    return {
        "calendar": place.calendar,
        "goodsKinds": place.goods_kinds,
        "handlingMinor": place.handling_minor,
        "handlingPerUnitMinor": place.handling_per_unit_minor,
        "throughputPerHour": place.throughput_per_hour,
    }


def _is_special(row: Product) -> bool:
    return row.goods_kind != "GENERAL" or max(row.length_cm, row.width_cm, row.height_cm) > 0


def _goods(row: Product) -> Json:
    return {
        "goodsKind": row.goods_kind,
        "lengthCm": row.length_cm,
        "widthCm": row.width_cm,
        "heightCm": row.height_cm,
    }


async def _carriers(session: AsyncSession) -> Json:
    found: dict[str, Json] = {}
    services = await session.execute(
        select(col(Carrier.reference), CarrierService)
        .join(CarrierService, col(CarrierService.carrier_id) == col(Carrier.id))
        .order_by(col(Carrier.reference), col(CarrierService.code))
    )
    for reference, service in services.all():
        of_carrier = found.setdefault(reference, {"services": {}, "contracts": {}})
        of_carrier["services"][service.code] = service.document if service.is_active else None
    contracts = await session.execute(
        select(col(Carrier.reference), CarrierContract)
        .join(CarrierContract, col(CarrierContract.carrier_id) == col(Carrier.id))
        .order_by(col(Carrier.reference), col(CarrierContract.reference))
    )
    for reference, contract in contracts.all():
        of_carrier = found.setdefault(reference, {"services": {}, "contracts": {}})
        of_carrier["contracts"][contract.reference] = {
            "validFrom": contract.valid_from.isoformat(),
            "validUntil": contract.valid_until.isoformat(),
            "services": contract.services,
            "minimumShipments": contract.minimum_shipments,
            "maximumShipments": contract.maximum_shipments,
            "shortfallMinor": contract.shortfall_minor,
        }
    return found
