"""What rules a way out, in a sentence, and what would have to give way. Pure: no clock, no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from app.core.geo import great_circle_metres
from app.models import CarrierKind, FulfilmentNode
from app.orchestration.allocations.batches import DAY_SECONDS, Batch, Network
from app.orchestration.allocations.ways import Column
from app.orchestration.carriers.documents import Zone
from app.orchestration.nodes import policies as nodes


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why not: a code for programs, a sentence for people, and the change that would help."""

    code: str
    detail: str
    change: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way of one demand."""

    column: Column
    batch: Batch
    number: int
    network: Network

    @property
    def node(self) -> FulfilmentNode:
        """Where it would leave from."""
        return self.column.node

    @property
    def zone(self) -> ZoneInfo:
        """The node's time zone."""
        return ZoneInfo(self.node.time_zone)

    @property
    def carrier(self) -> str:
        """Who would carry it."""
        return self.column.terms.carrier.name

    @property
    def day(self) -> date:
        """On which local day it would be handed over."""
        return date.fromordinal(int(self.column.day[self.number]))

    def local(self, second: float) -> datetime:
        """An instant on the node's wall clock."""
        return datetime.fromtimestamp(second, UTC).astimezone(self.zone)


def no_stock(node: FulfilmentNode, batch: Batch, number: int, network: Network) -> Refused:
    """The first sku of which the node has too little, or too little yet."""
    for sku, wanted in batch.quantities[number].items():
        (_, there), *later = network.stock_by_day(node, sku)
        if there < wanted:
            comes = f"; {later[-1][1]} from {later[-1][0]} on" if later else ""
            return Refused(
                code="NO_STOCK",
                detail=f"{node.reference} has {there} of {sku}, but {wanted} are wanted{comes}.",
                change=f"{wanted - there} more of {sku} at {node.reference}",
            )
    raise AssertionError(f"{node.reference} lacks nothing of demand {number}")


def describe(code: str, column: Column, batch: Batch, number: int, network: Network) -> Refused:
    """Why the way was ruled out with `code`."""
    detail, change = SENTENCES[code](Case(column=column, batch=batch, number=number, network=network))
    return Refused(code=code, detail=detail, change=change)


def _goods_not_kept(case: Case) -> tuple[str, str]:
    strange = sorted(kind for kind in case.batch.kinds[case.number] if not nodes.keeps(case.node, kind))
    kinds = ", ".join(strange)
    return f"{case.node.reference} cannot keep {kinds}.", f"{case.node.reference} keeping {kinds}"


def _not_offered(case: Case) -> tuple[str, str]:
    level = case.batch.demands[case.number].order.service_level
    return f"{case.carrier} does not offer {level}.", f"{level} from {case.carrier}"


def _no_collections(case: Case) -> tuple[str, str]:
    kind = case.batch.demands[case.number].order.kind
    return f"{case.carrier} collects no goods at doors, and this is a {kind}.", f"an own fleet at {case.node.reference}"


def _out_of_zone(case: Case) -> tuple[str, str]:
    node, terms = case.node, case.column.terms
    away = great_circle_metres(nodes.place(node), case.batch.demands[case.number].door) / 1_000
    is_fleet = terms.carrier.kind is CarrierKind.OWN_FLEET
    if is_fleet and (terms.carrier.id, node.id) not in case.network.fleets:
        detail = f"The door is {away:.1f} km from {node.reference}; {case.carrier} has no vehicles there."
        return detail, f"a vehicle of {case.carrier} at {node.reference}"
    reach = f"{case.carrier} goes {_reach(terms.zones)}."
    return f"The door is {away:.1f} km from {node.reference}; {reach}", f"a zone of {away:.1f} km for {case.carrier}"


def _reach(zones: tuple[Zone, ...]) -> str:
    radii = [zone.radius_metres for zone in zones if zone.radius_metres is not None]
    if radii and len(radii) == len(zones):
        return f"{max(radii) / 1_000:.1f} km"
    return f"to {', '.join(dict.fromkeys(zone.name for zone in zones))} only"


