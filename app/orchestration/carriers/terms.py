"""What each service of a carrier really offers: its document, with the carrier's own columns for what it leaves out.

Pure: no clock, no database.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.models import Carrier, CarrierContract, CarrierService
from app.orchestration.carriers.documents import Limits, RateCard, ServiceDocument, Zone, parse
from app.orchestration.nodes.policies import at_minute
from app.orchestration.weekdays import weekday

OWN_ZONE = "AREA"
# A van of 3.5 tonnes carries about one tonne on average: how grams a kilometre become grams a tonne-kilometre.
USUAL_LOAD_TONNES = 1.0


@dataclass(frozen=True, kw_only=True)
class ServiceTerms:
    """One service of one carrier, complete. `contracts`: those that a shipment of it counts for."""

    carrier: Carrier
    code: str
    zones: tuple[Zone, ...]
    limits: Limits
    skills: frozenset[str]
    rates: RateCard
    document: ServiceDocument
    grams_co2_per_tonne_km: float
    contracts: tuple[CarrierContract, ...] = ()

    def runs_on(self, day: date) -> bool:
        """Whether it brings goods on a local day."""
        return weekday(day) in self.document.days

    def cutoff(self, day: date, *, zone: ZoneInfo) -> datetime:
        """Until when it takes shipments of a local day."""
        of_day = self.document.cutoffs.get(weekday(day), self.document.cutoff_minute)
        return at_minute(day, self.carrier.cutoff_minute if of_day is None else of_day, zone=zone)

    def contracts_on(self, day: date) -> list[CarrierContract]:
        """The contracts that hold on a day."""
        return [contract for contract in self.contracts if contract.valid_from <= day <= contract.valid_until]


def terms(
    carriers: Iterable[Carrier], services: Iterable[CarrierService], contracts: Iterable[CarrierContract]
) -> list[ServiceTerms]:
    """Every service that works, in the order of the carriers and of their codes."""
    by_carrier: dict[uuid.UUID, dict[str, CarrierService]] = {}
    for service in services:
        by_carrier.setdefault(service.carrier_id, {})[service.code] = service
    promised: dict[uuid.UUID, list[CarrierContract]] = {}
    for contract in contracts:
        promised.setdefault(contract.carrier_id, []).append(contract)
    return [
        found
        for carrier in carriers
        for found in terms_of(carrier, by_carrier.get(carrier.id, {}), promised.get(carrier.id, []))
    ]


def terms_of(
    carrier: Carrier, services: Mapping[str, CarrierService], contracts: Sequence[CarrierContract] = ()
) -> list[ServiceTerms]:
    """The services of one carrier: those with a document, and those that only its columns name."""
    off = {code for code, service in services.items() if not service.is_active}
    codes = sorted({*carrier.services, *services} - off)
    return [_terms(carrier, code, services.get(code), contracts) for code in codes]


def _terms(
    carrier: Carrier, code: str, service: CarrierService | None, contracts: Sequence[CarrierContract]
) -> ServiceTerms:
    document = parse(service.document) if service is not None else ServiceDocument()
    limits = document.limits
    weight = min(carrier.max_weight_kg, limits.max_weight_kg or carrier.max_weight_kg)
    per_km = carrier.grams_co2_per_km / USUAL_LOAD_TONNES
    return ServiceTerms(
        carrier=carrier,
        code=code,
        zones=document.zones or (Zone(name=OWN_ZONE, radius_metres=float(carrier.zone_radius_metres)),),
        limits=limits.model_copy(update={"max_weight_kg": weight}),
        skills=frozenset(carrier.skills) if document.skills is None else document.skills,
        rates=document.rates or _own_rates(carrier),
        document=document,
        grams_co2_per_tonne_km=per_km if document.grams_co2_per_tonne_km is None else document.grams_co2_per_tonne_km,
        contracts=tuple(contract for contract in contracts if not contract.services or code in contract.services),
    )


def _own_rates(carrier: Carrier) -> RateCard:
    return RateCard(base_minor=carrier.base_minor, per_km_minor=carrier.per_km_minor, per_kg_minor=carrier.per_kg_minor)
