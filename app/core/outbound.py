"""Which addresses a request may reach whose URL somebody else chose: public ones, and private ones that were allowed.

Guards against server-side request forgery (CWE-918). The name is resolved here, every address it has is checked, and
the caller connects to the address that was checked, so that a name cannot be pointed elsewhere in between.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from app.core.errors import Refusal

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
DEFAULT_PORTS = {"https": 443, "http": 80}
# Prefixes that carry an IPv4 address inside an IPv6 one (RFC 6052, RFC 3056, RFC 4380).
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(Refusal):
    """The URL leads where requests of this platform must not go."""


def check_url(url: str, *, allowed_hosts: Collection[str], field: str | None = None) -> None:
    """Refuses a URL by its text alone: its scheme, its credentials, its host where that is an address.

    `allowed_hosts` are hosts, or `host:port`, that may be private and may be spoken to without TLS.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressRefused("URL_INVALID", f"{url[:200]!r} is no URL: {error}.", field=field) from error
    if not host or parts.scheme not in DEFAULT_PORTS or parts.username or parts.password:
        raise AddressRefused(
            "URL_INVALID", f"{url[:200]!r} is no URL to call: send https://host/path without credentials.", field=field
        )
    if is_allowed(host, port, allowed_hosts):
        return
    if parts.scheme != "https":
        raise AddressRefused("URL_NOT_ENCRYPTED", f"{url[:200]!r} is not encrypted. Use https.", field=field)
    if (literal := _literal(host)) is not None and not is_public(literal):
        raise _refused(host, field=field)


async def checked_addresses(host: str, port: int, *, allowed_hosts: Collection[str]) -> list[str]:
    """The addresses to connect to, the likeliest first.

    Refuses a name of which any address is not public, unless its host is allowed. Raises OSError where it has none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise OSError(f"The name {host} cannot be resolved: {error.strerror}.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not is_allowed(host, port, allowed_hosts) and not all(is_public(address) for address in addresses):
        raise _refused(host)
    return list(dict.fromkeys(str(address) for address in addresses))


def is_allowed(host: str, port: int, allowed_hosts: Collection[str]) -> bool:
    """Whether the deployment named this host, or this host and port."""
    return host in allowed_hosts or f"{host}:{port}" in allowed_hosts


def is_public(address: IpAddress) -> bool:
    """Whether the whole internet can reach it; an IPv4 address inside an IPv6 one counts as itself."""
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inside is None and address in NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(inside)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _refused(host: str, *, field: str | None = None) -> AddressRefused:
    return AddressRefused(
        "ADDRESS_NOT_PUBLIC",
        f"{host} leads to an address inside a private network, where this platform sends no requests. Use a public"
        " address, or name the host in DOORSTEP_PRIVATE_HOSTS.",
        field=field,
    )
