"""What a plan says of each shipment that it leaves out: why, and what would help. Pure: no clock, no database."""

from collections.abc import Iterable, Iterator, Mapping

from app.models import Severity, Shipment
from app.models.base import Json
from app.orchestration.events import subjects
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.exceptions.policies import UNPLANNED
from app.orchestration.plans import changes
from app.orchestration.plans.loaded import Loaded
from app.orchestration.plans.wording import references
from app.solvers.routing.solution import Unserved

# What an order keeps of the reason; the plan also knows the shipment and its best vehicle.
OF_ORDER = ("code", "detail", "refusedBy", "ruledOut", "cheapestRelaxation")


def left_out(loaded: Loaded, unserved: Iterable[Unserved], on: Mapping[str, str]) -> Iterator[tuple[Shipment, Json]]:
    """Each shipment on no route, with the reason as plans keep it. `on`: visit -> the vehicle of its route."""
    for each in unserved:
        for shipment in loaded.drops_by_id[each.visit_id].shipments:
            yield shipment, _reason(each, shipment, loaded, on)


def of_order(reason: Json) -> Json:
    """The reason as orders keep it, who may be seen by customers: without names of drivers and of other orders."""
    return {**{key: reason[key] for key in OF_ORDER}, **reason["withoutNames"]}


def trouble(shipment: Shipment, reason: Json) -> Trouble:
    """The case for a dispatcher."""
    relaxation = reason["cheapestRelaxation"] or {}
    way_out = relaxation.get("change", "none was found")
    return Trouble(
        kind=UNPLANNED,
        severity=Severity.CRITICAL,
        subject=subjects.of_shipment(shipment),
        node_id=shipment.node_id,
        due_at=shipment.window_end,
        suggestion={
            "action": relaxation.get("constraint", "CONTACT_CUSTOMER"),
            "summary": f"{reason['detail']} Cheapest way out: {way_out}.",
        },
    )


def _reason(unserved: Unserved, shipment: Shipment, loaded: Loaded, on: Mapping[str, str]) -> Json:
    relaxation = unserved.relaxation
    best = None if unserved.vehicle_id is None else loaded.vans_by_id[unserved.vehicle_id].vehicle
    shares = sorted(unserved.ruled_out.items(), key=lambda item: (-item[1], item[0]))
    found = relaxation and {
        "constraint": relaxation.constraint.value,
        "change": changes.named(relaxation, loaded, on),
        "costMinor": round(relaxation.cost),
        "weightMinor": round(relaxation.weight),
    }
    return {
        "shipmentId": str(shipment.id),
        "shipment": shipment.reference,
        "code": unserved.code.value,
        "detail": _detail(unserved, loaded),
        "vehicleId": best and str(best.id),
        "vehicle": best and best.registration,
        "refusedBy": unserved.refused_by and unserved.refused_by.value,
        "ruledOut": [{"constraint": name, "share": round(share, 4)} for name, share in shares],
        "cheapestRelaxation": found,
        "withoutNames": {
            "detail": _detail(unserved, None),
            "cheapestRelaxation": relaxation and found and {**found, "change": changes.unnamed(relaxation, loaded, on)},
        },
    }


def _detail(unserved: Unserved, loaded: Loaded | None) -> str:
    """The reason in words: other orders by their references, or by none."""
    if not unserved.company:
        return unserved.detail
    whom = "other orders" if loaded is None else references(loaded, unserved.company)
    return unserved.detail.replace(", ".join(unserved.company), whom)
