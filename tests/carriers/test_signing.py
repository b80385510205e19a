"""Signatures: ours on requests, and carriers' on their calls."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from app.carriers.rest.document import HmacWebhook, Signature, StandardWebhook
from app.carriers.rest.signing import SignatureInvalid, signed, verify

# The example of the Standard Webhooks specification.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD = StandardWebhook(kind="standard-webhooks", secret="S")


def test_the_specifications_own_example_is_accepted() -> None:
    verify(STANDARD, secret=SECRET, headers=HEADERS, body=BODY, wall_now=AT)


def test_one_good_signature_among_several_is_enough() -> None:
    several = f"v1,AAAA v2,zzz {HEADERS['webhook-signature']}"
    verify(STANDARD, secret=SECRET, headers={**HEADERS, "webhook-signature": several}, body=BODY, wall_now=AT)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        (HEADERS, BODY + b" ", 0),
        ({**HEADERS, "webhook-id": "msg_other"}, BODY, 0),
        ({**HEADERS, "webhook-timestamp": "1614265331"}, BODY, 0),
        ({**HEADERS, "webhook-signature": ""}, BODY, 0),
        ({**HEADERS, "webhook-signature": "v1,"}, BODY, 0),
        ({**HEADERS, "webhook-signature": "v1a,é"}, BODY, 0),
        ({**HEADERS, "webhook-timestamp": "9" * 400}, BODY, 0),
        ({**HEADERS, "webhook-timestamp": "-1"}, BODY, 0),
        ({name: value for name, value in HEADERS.items() if name != "webhook-id"}, BODY, 0),
        ({}, BODY, 0),
        (HEADERS, BODY, 301),
        (HEADERS, BODY, -301),
    ],
)
def test_what_was_changed_replayed_or_never_signed_is_refused(
    headers: dict[str, str], body: bytes, seconds: int
) -> None:
    with pytest.raises(SignatureInvalid):
        verify(STANDARD, secret=SECRET, headers=headers, body=body, wall_now=AT + timedelta(seconds=seconds))


def test_another_secret_proves_nothing() -> None:
    with pytest.raises(SignatureInvalid):
        verify(
            STANDARD, secret="whsec_" + base64.b64encode(b"x" * 24).decode(), headers=HEADERS, body=BODY, wall_now=AT
        )


@pytest.mark.parametrize(("encoding", "prefix"), [("hex", "sha256="), ("base64", "")])
def test_an_hmac_is_checked_as_the_document_describes_it(encoding: str, prefix: str) -> None:
    scheme = HmacWebhook.model_validate(
        {
            "kind": "hmac",
            "secret": "S",
            "header": "X-Carrier-Signature",
            "encoding": encoding,
            "prefix": prefix,
            "text": "{timestamp}.{body}",
            "timestamp_header": "X-Carrier-Time",
        }
    )
    digest = hmac.digest(b"hush", b"1614265330." + BODY, "sha256")
    text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    headers = {"x-carrier-signature": prefix + text, "x-carrier-time": "1614265330"}
    verify(scheme, secret="hush", headers=headers, body=BODY, wall_now=AT)
    for bad in ({**headers, "x-carrier-signature": text + "0"}, {**headers, "x-carrier-time": "1614265329"}, {}):
        with pytest.raises(SignatureInvalid):
            verify(scheme, secret="hush", headers=bad, body=BODY, wall_now=AT)


def test_a_body_that_holds_a_mark_is_signed_as_it_is() -> None:
    scheme = HmacWebhook.model_validate({"kind": "hmac", "secret": "S", "header": "X-Sig", "text": "{body}"})
    body = b'{"note": "{timestamp} {body}"}'
    headers = {"x-sig": hmac.new(b"hush", body, "sha256").hexdigest()}
    verify(scheme, secret="hush", headers=headers, body=body, wall_now=AT)


def test_a_request_is_signed_over_time_method_path_query_and_body() -> None:
    signature = Signature(
        secret="S",
        header="X-Signature",
        text="{timestamp}|{method}|{path}|{query}|{body_sha256}|{body}",
        prefix="v1=",
        timestamp_header="X-Time",
    )
    headers = signed(
        signature, secret="hush", method="POST", url="https://a.example/v1/x%2Fy?b=1", body=BODY, wall_now=AT
    )
    text = f"1614265330|POST|/v1/x%2Fy|b=1|{hashlib.sha256(BODY).hexdigest()}|{BODY.decode()}"
    expected = hmac.new(b"hush", text.encode(), "sha256").hexdigest()
    assert headers == {"X-Signature": f"v1={expected}", "X-Time": "1614265330"}
