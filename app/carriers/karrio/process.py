"""The child process that calls a carrier through karrio: one request as JSON on stdin, one answer as JSON on stdout.

Run as `python -m app.carriers.karrio.process`. Knows neither the database nor the deployment's settings. TLS
verification, which importing karrio turns off, is turned on again and proved before anything is sent.
"""

import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any
from urllib.error import HTTPError, URLError

from app.carriers.karrio import tls

TIMEOUT_SECONDS = 30
# HTTP statuses as karrio's messages tell them: not taken, and perhaps taken.
NOT_TAKEN = frozenset({"429", "503"})
MAY_PASS = frozenset({"408", "500", "502", "504"})

Json = dict[str, Any]


class Failed(Exception):
    """What the parent is told. `was_sent` False: the carrier never heard of it."""

    def __init__(self, code: str, message: str, *, was_sent: bool = True) -> None:
        super().__init__(message)
        self.code, self.message, self.was_sent = code, message, was_sent


def main() -> None:
    """Answers on a copy of stdout; what karrio prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    request = json.load(sys.stdin)
    try:
        answer: Json = {"result": answered(request)}
    except Failed as failure:
        answer = {"failure": {"code": failure.code, "message": failure.message, "was_sent": failure.was_sent}}
    except ImportError as error:
        message = f"karrio is not installed here: {error}. Install Doorstep with the extra karrio."
        answer = {"failure": {"code": "KARRIO_MISSING", "message": message, "was_sent": False}}
    except Exception as error:
        answer = {"failure": _failure_of(error)}
    json.dump(answer, answers)
    answers.flush()


def answered(request: Json) -> Any:
    """The result of one operation."""
    tls.keep()
    sdk = import_module("karrio.sdk")
    gateway = _gateway(sdk, request["carrier"], request["settings"], request["server_urls"])
    tls.restore()
    tls.prove()
    broken = _watch()
    try:
        return OPERATIONS[request["operation"]](sdk, gateway, request["payload"])
    except Failed:
        if broken:  # karrio tells a lost connection as if the carrier had refused
            raise broken[-1] from None
        raise


def _watch() -> list[Exception]:
    """Proves TLS before every request of karrio's, and notes each connection that broke."""
    helpers: Any = import_module("karrio.core.utils.helpers")
    opened, broken = helpers.urlopen, list[Exception]()

    def watched(*arguments: Any, **named: Any) -> Any:
        tls.prove()
        try:
            return opened(*arguments, **named)
        except HTTPError:
            raise
        except Exception as error:
            broken.append(error)
            raise

    helpers.urlopen = watched
    return broken


def _gateway(sdk: Any, carrier: str, settings: Json, server_urls: Mapping[str, str]) -> Any:
    try:
        found = sdk.gateway[carrier].create(settings)
    except Exception as error:
        raise Failed("CARRIER_UNKNOWN", f"karrio cannot speak to {carrier}: {error}", was_sent=False) from error
    if server_urls:
        kind = type(found.settings)
        directed = {name: property(_always(url)) for name, url in server_urls.items()}
        found.settings.__class__ = type(kind.__name__, (kind,), directed)
    return found


def _always(url: str) -> Callable[[Any], str]:
    return lambda _: url


def _book(sdk: Any, gateway: Any, payload: Json) -> Json:
    details = _parsed(sdk.Shipment.create(payload), gateway)
    docs = details.docs
    label = (docs and (docs.label or docs.pdf_label or docs.zpl_label)) or None
    rate = details.selected_rate
    return {
        "tracking_number": details.tracking_number,
        "booking_id": details.shipment_identifier,
        "label": label,
        "label_type": details.label_type,
        "price": rate and rate.total_charge,
        "currency": rate and rate.currency,
    }


def _quote(sdk: Any, gateway: Any, payload: Json) -> list[Json]:
    rates = _parsed(sdk.Rating.fetch(payload), gateway)
    return [
        {"service": rate.service, "price": rate.total_charge, "currency": rate.currency, "quote_id": rate.id}
        for rate in rates
    ]


def _track(sdk: Any, gateway: Any, payload: Json) -> list[Json]:
    found = _parsed(sdk.Tracking.fetch(payload), gateway)
    return [
        {
            "tracking_number": details.tracking_number,
            "status": details.status,
            "events": [
                {
                    "code": event.code,
                    "status": event.status,
                    "reason": event.reason,
                    "description": event.description,
                    "timestamp": event.timestamp,
                    "date": event.date,
                    "time": event.time,
                }
                for event in details.events
            ],
        }
        for details in found
    ]


def _cancel(sdk: Any, gateway: Any, payload: Json) -> Json:
    confirmation = _parsed(sdk.Shipment.cancel(payload), gateway)
    return {"is_cancelled": bool(confirmation.success)}


OPERATIONS: Mapping[str, Callable[[Any, Any, Json], Any]] = {
    "book": _book,
    "quote": _quote,
    "track": _track,
    "cancel": _cancel,
}


def _parsed(request: Any, gateway: Any) -> Any:
    """What the carrier answered; a Failed with its own words where it refused."""
    found, messages = request.from_(gateway).parse()
    if not found:
        words = "; ".join(f"{one.code}: {one.message}" for one in messages or []) or "it gave no reason"
        codes = {str(one.code) for one in messages or []}
        if codes & (NOT_TAKEN | MAY_PASS):
            raise Failed("CARRIER_UNREACHABLE", words, was_sent=not codes & NOT_TAKEN)
        raise Failed("CARRIER_REFUSED", words)
    return found


def _failure_of(error: BaseException) -> Json:
    """A connection that was never made may be tried again; of a lost answer nobody knows what became."""
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, BaseException) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = f"The carrier's certificate is not to be trusted: {cause.verify_message}."
        return {"code": "CERTIFICATE_REFUSED", "message": message, "was_sent": False}
    was_sent = not isinstance(cause, socket.gaierror | ConnectionRefusedError)
    return {"code": "CARRIER_UNREACHABLE", "message": f"{type(cause).__name__}: {cause}", "was_sent": was_sent}


if __name__ == "__main__":
    main()
