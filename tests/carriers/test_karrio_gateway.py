"""karrio's carriers through a child process, against a real HTTPS server: TLS is checked, and answers are, too."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.carriers import documents
from app.carriers.karrio.document import KarrioDocument
from app.carriers.karrio.gateway import SOURCE_ROOT, KarrioGateway
from app.carriers.protocol import Booked, Capability, Consignment, PermanentFailure, TemporaryFailure
from app.carriers.secrets import Secrets
from app.models import MilestoneKind
from tests.carriers.documents import AT, consignment
from tests.carriers.secure_server import LABEL, SecureServer, running

pytestmark = pytest.mark.skipif(find_spec("karrio") is None, reason="the extra karrio is not installed")
NUMBER = "00340434161094021501"
SECRETS = Secrets({"DHL_PASSWORD": SecretStr("hush-password"), "DHL_SECRET": SecretStr("hush-secret")})


@pytest.fixture
async def carrier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SecureServer]:
    """A server whose certificate the child trusts, because it is told to."""
    async with running(tmp_path) as found:
        monkeypatch.setenv("SSL_CERT_FILE", str(found.certificate))
        yield found


def gateway_of(server: SecureServer, **changes: Any) -> KarrioGateway:
    document = documents.parse(KarrioDocument, {**server.document, **changes})
    return KarrioGateway(document, carrier="DHL", secrets=SECRETS)


def german(**changes: Any) -> Consignment:
    found = consignment(**changes)
    sender = replace(found.sender, country="DE", postal_code="53113", city="Bonn")
    recipient = replace(found.recipient, country="DE", postal_code="10115", city="Berlin", phone=None)
    return replace(found, sender=sender, recipient=recipient)


def booked(number: str = NUMBER) -> Booked:
    return Booked(consignment=german(), tracking_number=number, booking_id=number)


async def test_a_booking_goes_out_and_its_number_and_label_come_back(carrier: SecureServer) -> None:
    gateway = gateway_of(carrier)
    receipt = await gateway.book(german())
    assert (receipt.tracking_number, receipt.booking_id) == (NUMBER, NUMBER)
    assert receipt.label is not None
    assert (receipt.label.contents, receipt.label.content_type) == (LABEL, "application/pdf")
    assert carrier.paths == ["POST /auth/token", "POST /shipping/v2/orders"]
    (order,) = carrier.orders
    assert order["shipments"][0]["consignee"]["city"] == "Berlin"
    assert order["shipments"][0]["details"]["weight"]["value"] == 1.5
    assert Capability.LABEL not in gateway.capabilities


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    carrier: SecureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).book(german())
    assert failure.value.code == "CERTIFICATE_REFUSED"
    assert carrier.paths == []


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, for_address="127.0.0.2") as other:
        monkeypatch.setenv("SSL_CERT_FILE", str(other.certificate))
        with pytest.raises(PermanentFailure) as failure:
            await gateway_of(other).book(german())
    assert failure.value.code == "CERTIFICATE_REFUSED"
    assert other.paths == []


async def python(program: str) -> str:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        cwd=SOURCE_ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    written, _ = await child.communicate()
    return written.decode().strip()


async def test_importing_karrio_alone_would_turn_verification_off_and_our_process_turns_it_on() -> None:
    """The reason for the process of its own: the day this fails, karrio has changed its ways."""
    assert await python("import ssl, karrio.sdk; print(ssl._create_default_https_context().verify_mode)") == "0"
    kept = "from app.carriers.karrio import tls; tls.keep(); import ssl, karrio.sdk; tls.restore(); tls.prove()"
    assert await python(f"{kept}; print(ssl._create_default_https_context().verify_mode)") == "2"
    prove = "try: tls.prove()\nexcept tls.VerificationIsOff: print('refused')"
    assert await python(f"import karrio.sdk; from app.carriers.karrio import tls\n{prove}") == "refused"


def test_this_process_never_imports_karrio() -> None:
    assert "karrio" not in sys.modules
    assert ssl._create_default_https_context is ssl.create_default_context


async def test_a_refusal_is_told_in_the_carriers_words(carrier: SecureServer) -> None:
    status = {"title": "Bad Request", "statusCode": 400, "detail": "Unknown street; hush-password"}
    carrier.order_answer = 400, {"status": status, "items": []}
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).book(german())
    assert (failure.value.code, failure.value.message) == ("CARRIER_REFUSED", "DHL: 400: Unknown street; …")
    assert len(carrier.orders) == 1


@pytest.mark.parametrize(("status", "code"), [(503, "CARRIER_UNREACHABLE"), (500, "OUTCOME_UNKNOWN")])
async def test_only_what_was_surely_not_taken_is_tried_again(carrier: SecureServer, status: int, code: str) -> None:
    carrier.order_answer = status, {"status": {"title": "Trouble", "statusCode": status}, "items": []}
    with pytest.raises(TemporaryFailure if status == 503 else PermanentFailure) as failure:
        await gateway_of(carrier).book(german())
    assert failure.value.code == code
    assert len(carrier.orders) == 1


async def test_a_server_that_is_down_may_be_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path) as gone:
        pass
    with pytest.raises(TemporaryFailure) as failure:
        await gateway_of(gone).book(german())
    assert failure.value.code == "CARRIER_UNREACHABLE"


async def test_a_booking_that_may_have_been_made_is_not_made_again(carrier: SecureServer) -> None:
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).book(german(attempt=2, is_outcome_unknown=True))
    assert failure.value.code == "OUTCOME_UNKNOWN"
    assert carrier.paths == []


async def test_tracking_is_read_in_our_words(carrier: SecureServer) -> None:
    found = await gateway_of(carrier).track(booked())
    assert [(one.kind, one.at, one.tracking_number) for one in found] == [
        (MilestoneKind.DELIVERED, AT.replace(hour=10, minute=0), NUMBER),
        (MilestoneKind.PICKED_UP, AT.replace(hour=7, minute=0), NUMBER),
    ]
    assert [one.event_id for one in await gateway_of(carrier).track(booked())] == [one.event_id for one in found]


async def test_tracking_about_another_number_is_refused(carrier: SecureServer) -> None:
    carrier.tracked_number = "00340434161094029999"
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier).track(booked())
    assert failure.value.code == "TRACKING_MISMATCH"
    assert failure.value.message == f"DHL was asked about {NUMBER} and answered about 00340434161094029999."


async def test_a_booking_is_cancelled_by_its_number(carrier: SecureServer) -> None:
    await gateway_of(carrier).cancel(booked())
    assert carrier.paths == ["POST /auth/token", "DELETE /shipping/v2/orders"]


async def test_a_carrier_that_karrio_lacks_is_named(carrier: SecureServer) -> None:
    with pytest.raises(PermanentFailure) as failure:
        await gateway_of(carrier, carrier="pigeon_post").book(german())
    assert failure.value.code == "CARRIER_UNKNOWN"
    assert carrier.paths == []


def test_the_document_of_the_example_survives_json(tmp_path: Path) -> None:
    document = SecureServer(port=1).document
    assert documents.parse(KarrioDocument, json.loads(json.dumps(document))).carrier == "dhl_parcel_de"
