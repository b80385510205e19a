"""A document is refused with a sentence for each fault, before anything is sent anywhere."""

from typing import Any

import pytest

from app.carriers import gateways
from app.carriers.gateways import GatewaySettings
from app.core.errors import Refusal
from app.models import GatewayKind
from tests.carriers.documents import edi_document, rest_document, secrets

URL = "https://api.swift.example/v2"


def settings(**changes: Any) -> GatewaySettings:
    return GatewaySettings(edi_root="/nonexistent", **{"secrets": secrets(), **changes})  # type: ignore[arg-type]  # never used


def changed(path: str, value: Any) -> dict[str, Any]:
    """Swift's document with one value replaced."""
    document = rest_document(URL)
    part: Any = document
    *parents, last = path.split(".")
    for name in parents:
        part = part[name]
    part[last] = value
    return document


def refused(kind: GatewayKind, document: dict[str, Any], **changes: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        gateways.check(kind, document, settings=settings(**changes))
    return refusal.value


def test_a_sound_document_passes_and_its_secrets_are_known() -> None:
    assert gateways.check(GatewayKind.REST, rest_document(URL), settings=settings()) == []
    assert gateways.check(GatewayKind.EDI, edi_document(), settings=settings()) == []
    assert gateways.check(GatewayKind.OWN_FLEET, {}, settings=settings()) == []


def test_secrets_that_are_missing_are_named() -> None:
    document = changed("authentication.secret", "NOT_THERE")
    assert gateways.check(GatewayKind.REST, document, settings=settings()) == ["NOT_THERE"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("book.path", "/shipments/${recipient.nmae}", "book: 'recipient.nmae' names nothing that a shipment has."),
        ("book.path", "/shipments/${tracking_number}", "book: 'tracking_number' names nothing that a shipment has."),
        ("book.path", "/shipments/${", "opens a place with ${ and does not close it."),
        ("book.path", "shipments", "book.path: String should match pattern"),
        ("book.body", {"x": "${lines[}"}, "is no JMESPath expression"),
        ("book.body", {"$each": "lines"}, "A list needs $each and $as and nothing else, not $each."),
        ("book.body", {"$each": "reference", "$as": "x"}, "$each 'reference' finds no list."),
        ("book.answer.tracking_number", "a..b", "book.answer.tracking_number: 'a..b' is no JMESPath expression"),
        ("book.answer", {}, "book.answer.tracking_number: Field required."),
        ("find", None, "two bookings must never come of one shipment"),
        ("vocabulary.milestones", {"X": "SHIPPED"}, "vocabulary.milestones.X: Input should be 'PICKED_UP'"),
        ("vocabulary.milestones", {}, "vocabulary.milestones is empty"),
        ("vocabulary.time_zone", "Mars/Base", "'Mars/Base' is no IANA time zone"),
        ("authentication", {"kind": "magic"}, "authentication: Input tag 'magic'"),
        ("authentication.secret", "not a name", "authentication.header.secret: String should match pattern"),
        ("timeout_seconds", 600, "timeout_seconds: Input should be less than or equal to 60 (got '600')."),
        ("webhook.signature", {"kind": "hmac", "secret": "S", "header": "X", "text": "no"}, "text must hold {body}"),
        ("colour", "red", "colour: Extra inputs are not permitted (got 'red')."),
    ],
)
def test_each_fault_is_named_by_its_place(path: str, value: Any, sentence: str) -> None:
    refusal = refused(GatewayKind.REST, changed(path, value))
    assert refusal.code == "GATEWAY_DOCUMENT_INVALID"
    assert sentence in refusal.message


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://api.swift.example", "URL_NOT_ENCRYPTED"),
        ("https://10.0.0.1/v2", "ADDRESS_NOT_PUBLIC"),
        ("https://169.254.169.254", "ADDRESS_NOT_PUBLIC"),
    ],
)
def test_a_document_that_leads_into_the_network_is_refused(url: str, code: str) -> None:
    assert refused(GatewayKind.REST, rest_document(url)).code == code
    proof = {"kind": "oauth2", "token_url": url, "client_id": "x", "secret": "SWIFT_KEY"}
    refusal = refused(GatewayKind.REST, rest_document(URL, authentication=proof))
    assert (refusal.code, refusal.field) == (code, "authentication.token_url")
    assert refused(GatewayKind.KARRIO, {"carrier": "ups", "server_urls": {"server_url": url}}).code == code


def test_a_host_that_the_deployment_allows_may_be_private() -> None:
    document = rest_document("http://10.0.0.1:9000")
    assert gateways.check(GatewayKind.REST, document, settings=settings(private_hosts={"10.0.0.1:9000"})) == []


@pytest.mark.parametrize("folder", ["../other", "/etc", "a/b", "", "."])
def test_an_edi_folder_stays_below_its_root(folder: str) -> None:
    assert "folder" in refused(GatewayKind.EDI, edi_document(folder=folder)).message


def test_the_own_fleet_takes_no_document() -> None:
    assert refused(GatewayKind.OWN_FLEET, {"x": 1}).code == "GATEWAY_DOCUMENT_INVALID"
