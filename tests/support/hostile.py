"""A plain-socket client for requests no kit would send, and what must hold after each of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from emulator.protocol.signing import Credentials, Scheme, Signer, SigningRequest
from tests.support.process import KEY_A, KEY_B, SECRET_A, SECRET_B, EmulatorProcess
from tests.support.state import State, StoredState
from tests.support.wire import Call, signed_head

HOST = b"Host: 127.0.0.1\r\n"
KEYS = {"a": (KEY_A, SECRET_A), "b": (KEY_B, SECRET_B)}
QUICK_SETTINGS = (
    "wire.header_deadline_s=0.5",
    "wire.keepalive_s=2.5",
    "wire.lingering_s=0.2",
    "wire.body_grace_s=0.5",
    "wire.body_rate_bytes_per_s_min=1000000",
    "wire.write_stall_s=0.5",
    "oss.object_bytes_max=4194304",
)
DEADLINE_S = 5.0
# What no client may ever read: traces, and what the server is made of.
LEAKS = (b"Traceback", b"aiohttp", b"Python", b"python", b'File "', b"emulator.", b"sqlite")


class Reply(NamedTuple):
    """One answer; header names are in lower case, doubled ones are kept apart."""

    status: int
    pairs: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes

    def header(self, name: str) -> str:
        """The value of a header, empty if it is missing."""
        values = [value for present, value in self.pairs if present == name]
        assert len(values) < 2, f"{name} was sent twice: {values}"
        return values[0] if values else ""

    @property
    def document(self) -> ElementTree.Element:
        """The XML body."""
        return ElementTree.fromstring(self.body)  # noqa: S314 - documents of our own server

    @property
    def code(self) -> str:
        """The OSS error code, empty for anything else."""
        if self.status < 300 or not self.body.startswith(b"<?xml"):
            return ""
        return self.document.findtext("Code", "")


class Line:
    """One connection."""

    def __init__(self, port: int, timeout_s: float = DEADLINE_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._received = b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes; a server that closed already is no fault of theirs."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def reply(self, method: str = "GET") -> Reply | None:
        """The next answer, ``None`` if the server closed. TimeoutError if it does neither."""
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                assert not self._received, f"half an answer: {self._received!r}"
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        pairs = tuple(
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines)
        )
        status = int(status_line.split(" ")[1])
        length = int(next((value for name, value in pairs if name == "content-length"), "0"))
        if method == "HEAD" or status in (204, 304) or status < 200:
            length = 0
        while len(self._received) < length:
            assert self._receive(), "the answer is shorter than it says"
        body, self._received = self._received[:length], self._received[length:]
        return Reply(status, pairs, body, head + b"\r\n\r\n" + body)

    def is_closed(self) -> bool:
        """Wait for the end of the connection. TimeoutError if it stays open."""
        while self._receive():
            pass
        return True

    def _receive(self) -> bool:
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self._received += piece
        return bool(piece)


class Attacker:
    """Sends requests to one server and looks at what became of its state."""

    def __init__(self, server: EmulatorProcess) -> None:
        self.server = server
        self._line: Line | None = None
        self._state: StoredState | None = None

    def close(self) -> None:
        """Give back what is kept."""
        self.hang_up()
        if self._state is not None:
            self._state.close()
            self._state = None

    def hang_up(self) -> None:
        """Close the connection that is kept."""
        if self._line is not None:
            self._line.socket.close()
            self._line = None

    def line(self, timeout_s: float = DEADLINE_S) -> Line:
        """A connection of one's own."""
        return Line(self.server.port, timeout_s)

    def raw(self, data: bytes, method: str = "GET") -> Reply | None:
        """Send bytes on a connection of their own; the first answer to them."""
        with self.line() as line:
            line.send(data)
            return line.reply(method)

    def call(self, call: Call, account: str = "a") -> Reply:
        """A request of account ``a`` or ``b``, or of nobody (``""``)."""
        data = head_of(call, account) + call.body
        for _ in range(2):  # a kept connection may have been closed meanwhile
            fresh = self._line is None
            line = self._line = self._line or self.line()
            line.send(data)
            reply = line.reply(call.method)
            if reply is not None and reply.header("connection") != "close":
                return reply
            self.hang_up()
            if reply is not None:
                return reply
            assert not fresh, f"no answer to {data[:300]!r}"
        raise AssertionError(f"no answer to {data[:300]!r}")

    def ok(self, call: Call, account: str = "a") -> Reply:
        """The same, with AssertionError unless the answer is 2xx."""
        reply = self.call(call, account)
        assert 200 <= reply.status < 300, f"{call[:4]}: {reply.raw!r}"
        return reply

    def everything(self) -> State:
        """All that the server holds: its tables as digests, and its files."""
        if self._state is None:
            command = self.server.command
            folder = Path(command[command.index("--data") + 1])
            self._state = StoredState(folder, lambda: self.server.settle(advance=False))
        return self._state.read()


