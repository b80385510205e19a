"""SMS and WhatsApp through the real SDK, to a local server in Twilio's place."""

import base64
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.models import Channel
from app.notifications.channels import (
    ChannelSettings,
    OutgoingMessage,
    PermanentFailure,
    SendReceipt,
    TemporaryFailure,
)
from app.notifications.senders import channels_from
from app.notifications.twilio_channel import failure_of
from tests.notifications.provider import Provider, running

ACCOUNT = "AC" + "0" * 32
PHONE = "+351912345678"


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running() as found:
        yield found


def settings(url: str, *, callback: str | None = None) -> ChannelSettings:
    return ChannelSettings(
        folder=Path("/nonexistent"),
        twilio_account_sid=ACCOUNT,
        twilio_auth_token="token",
        twilio_from="+351300000000",
        twilio_whatsapp_from="+351300000001",
        twilio_base_url=url,
        twilio_status_callback_url=callback,
    )


async def send(url: str, channel: Channel = Channel.SMS, *, callback: str | None = None) -> SendReceipt:
    sender = channels_from(settings(url, callback=callback))[channel]
    return await sender.send(OutgoingMessage(id="m1", channel=channel, address=PHONE, text="Olá, está a chegar."))


async def test_an_sms_reaches_the_account_with_number_text_and_credentials(provider: Provider) -> None:
    receipt = await send(provider.url)
    assert receipt.provider_id == "SM" + "1".zfill(32)
    assert provider.paths == [f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"]
    assert provider.requests == [{"To": PHONE, "From": "+351300000000", "Body": "Olá, está a chegar."}]
    assert provider.authorisations == ["Basic " + base64.b64encode(f"{ACCOUNT}:token".encode()).decode()]


async def test_a_whatsapp_message_names_both_ends_as_whatsapp(provider: Provider) -> None:
    await send(provider.url, Channel.WHATSAPP)
    assert provider.requests[0]["To"] == f"whatsapp:{PHONE}"
    assert provider.requests[0]["From"] == "whatsapp:+351300000001"


async def test_the_status_callback_names_the_message_where_one_is_set(provider: Provider) -> None:
    await send(provider.url, callback="https://doorstep.example/hooks/twilio")
    assert provider.requests[0]["StatusCallback"] == "https://doorstep.example/hooks/twilio?message=m1"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_an_overload_or_a_fault_of_the_provider_may_be_tried_again(provider: Provider, status: int) -> None:
    provider.status, provider.body = status, {"code": 20429, "message": "Slow down"}
    with pytest.raises(TemporaryFailure, match=f"Twilio answered {status}: .*Slow down"):
        await send(provider.url)
    assert len(provider.requests) == 1


async def test_a_gateway_s_page_that_is_not_json_may_be_tried_again(provider: Provider) -> None:
    provider.status, provider.raw = 502, "<html>Bad gateway</html>"
    with pytest.raises(TemporaryFailure):
        await send(provider.url)


async def test_an_accepted_answer_that_is_not_json_may_be_tried_again(provider: Provider) -> None:
    provider.status, provider.raw = 200, "<html>Welcome</html>"
    with pytest.raises(TemporaryFailure):
        await send(provider.url)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (21211, "PHONE_INVALID"),
        (21610, "OPTED_OUT"),
        (63016, "WHATSAPP_TEMPLATE_REQUIRED"),
        (21617, "TWILIO_21617"),
    ],
)
async def test_a_refusal_is_final_and_says_what_it_means(provider: Provider, code: int, expected: str) -> None:
    provider.status, provider.body = 400, {"code": code, "message": "Body is too long", "status": 400}
    with pytest.raises(PermanentFailure) as refused:
        await send(provider.url)
    assert refused.value.code == expected
    assert len(provider.requests) == 1


async def test_a_refusal_as_a_problem_document_is_final_too(provider: Provider) -> None:
    provider.status = 400
    provider.body = {"type": "about:blank", "title": "Bad number", "status": 400, "code": 21614, "detail": "No mobile"}
    with pytest.raises(PermanentFailure) as refused:
        await send(provider.url)
    assert refused.value.code == "PHONE_TAKES_NO_TEXTS"


async def test_an_error_in_an_accepted_message_is_a_failure(provider: Provider) -> None:
    provider.body = {"sid": "SM1", "status": "failed", "error_code": 63016, "error_message": "Outside the window"}
    with pytest.raises(PermanentFailure) as refused:
        await send(provider.url, Channel.WHATSAPP)
    assert refused.value.code == "WHATSAPP_TEMPLATE_REQUIRED"
    assert "24 hours" in str(refused.value)


async def test_a_provider_that_cannot_be_reached_may_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        with pytest.raises(TemporaryFailure, match="cannot be reached"):
            await send(f"http://127.0.0.1:{taken.getsockname()[1]}")


def test_an_unknown_code_of_a_status_callback_keeps_the_provider_s_words() -> None:
    failure = failure_of(30007, "Carrier violation")
    assert (failure.code, str(failure)) == ("TWILIO_30007", "Twilio refused the message: Carrier violation")
