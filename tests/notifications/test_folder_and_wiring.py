"""The default channel, the inbox, and which sender a deployment gets."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Refusal
from app.models import Channel
from app.notifications.channels import ChannelSettings, OutgoingMessage
from app.notifications.folder import FolderSender
from app.notifications.in_app import InAppSender
from app.notifications.senders import channels_from
from app.notifications.smtp import SmtpSender
from app.notifications.twilio_channel import TwilioSender

MESSAGE = OutgoingMessage(id="m1", channel=Channel.SMS, address="+351912345678", text="Está a chegar – até já")


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_message_becomes_one_file_with_all_that_was_sent(tmp_path: Path) -> None:
    receipt = await FolderSender(tmp_path).send(MESSAGE)
    assert receipt.provider_id == "m1.json"
    assert json.loads((tmp_path / "sms" / "m1.json").read_text(encoding="utf-8")) == {
        "id": "m1",
        "channel": "SMS",
        "address": "+351912345678",
        "text": "Está a chegar – até já",
        "subject": None,
        "html": None,
    }


async def test_sending_twice_and_at_once_leaves_one_whole_file(tmp_path: Path) -> None:
    sender = FolderSender(tmp_path)
    receipts = await asyncio.gather(*(sender.send(MESSAGE) for _ in range(20)))
    assert {receipt.provider_id for receipt in receipts} == {"m1.json"}
    assert files_below(tmp_path) == ["sms/m1.json"]
    assert json.loads((tmp_path / "sms" / "m1.json").read_text(encoding="utf-8"))["id"] == "m1"


async def test_each_channel_has_its_own_folder(tmp_path: Path) -> None:
    senders = channels_from(ChannelSettings(folder=tmp_path))
    for channel in (Channel.SMS, Channel.WHATSAPP, Channel.EMAIL):
        await senders[channel].send(replace(MESSAGE, channel=channel))
    assert files_below(tmp_path) == ["email/m1.json", "sms/m1.json", "whatsapp/m1.json"]


async def test_the_inbox_hands_nothing_over_and_answers_with_the_message_itself(tmp_path: Path) -> None:
    sender = channels_from(ChannelSettings(folder=tmp_path))[Channel.IN_APP]
    assert isinstance(sender, InAppSender)
    assert (await sender.send(replace(MESSAGE, channel=Channel.IN_APP))).provider_id == "m1"
    assert files_below(tmp_path) == []


def test_credentials_choose_the_providers_and_a_channel_without_a_number_stays_local(tmp_path: Path) -> None:
    settings = ChannelSettings(
        folder=tmp_path,
        twilio_account_sid="AC1",
        twilio_auth_token="token",
        twilio_from="+351300000000",
        smtp_host="mail.example",
        smtp_from="post@doorstep.example",
    )
    kinds = {channel: type(sender) for channel, sender in channels_from(settings).items()}
    assert kinds == {
        Channel.SMS: TwilioSender,
        Channel.WHATSAPP: FolderSender,
        Channel.EMAIL: SmtpSender,
        Channel.IN_APP: InAppSender,
    }


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"twilio_account_sid": "AC1"}, "twilio_auth_token and twilio_from is not set"),
        ({"twilio_account_sid": "AC1", "twilio_auth_token": "token"}, "twilio_from is not set"),
        ({"twilio_from": "+351300000000"}, "twilio_account_sid and twilio_auth_token is not set"),
        ({"smtp_host": "mail.example"}, "smtp_from is not set"),
    ],
)
def test_credentials_given_by_half_are_refused_by_name(tmp_path: Path, given: dict[str, Any], missing: str) -> None:
    with pytest.raises(Refusal, match=missing) as refused:
        channels_from(ChannelSettings(folder=tmp_path, **given))
    assert refused.value.code == "CHANNEL_HALF_CONFIGURED"