def head_of(call: Call, account: str) -> bytes:
    """Request line and headers, signed unless nobody sends them."""
    if account:
        return signed_head(call, account)
    return unsigned_head(call)


def unsigned_head(call: Call) -> bytes:
    """Request line and headers of an anonymous request."""
    signed = signed_head(call)
    dropped = (b"authorization:", b"x-oss-date:", b"x-oss-content-sha256:")
    lines = [line for line in signed.split(b"\r\n") if not line.startswith(dropped)]
    return b"\r\n".join(lines)


def signed_raw(
    method: str,
    target: str,
    *,
    bucket: str = "src-bucket",
    key: str = "",
    query: tuple[tuple[str, str | None], ...] = (),
    headers: Iterable[tuple[str, str]] = (),
    unsigned: Iterable[tuple[str, str]] = (),
    account: str = "a",
    length: int | None = 0,
    now_s: float | None = None,
    scheme: Scheme = Scheme.V4,
) -> bytes:
    """A head whose target is written as given; the signature covers what the other values say."""
    key_id, secret = KEYS[account]
    credentials = Credentials(access_key_id=key_id, secret=secret)
    signer = Signer(credentials=credentials, scheme=scheme, region="cn-hangzhou")
    request = SigningRequest(
        method=method, bucket=bucket, key=key, query=query, headers=tuple(headers)
    )
    added = signer.headers(request, time.time() if now_s is None else now_s)
    pairs = [("host", "127.0.0.1"), *request.headers, *added.items(), *unsigned]
    if length is not None:
        pairs.append(("content-length", str(length)))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def check_clean(reply: Reply) -> None:
    """What every answer keeps: never the server's fault, nothing of its inside."""
    assert reply.status < 500, reply.raw
    assert not any(leak in reply.raw for leak in LEAKS), reply.raw
    assert reply.header("server") == "AliyunOSS", reply.raw
    assert reply.header("x-oss-request-id"), reply.raw


def check_refused(reply: Reply | None, status: int, code: str) -> None:
    """A refusal with this status and code, complete and without anything else in it."""
    assert reply is not None, "the server closed without an answer"
    check_clean(reply)
    assert (reply.status, reply.code) == (status, code), reply.raw
    check_error_body(reply)


def check_error_body(reply: Reply) -> None:
    """An error body with the four elements every client reads."""
    document = reply.document
    assert document.tag == "Error", reply.raw
    assert document.findtext("Message"), reply.raw
    assert document.findtext("RequestId") == reply.header("x-oss-request-id"), reply.raw
    assert document.find("HostId") is not None, reply.raw


def check_plain(reply: Reply | None, status: int = 400) -> None:
    """The fixed answer of the HTTP layer, or no answer at all."""
    if reply is None:
        return
    check_clean(reply)
    assert reply.status == status, reply.raw
    assert reply.body in (b"Bad Request", b"Expectation Failed"), reply.raw
