"""Which hosts may be called: by name, by pattern, and by the address that is found."""

from __future__ import annotations

import asyncio

import pytest

from emulator.config import SettingError
from emulator.protocol.callbacks import Outgoing, OutgoingFailed, OutgoingRefused
from emulator.protocol.callbacks.allowed import (
    is_public,
    may_call,
    may_reach,
    read_allowed,
    split_url,
)

_ALLOWED = read_allowed("app:9000, *.example.com, [::1]:80,10.0.0.*,127.0.0.1", "s")

CALLS = [
    ("app", 9000, True),
    ("APP", 9000, True),
    ("app", 9001, False),
    ("app.example.com", 443, True),
    ("a.b.example.com", 1, True),
    ("example.com", 80, False),
    ("example.com.evil.org", 80, False),
    ("::1", 80, True),
    ("::1", 81, False),
    ("127.0.0.1", 5, True),
    ("10.0.0.1", 80, False),  # private, and only a pattern covers it
    ("169.254.169.254", 80, False),
]


@pytest.mark.parametrize(("host", "port", "allowed"), CALLS)
def test_a_host_is_allowed_by_name(host: str, port: int, allowed: bool) -> None:
    assert may_call(_ALLOWED, host, port) is allowed


REACHES = [
    ("app", 9000, "172.17.0.2", True),
    ("app.example.com", 80, "93.184.216.34", True),
    ("app.example.com", 80, "127.0.0.1", False),
    ("app.example.com", 80, "169.254.169.254", False),
    ("app.example.com", 80, "::ffff:10.0.0.1", False),
    ("app.example.com", 80, "fe80::1%eth0", False),
    ("other", 80, "93.184.216.34", False),
]


@pytest.mark.parametrize(("host", "port", "address", "allowed"), REACHES)
def test_what_a_name_stands_for_is_looked_at(
    host: str, port: int, address: str, allowed: bool
) -> None:
    assert may_reach(_ALLOWED, host, port, address) is allowed


def test_everything_public_is_one_pattern() -> None:
    everything = read_allowed("*", "s")
    assert may_call(everything, "93.184.216.34", 80)
    for private in ("127.0.0.1", "localhost", "10.1.2.3", "100.100.100.200", "::1"):
        assert not may_reach(everything, private, 80, "127.0.0.1")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",
     "224.0.0.1", "::", "::1", "fc00::1", "fe80::1", "::ffff:127.0.0.1", "localhost", "",
     "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "::127.0.0.1", "192.0.0.192"],
)  # fmt: skip
def test_these_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("text", ["a b", "http://a", "a:b", "a:70000", "a/b", "::1", "é"])
def test_a_pattern_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="outgoing_allow"):
        Outgoing(text)


def test_nothing_is_allowed_by_default() -> None:
    outgoing = Outgoing("")
    assert not outgoing.is_on
    with pytest.raises(OutgoingRefused):
        outgoing.check("http://example.com")


URLS = ["", "http://", "ftp://a", "http://a b", "http://a:0", "http://a:", "http://a:x", "http:///x",
        "http://u@a", "http://[::1", "http://é", "a\r\nb", "file:///etc/passwd", "//a"]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_what_is_no_url_is_none(url: str) -> None:
    assert split_url(url) is None


def test_a_name_that_leads_to_this_machine_is_not_reached_through_a_pattern() -> None:
    async def call() -> None:
        outgoing = Outgoing("*localhost:9")
        try:
            await outgoing.post("http://localhost:9/", b"", {}, timeout_s=5, reply_bytes_max=1)
        finally:
            await outgoing.close()

    with pytest.raises(OutgoingFailed, match="may be called"):
        asyncio.run(call())
