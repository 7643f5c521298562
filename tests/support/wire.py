"""A small HTTP client that signs its own requests: fast, and frank about connections that break."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from emulator.protocol.signing import (
    Credentials,
    Scheme,
    Signer,
    SigningRequest,
    request_target,
)
from tests.support.process import KEY_A, KEY_B, SECRET_A, SECRET_B

_SIGNERS = {
    name: Signer(
        credentials=Credentials(access_key_id=key_id, secret=secret),
        scheme=Scheme.V4,
        region="cn-hangzhou",
    )
    for name, key_id, secret in (("a", KEY_A, SECRET_A), ("b", KEY_B, SECRET_B))
}
_HEAD_BYTES_MAX = 1 << 16
Pairs = Sequence[tuple[str, str]]


class Call(NamedTuple):
    """One request: what to do with which bucket or object."""

    method: str
    bucket: str
    key: str = ""
    query: tuple[tuple[str, str | None], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Reply(NamedTuple):
    """One answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The OSS error code, empty for anything else."""
        return ElementTree.fromstring(self.body).findtext("Code", "") if self.body else ""  # noqa: S314

    @property
    def document(self) -> ElementTree.Element:
        """The XML body."""
        return ElementTree.fromstring(self.body)  # noqa: S314 - documents of our own server


def signed_head(call: Call, account: str = "a", *, length_bytes: int | None = None) -> bytes:
    """Request line and headers, signed, up to the empty line."""
    request = SigningRequest(
        method=call.method,
        bucket=call.bucket,
        key=call.key,
        query=call.query,
        headers=call.headers,
    )
    added = _SIGNERS[account].headers(request, time.time())
    length = len(call.body) if length_bytes is None else length_bytes
    lines = [f"{call.method} {request_target(request)} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (*call.headers, *added.items())]
    lines.append(f"content-length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer."""
    status_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return int(status_line.split(" ", 2)[1]), headers


class Wire:
    """One keep-alive connection, opened when it is first needed, and again after a break."""

    def __init__(self, port: int, account: str = "a") -> None:
        self._port = port
        self._account = account
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, call: Call) -> Reply:
        """Send a request and wait for the whole answer.

        Raises ConnectionError when the connection breaks: nobody knows then what was done.
        """
        try:
            return await self._send(call)
        except (OSError, EOFError) as error:
            self.close()
            raise ConnectionError(str(error)) from error

    async def ok(self, call: Call) -> Reply:
        """The same, with AssertionError unless the answer is 2xx."""
        reply = await self.send(call)
        assert 200 <= reply.status < 300, f"{call[:4]}: {reply}"
        return reply

    async def _send(self, call: Call) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                "127.0.0.1", self._port, limit=_HEAD_BYTES_MAX
            )
        reader, writer = self._streams
        writer.write(signed_head(call, self._account) + call.body)
        await writer.drain()
        status, headers = read_head(await reader.readuntil(b"\r\n\r\n"))
        body = b""
        if call.method != "HEAD" and status not in (204, 304):
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(status, headers, body)

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
