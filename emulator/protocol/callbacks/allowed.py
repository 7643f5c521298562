"""Which hosts the emulator may call: a list the user gives, and nothing else. Pure.

A pattern is ``host`` or ``host:port``; ``*`` in a host stands for any characters. Addresses that
only this machine or its network can reach (loopback, private, link-local: metadata services among
them) must be meant: a pattern with ``*`` never covers them.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from emulator.config import SettingError

_PATTERN: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.*-]+)(?::([0-9]{1,5}))?")
_PLAIN_URL: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")
_PORTS: Final = {"http": 80, "https": 443}
_PORT_MAX: Final = 65535
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_PROTOCOLS: Final = ipaddress.IPv4Network("192.0.0.0/24")  # a metadata service of a cloud in it


class AllowedHost(NamedTuple):
    """One pattern: a lower-case host, and a port (0: any)."""

    host: str
    port: int

    @property
    def is_exact(self) -> bool:
        """Whether it names one host."""
        return "*" not in self.host

    def covers(self, host: str, port: int) -> bool:
        """Whether a host and port are meant."""
        if self.port not in (0, port):
            return False
        expression = ".*".join(re.escape(part) for part in self.host.split("*"))
        return re.fullmatch(expression, host) is not None


def read_allowed(text: str, name: str) -> tuple[AllowedHost, ...]:
    """Read the setting ``name``: patterns with commas between. Raises SettingError."""
    found: list[AllowedHost] = []
    for pattern in filter(None, (part.strip() for part in text.split(","))):
        match = _PATTERN.fullmatch(pattern)
        port = int(match[2] or 0) if match is not None else 0
        if match is None or port > _PORT_MAX:
            raise SettingError(
                f"setting {name}: {pattern!r} is no host or host:port, such as localhost:9000"
            )
        found.append(AllowedHost(match[1].strip("[]").lower(), port))
    return tuple(found)


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL that can be called, ``None`` for any other. HTTP where none is named."""
    if not _PLAIN_URL.fullmatch(url):
        return None
    if "://" not in url.partition("?")[0]:
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or "@" in parts.netloc or port == 0:
        return None
    return parts if _HOST.fullmatch(host) and not parts.netloc.endswith(":") else None


def port_of(parts: SplitResult) -> int:
    """The port a URL names or stands for."""
    return parts.port or _PORTS[parts.scheme]


def may_call(allowed: tuple[AllowedHost, ...], host: str, port: int) -> bool:
    """Whether a URL's host may be called at all; its address is looked at when it is known."""
    host = host.lower()
    return any(_covers_name(each, host, port) for each in allowed)


def may_reach(allowed: tuple[AllowedHost, ...], host: str, port: int, address: str) -> bool:
    """Whether the address that a host stands for may be connected to."""
    host = host.lower()
    if any(each.is_exact and each.covers(host, port) for each in allowed):
        return True
    if not is_public(address):
        return False
    return may_call(allowed, host, port)


def _covers_name(pattern: AllowedHost, host: str, port: int) -> bool:
    if not pattern.covers(host, port):
        return False
    return pattern.is_exact or not _is_address(host) or is_public(host)


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet.

    IPv6 addresses that stand for IPv4 ones (mapped, 6to4, NAT64) lead wherever those do: mapped
    ones are read as such, the others are not public.
    """
    try:
        at = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(at, ipaddress.IPv6Address):
        mapped = at.ipv4_mapped
        if mapped is None:
            is_plain = at in _GLOBAL_UNICAST and at.sixtofour is None and at.teredo is None
            return is_plain and at.is_global
        at = mapped
    return at.is_global and not at.is_multicast and at not in _PROTOCOLS


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
