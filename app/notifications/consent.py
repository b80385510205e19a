"""Whom we may write to, where and in which zone. Pure: what a recipient said is stored elsewhere."""

from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone

from app.core.errors import Refusal
from app.models import Channel

# Words that carriers and Twilio take as a withdrawal, and as its end.
OPT_OUT_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "REVOKE", "OPTOUT", "CANCEL"})
OPT_IN_WORDS = frozenset({"START", "UNSTOP", "YES"})
# What stands in for a channel whose address is missing, in this order. The inbox needs none.
FALLBACKS = (Channel.SMS, Channel.EMAIL, Channel.IN_APP)
EXAMPLE = "+351912345678"


def is_opt_out(text: str) -> bool:
    """Whether an answer withdraws consent: the word alone, however it is spaced, written or ended."""
    return _word(text) in OPT_OUT_WORDS


def is_opt_in(text: str) -> bool:
    """Whether an answer takes a withdrawal back."""
    return _word(text) in OPT_IN_WORDS


def normalise_phone(number: str, default_region: str | None) -> str:
    """The number as E.164. Without a country code it is read as one of `default_region`, such as PT.

    Landlines pass: which numbers take texts is for the provider to say, and it differs by country.
    """
    try:
        parsed = phonenumbers.parse(number, default_region)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        where = f" in {default_region}" if default_region and not number.strip().startswith(("+", "00")) else ""
        raise Refusal(
            "PHONE_INVALID",
            f"{number!r} is not a phone number{where}. Give it with its country code, such as {EXAMPLE}.",
            field="phone",
        )
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def zone_of_phone(number: str, *, otherwise: ZoneInfo) -> ZoneInfo:
    """The time zone of a number in E.164; `otherwise` where it names none, or several of which we cannot know which."""
    try:
        names = timezone.time_zones_for_number(phonenumbers.parse(number))
        return ZoneInfo(names[0]) if len(names) == 1 and names[0] != timezone.UNKNOWN_TIMEZONE else otherwise
    except (phonenumbers.NumberParseException, ZoneInfoNotFoundError):
        return otherwise


def channels_for(
    chosen: Sequence[Channel], *, phone: str | None, email: str | None, opted_out: Collection[Channel] = ()
) -> tuple[Channel, ...]:
    """Where to write, in order and each once: what was chosen and can be reached, else by phone, mail or the inbox.

    A channel that the recipient opted out of is never used, nor is one used in its place that was not asked for.
    """
    addresses = {Channel.SMS: phone, Channel.WHATSAPP: phone, Channel.EMAIL: email, Channel.IN_APP: "always"}
    reachable = [channel for channel, address in addresses.items() if address and channel not in opted_out]
    wanted = dict.fromkeys(channel for channel in chosen if channel in reachable)
    if wanted:
        return tuple(wanted)
    if opted_out:
        return (Channel.IN_APP,)
    return (next(channel for channel in FALLBACKS if channel in reachable),)


def _word(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum())
