"""From a gateway's kind and document to the gateway itself; and the check that a document passes before it is kept."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from app.carriers import documents
from app.carriers.edi.document import EdiDocument
from app.carriers.edi.gateway import EdiGateway
from app.carriers.karrio.document import KarrioDocument
from app.carriers.karrio.gateway import KarrioGateway
from app.carriers.own_fleet import OwnFleetGateway
from app.carriers.protocol import Gateway
from app.carriers.rest import checks
from app.carriers.rest.gateway import RestGateway
from app.carriers.secrets import Secrets, named_in
from app.core import outbound
from app.core.settings import Settings
from app.models import GatewayKind
from app.models.base import Json


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """What a deployment gives to all gateways: secrets, hosts that may be private, the folder of EDI files."""

    edi_root: Path
    secrets: Secrets = field(default_factory=lambda: Secrets({}))
    private_hosts: Collection[str] = frozenset()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """As the environment says."""
        return cls(
            edi_root=settings.edi_folder or settings.data / "edi",
            secrets=Secrets(settings.carrier_secrets),
            private_hosts=hosts_in(settings.private_hosts),
        )


def hosts_in(text: str) -> frozenset[str]:
    """The hosts that `DOORSTEP_PRIVATE_HOSTS` names."""
    return frozenset(host.strip() for host in text.split(",") if host.strip())


def check(kind: GatewayKind, document: Json, *, settings: GatewaySettings) -> list[str]:
    """Refuses a document that cannot be used; answers the names of secrets that the deployment does not hold yet."""
    if kind is GatewayKind.OWN_FLEET:
        if document:
            raise documents.invalid(["The own fleet takes no document. Leave it empty."])
        return []
    if kind is GatewayKind.REST:
        found = checks.parse(document, allowed_hosts=settings.private_hosts)
        return _missing(named_in(found), settings)
    if kind is GatewayKind.EDI:
        documents.parse(EdiDocument, document)
        return []
    karrio = documents.parse(KarrioDocument, document)
    for name, url in karrio.server_urls.items():
        outbound.check_url(url, allowed_hosts=settings.private_hosts, field=f"server_urls.{name}")
    return _missing(named_in(karrio), settings)


def build(kind: GatewayKind, document: Json, *, carrier: str, settings: GatewaySettings) -> Gateway:
    """The gateway of one carrier. Refuses a document that cannot be used."""
    if kind is GatewayKind.OWN_FLEET:
        return OwnFleetGateway()
    if kind is GatewayKind.REST:
        found = checks.parse(document, allowed_hosts=settings.private_hosts)
        return RestGateway(found, carrier=carrier, secrets=settings.secrets, allowed_hosts=settings.private_hosts)
    if kind is GatewayKind.EDI:
        return EdiGateway(documents.parse(EdiDocument, document), carrier=carrier, root=settings.edi_root)
    return KarrioGateway(documents.parse(KarrioDocument, document), carrier=carrier, secrets=settings.secrets)


def service_name(document: Mapping[str, object], service: str) -> str:
    """What a carrier calls one of our services."""
    services = document.get("services")
    return str(services.get(service, service)) if isinstance(services, dict) else service


def track_every_minutes(kind: GatewayKind, document: Mapping[str, object]) -> int | None:
    """How often a carrier is asked for milestones; None where it is not."""
    if kind is GatewayKind.KARRIO:
        return documents.parse(KarrioDocument, dict(document)).track_every_minutes
    track = document.get("track") if kind is GatewayKind.REST else None
    if not isinstance(track, dict):
        return None
    every = track.get("every_minutes", 15)
    return every if isinstance(every, int) else None


def _missing(names: Iterable[str], settings: GatewaySettings) -> list[str]:
    return sorted({name for name in names if name not in settings.secrets})
