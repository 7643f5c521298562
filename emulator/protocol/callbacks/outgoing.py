"""Calls that the emulator itself makes: to allowed hosts only, never along redirects."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from emulator.protocol.callbacks.allowed import (
    may_call,
    may_reach,
    port_of,
    read_allowed,
    split_url,
)

SETTING: Final = "oss.outgoing_allow"
_CONNECTIONS_MAX: Final = 64
_DELIVERY_TIMEOUT_S: Final = 5.0


class OutgoingRefused(Exception):
    """A URL that may not be called; the message says why."""


class OutgoingFailed(Exception):
    """A call that was not answered; the message says why. ``timed_out``: not in time."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        self.timed_out = timed_out
        super().__init__(message)


class OutgoingReply(msgspec.Struct, frozen=True):
    """An answer. ``length_bytes`` is what its Content-Length says, None without one; ``body`` is
    cut one byte beyond what was asked for."""

    status: int
    length_bytes: int | None
    body: bytes


class _GuardedResolver(AbstractResolver):
    """Looks names up and lets only addresses through that may be reached: what is checked is
    what is connected to, whatever the name stands for a moment later."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._names = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host that may be reached. Raises OSError when there are none."""
        found = await self._names.resolve(host, port, family)
        allowed = [each for each in found if self._outgoing.may_reach(host, port, each["host"])]
        if not allowed:
            raise OSError(None, f"no address of {host} may be called")
        return allowed

    async def close(self) -> None:
        """Nothing is held."""


class Outgoing:
    """Makes calls. ``allow`` is the setting ``oss.outgoing_allow``; the client is made when it is
    first needed."""

    def __init__(self, allow: str) -> None:
        self._allowed = read_allowed(allow, SETTING)
        self._session: ClientSession | None = None

    @property
    def is_on(self) -> bool:
        """Whether any host may be called."""
        return bool(self._allowed)

    def may_reach(self, host: str, port: int, address: str) -> bool:
        """Whether a host may be called at this address."""
        return may_reach(self._allowed, host, port, address)

    def check(self, url: str) -> None:
        """Raise OutgoingRefused unless the URL can be called and its host is allowed."""
        parts = split_url(url)
        if parts is None:
            raise OutgoingRefused(f"{url!r} is no http or https URL")
        host, port = parts.hostname or "", port_of(parts)
        if not may_call(self._allowed, host, port):
            raise OutgoingRefused(f"{host}:{port} is not in the setting {SETTING}")

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        reply_bytes_max: int,
    ) -> OutgoingReply:
        """Send a POST, on a connection of its own. Raises OutgoingRefused, OutgoingFailed."""
        self.check(url)
        parts = split_url(url)
        assert parts is not None
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._client().post(
                    URL(parts.geturl(), encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                return await _read(response, reply_bytes_max)
        except TimeoutError as error:
            raise OutgoingFailed(f"no answer within {timeout_s:g} s", timed_out=True) from error
        except (ClientError, OSError, ValueError) as error:
            raise OutgoingFailed(str(error) or type(error).__name__) from error

    def refusal(self, url: str) -> str:
        """Why this URL may not be called, ``""`` if it may."""
        try:
            self.check(url)
        except OutgoingRefused as error:
            return str(error)
        return ""

    async def deliver(self, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        """Send a message whose answer matters only by its status: ``""`` when it was 2xx, else
        why it was not taken."""
        try:
            reply = await self.post(
                url, body, headers, timeout_s=_DELIVERY_TIMEOUT_S, reply_bytes_max=0
            )
        except (OutgoingRefused, OutgoingFailed) as error:
            return str(error)
        return "" if 200 <= reply.status < 300 else f"answered {reply.status}"

    def _client(self) -> ClientSession:
        if self._session is None:
            connector = TCPConnector(
                resolver=_GuardedResolver(self),
                use_dns_cache=False,
                limit=_CONNECTIONS_MAX,
                force_close=True,
            )
            self._session = ClientSession(
                connector=connector,
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                timeout=ClientTimeout(total=None),
                trust_env=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session

    async def close(self) -> None:
        """End all calls. Doing it again is harmless."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _read(response: ClientResponse, bytes_max: int) -> OutgoingReply:
    length = response.content_length
    body = bytearray()
    if length is None or length <= bytes_max:
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > bytes_max:
                break
    return OutgoingReply(response.status, length, bytes(body[: bytes_max + 1]))
