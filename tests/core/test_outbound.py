"""Where requests may go whose URL somebody else chose."""

import ipaddress

import pytest

from app.core.outbound import AddressRefused, check_url, checked_addresses, is_public

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://172.16.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/x",
        "https://0.0.0.0/x",
        "https://[::1]/x",
        "https://[fe80::1%25eth0]/x",
        "https://[fd00::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[64:ff9b::a00:1]/x",
        "https://[2002:0a00:0001::1]/x",
        "https://224.0.0.1/x",
    ],
)
def test_an_address_inside_a_network_is_refused_by_its_text(url: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        check_url(url, allowed_hosts=NOBODY, field="base_url")
    assert (refusal.value.code, refusal.value.field) == ("ADDRESS_NOT_PUBLIC", "base_url")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://api.example.org/x", "URL_NOT_ENCRYPTED"),
        ("ftp://api.example.org/x", "URL_INVALID"),
        ("file:///etc/passwd", "URL_INVALID"),
        ("https://user:secret@api.example.org/x", "URL_INVALID"),
        ("https:///x", "URL_INVALID"),
        ("api.example.org", "URL_INVALID"),
        ("https://api.example.org:99999/x", "URL_INVALID"),
    ],
)
def test_what_is_no_url_of_a_carrier_is_refused(url: str, code: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        check_url(url, allowed_hosts=NOBODY)
    assert refusal.value.code == code


def test_a_public_address_and_an_allowed_host_pass() -> None:
    check_url("https://api.example.org/v2", allowed_hosts=NOBODY)
    check_url("https://8.8.8.8/v2", allowed_hosts=NOBODY)
    check_url("http://tms.internal/v2", allowed_hosts={"tms.internal"})
    check_url("http://10.0.0.5:8443/v2", allowed_hosts={"10.0.0.5:8443"})
    with pytest.raises(AddressRefused):
        check_url("http://10.0.0.5:22/v2", allowed_hosts={"10.0.0.5:8443"})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "0"])
async def test_a_name_is_judged_by_the_addresses_it_has(host: str) -> None:
    with pytest.raises(AddressRefused):
        await checked_addresses(host, 80, allowed_hosts=NOBODY)


async def test_an_allowed_name_is_connected_to_by_the_address_that_was_found() -> None:
    assert await checked_addresses("127.0.0.1", 80, allowed_hosts={"127.0.0.1:80"}) == ["127.0.0.1"]


async def test_a_name_that_nobody_has_is_a_connection_that_fails() -> None:
    with pytest.raises(OSError, match="cannot be resolved"):
        await checked_addresses("no-such-host.invalid", 443, allowed_hosts=NOBODY)


@pytest.mark.parametrize(("address", "expected"), [("1.1.1.1", True), ("2606:4700::1111", True), ("::", False)])
def test_public_is_what_the_whole_internet_reaches(address: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is expected