def _skill_missing(case: Case) -> tuple[str, str]:
    missing = ", ".join(sorted(set(case.batch.loads.skills[case.number]) - case.column.terms.skills))
    return f"{case.carrier} lacks {missing}.", f"{case.carrier} with {missing}"


def _too_heavy(case: Case) -> tuple[str, str]:
    weight, most = case.batch.loads.weight_kg[case.number], case.column.terms.limits.max_weight_kg or 0.0
    return (
        f"The goods weigh {weight:.1f} kg; {case.carrier} takes {most:.1f} kg.",
        f"{weight:.1f} kg for {case.carrier}",
    )


def _too_bulky(case: Case) -> tuple[str, str]:
    volume, most = case.batch.loads.volume_l[case.number], case.column.terms.limits.max_volume_l or 0.0
    detail = f"The goods take {volume:.0f} litres; {case.carrier} takes {most:.0f}."
    return detail, f"{volume:.0f} litres for {case.carrier}"


def _too_long(case: Case) -> tuple[str, str]:
    length, girth = case.batch.loads.length_cm[case.number], case.batch.loads.girth_cm[case.number]
    limits = case.column.terms.limits
    if limits.max_length_cm is not None and length > limits.max_length_cm:
        detail = f"The longest piece is {length:.0f} cm; {case.carrier} takes {limits.max_length_cm:.0f} cm."
        return detail, f"{length:.0f} cm for {case.carrier}"
    most = limits.max_length_and_girth_cm or 0.0
    detail = f"Length and girth of the largest piece are {girth:.0f} cm; {case.carrier} takes {most:.0f} cm."
    return detail, f"{girth:.0f} cm of length and girth for {case.carrier}"


def _declined(case: Case) -> tuple[str, str]:
    return f"{case.carrier} declined this order, or did not answer.", f"{case.carrier} taking it after all"


def _day_not_served(case: Case) -> tuple[str, str]:
    start, _ = case.batch.window(case.number, later=case.column.later)
    day = f"{start.astimezone(case.zone):%A}s"
    return f"{case.carrier} does not deliver {case.column.terms.code} on {day}.", f"{case.carrier} on {day}"


def _cutoff_passed(case: Case) -> tuple[str, str]:
    cutoff = min(
        nodes.cutoff(case.node, case.day, service=case.column.terms.code),
        case.column.terms.cutoff(case.day, zone=case.zone),
    )
    detail = f"The cut-off of {case.node.reference} with {case.carrier} for {case.day} was at {cutoff:%H:%M}."
    return detail, f"a cut-off after {case.network.now.astimezone(case.zone):%H:%M}"


def _node_closed(case: Case) -> tuple[str, str]:
    return f"{case.node.reference} is closed on {case.day}.", f"{case.node.reference} open on {case.day}"


def _window_unreachable(case: Case) -> tuple[str, str]:
    earliest = case.local(float(case.column.of.earliest[case.column.number, case.number]))
    end = case.local(float(case.batch.window_end[case.number]) + case.column.later * DAY_SECONDS)
    detail = (
        f"From {case.node.reference} it can be there at {earliest:%Y-%m-%d %H:%M} at the earliest;"
        f" the window ends at {end:%H:%M}."
    )
    return detail, f"a window until {earliest:%Y-%m-%d %H:%M}"


SENTENCES: Mapping[str, Callable[[Case], tuple[str, str]]] = {
    "GOODS_NOT_KEPT": _goods_not_kept,
    "SERVICE_NOT_OFFERED": _not_offered,
    "NO_COLLECTIONS": _no_collections,
    "NO_CARRIER_IN_ZONE": _out_of_zone,
    "SKILL_MISSING": _skill_missing,
    "WEIGHT_EXCEEDED": _too_heavy,
    "VOLUME_EXCEEDED": _too_bulky,
    "SIZE_EXCEEDED": _too_long,
    "CARRIER_DECLINED": _declined,
    "DAY_NOT_SERVED": _day_not_served,
    "CUTOFF_PASSED": _cutoff_passed,
    "NODE_CLOSED": _node_closed,
    "WINDOW_UNREACHABLE": _window_unreachable,
}
