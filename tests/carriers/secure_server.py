"""A DHL-like HTTPS server with a certificate of our own making, for karrio's carriers."""

import asyncio
import base64
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.core import clock

LABEL = b"%PDF-1.4 a label of karrio's"
OK = {"title": "OK", "statusCode": 200}


def certificate(folder: Path, *, for_address: str = "127.0.0.1", for_name: str | None = None) -> tuple[Path, Path]:
    """A self-signed certificate for an address, or for a name instead, and its key, as PEM files."""
    subject = x509.IPAddress(ipaddress.ip_address(for_address)) if for_name is None else x509.DNSName(for_name)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "carrier.test")])
    now = clock.wall_now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@dataclass
class SecureServer:
    """What arrived, and what to answer to the next order and the next question."""

    port: int = 0
    certificate: Path = Path()
    paths: list[str] = field(default_factory=list)
    orders: list[Any] = field(default_factory=list)
    order_answer: tuple[int, Any] | None = None
    tracked_number: str = "00340434161094021501"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def document(self) -> dict[str, Any]:
        """The gateway's document of this carrier."""
        return {
            "carrier": "dhl_parcel_de",
            "settings": {
                "username": "shop",
                "password": {"secret": "DHL_PASSWORD"},
                "client_id": "app",
                "client_secret": {"secret": "DHL_SECRET"},
                "test_mode": True,
            },
            "server_urls": {
                "server_url": f"{self.url}/shipping",
                "token_server_url": f"{self.url}/auth",
                "tracking_server_url": f"{self.url}/tracking",
            },
            "services": {"STANDARD": "dhl_parcel_de_paket"},
            "vocabulary": {"milestones": {"ZU": "DELIVERED", "ES": "PICKED_UP"}, "time_zone": "Europe/Berlin"},
        }

    async def answer(self, request: Request) -> Response:
        path, method = request.url.path, request.method
        self.paths.append(f"{method} {path}")
        if path == "/auth/token":
            return JSONResponse({"access_token": "T", "expires_in": 3600, "token_type": "Bearer"})
        if path == "/tracking":
            return Response(self._tracking(), media_type="application/xml")
        if method == "DELETE":
            return JSONResponse({"status": OK, "items": [{"sstatus": OK}]})
        self.orders.append(await request.json())
        if self.order_answer is not None:
            status, body = self.order_answer
            return JSONResponse(body, status_code=status)
        label = {"b64": base64.b64encode(LABEL).decode(), "fileFormat": "PDF"}
        return JSONResponse(
            {"status": OK, "items": [{"shipmentNo": "00340434161094021501", "sstatus": OK, "label": label}]}
        )

    def _tracking(self) -> str:
        events = "".join(
            f'<data name="piece-event" event-timestamp="17.05.2030 {hour}:00" event-status="{text}"'
            f' standard-event-code="{code}"/>'
            for hour, code, text in (("09", "ES", "Fetched"), ("12", "ZU", "Handed over"))
        )
        return (
            '<data name="piece-shipment-list" code="0"><data name="piece-shipment" error-status="0"'
            f' piece-code="{self.tracked_number}" ice="DLVRD">'
            f'<data name="piece-event-list">{events}</data></data></data>'
        )


@asynccontextmanager
async def running(
    folder: Path, *, for_address: str = "127.0.0.1", for_name: str | None = None
) -> AsyncIterator[SecureServer]:
    """The server, until the block ends."""
    carrier = SecureServer()
    carrier.certificate, key = certificate(folder, for_address=for_address, for_name=for_name)
    app = Starlette(routes=[Route("/{path:path}", carrier.answer, methods=["GET", "POST", "DELETE"])])
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="critical",
        lifespan="off",
        ssl_certfile=carrier.certificate,
        ssl_keyfile=str(key),
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers nothing to wait on
        await asyncio.sleep(0.01)
    carrier.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield carrier
    finally:
        server.should_exit = True
        await serving
