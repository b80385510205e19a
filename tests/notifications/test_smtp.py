"""Mail to a real SMTP server."""

import asyncio
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.models import Channel
from app.notifications.channels import (
    ChannelSettings,
    OutgoingMessage,
    PermanentFailure,
    SendReceipt,
    TemporaryFailure,
)
from app.notifications.senders import channels_from


class Mailbox:
    """What arrived; `at_recipient` and `at_data` are what the server answers there."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.at_recipient = "250 OK"
        self.at_data = "250 taken"
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        if self.at_data.startswith("250"):
            self.envelopes.append(envelope)
        return self.at_data

    def mail(self, number: int = 0) -> EmailMessage:
        content = self.envelopes[number].content
        assert isinstance(content, bytes)
        return BytesParser(_class=EmailMessage, policy=default).parsebytes(content)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox()
    found.port = free_port()
    server = Controller(found, hostname="127.0.0.1", port=found.port)
    server.start()
    yield found
    server.stop()


async def send(
    port: int, *, address: str = "ana@example.org", subject: str | None = "Zustellung für Ana"
) -> SendReceipt:
    settings = ChannelSettings(
        folder=Path("/nonexistent"),
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_from="Doorstep <post@doorstep.example>",
        smtp_start_tls=False,
    )
    message = OutgoingMessage(
        id="0190-m1",
        channel=Channel.EMAIL,
        address=address,
        subject=subject,
        text="Guten Tag Ana,\n\nschöne Grüße",
        html="<p>schöne Grüße</p>",
    )
    return await channels_from(settings)[Channel.EMAIL].send(message)


async def test_a_mail_arrives_with_both_bodies_and_its_subject(mailbox: Mailbox) -> None:
    await send(mailbox.port)
    mail = mailbox.mail()
    assert mailbox.envelopes[0].mail_from == "post@doorstep.example"
    assert mailbox.envelopes[0].rcpt_tos == ["ana@example.org"]
    assert mail["Subject"] == "Zustellung für Ana"
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == "Guten Tag Ana,\n\nschöne Grüße\n"
    assert html.get_content().strip() == "<p>schöne Grüße</p>"


async def test_a_mail_sent_twice_carries_the_same_message_id(mailbox: Mailbox) -> None:
    first, second = await send(mailbox.port), await send(mailbox.port)
    assert first == second
    assert mailbox.mail(0)["Message-ID"] == mailbox.mail(1)["Message-ID"] == "<0190-m1@doorstep.example>"
    assert first.provider_id == "<0190-m1@doorstep.example>"


async def test_a_subject_with_a_line_break_adds_no_header(mailbox: Mailbox) -> None:
    await send(mailbox.port, subject="Order 1\r\nBcc: all@example.org")
    assert mailbox.mail()["Subject"] == "Order 1 Bcc: all@example.org"
    assert mailbox.mail()["Bcc"] is None
    assert mailbox.envelopes[0].rcpt_tos == ["ana@example.org"]


@pytest.mark.parametrize("address", ["ana", "ana@", "", "a@example.org, b@example.org", "a@example.org\r\nBcc: b@c.de"])
async def test_what_is_not_one_address_is_refused_for_good_and_sent_to_nobody(mailbox: Mailbox, address: str) -> None:
    with pytest.raises(PermanentFailure) as refused:
        await send(mailbox.port, address=address)
    assert refused.value.code == "EMAIL_INVALID"
    assert mailbox.envelopes == []


@pytest.mark.parametrize(
    ("at_recipient", "at_data"), [("451 greylisted", "250 OK"), ("250 OK", "452 disk full"), ("421 busy", "250 OK")]
)
async def test_a_4xx_may_be_tried_again(mailbox: Mailbox, at_recipient: str, at_data: str) -> None:
    mailbox.at_recipient, mailbox.at_data = at_recipient, at_data
    with pytest.raises(TemporaryFailure):
        await send(mailbox.port)
    assert mailbox.envelopes == []


@pytest.mark.parametrize(
    ("at_recipient", "at_data", "code"),
    [("550 no such user", "250 OK", "SMTP_550"), ("250 OK", "554 looks like spam", "SMTP_554")],
)
async def test_a_5xx_is_final_and_keeps_its_code(mailbox: Mailbox, at_recipient: str, at_data: str, code: str) -> None:
    mailbox.at_recipient, mailbox.at_data = at_recipient, at_data
    with pytest.raises(PermanentFailure) as refused:
        await send(mailbox.port)
    assert refused.value.code == code
    assert mailbox.envelopes == []


async def test_a_server_that_is_away_may_be_tried_again() -> None:
    with pytest.raises(TemporaryFailure):
        await send(free_port())


async def test_a_server_that_hangs_up_may_be_tried_again() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TemporaryFailure):
            await send(server.sockets[0].getsockname()[1])
