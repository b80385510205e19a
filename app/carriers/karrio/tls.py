"""TLS verification, kept on in a process that imports karrio. Imports nothing of ours."""

import ssl
from typing import Any


class VerificationIsOff(RuntimeError):
    """The process would talk to anybody who claims to be the carrier."""


def keep() -> None:
    """Before karrio is imported: whoever asks for an unverified context by its usual name gets a verified one."""
    ssl._create_unverified_context = _verified


def restore() -> None:
    """After karrio was imported: urllib's and http.client's default is a verified context again."""
    ssl._create_default_https_context = _verified


def prove() -> None:
    """Refuses to go on where a default connection would not check the certificate and its name."""
    context = ssl._create_default_https_context()
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise VerificationIsOff("TLS verification is off in this process. No carrier is called.")


def _verified(*_: Any, **__: Any) -> ssl.SSLContext:
    """Whatever it is asked for, it answers the default of the library: certificate and name are checked."""
    return ssl.create_default_context()
