"""The HTTP layer under the protocol: aiohttp's low-level server with our deadlines and answers.

aiohttp gives every connection one deadline between requests; here half-sent headers and answers
nobody reads have deadlines of their own, what aiohttp lets through although it is no HTTP/1.1
request to a store is refused, and refusals are a fixed text that repeats nothing of the request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion10, HttpVersion11, StreamReader, web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from emulator.config import WireSettings
from emulator.domain.ports import Rng

HttpHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
SERVER_NAME = "AliyunOSS"

_LOG = logging.getLogger("ossemu.http")
_TEXTS = {
    400: "Bad Request",
    417: "Expectation Failed",
    500: "Internal Server Error",
}
# Framing of a chunked body beside its content: chunks of one byte need five bytes each.
_FRAMING_BYTES_MAX = 16 * 1024
_FRAMING_PER_BYTE_MAX = 16


class Connection(RequestHandler):
    """One client connection."""

    __slots__ = (
        "_body",
        "_body_start_bytes",
        "_header_timer",
        "_received_bytes",
        "_rng",
        "_unsent_bytes",
        "_wire",
        "_write_timer",
        "_writing_to",
    )

    def __init__(
        self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, wire: WireSettings, rng: Rng
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=wire.keepalive_s,
            access_log=None,  # type: ignore[arg-type] # documented way to switch it off
            max_line_size=wire.line_bytes_max,
            max_headers=wire.headers_len_max,
            max_field_size=wire.header_bytes_max,
            lingering_time=wire.lingering_s,
            auto_decompress=False,  # an object is stored as it was sent
        )
        self._wire = wire
        self._rng = rng
        self._body: StreamReader | None = None  # of the request that came last
        self._received_bytes = 0
        self._body_start_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._writing_to: asyncio.Transport | None = None
        self._unsent_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected: its first headers are awaited."""
        super().connection_made(transport)
        self._start_header_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone."""
        self._stop_header_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came: a whole request, a part of one, or a part of a body."""
        requests, body = self._request_count, self._body
        in_headers = body is None or body.is_eof()
        self._received_bytes += len(data)
        super().data_received(data)
        arrived = self._request_count - requests
        if arrived:
            self._stop_header_timer()
            self._look_at(arrived, len(data))
        elif in_headers and data and self._header_timer is None:
            self._start_header_timer()  # the first bytes of a request whose headers go on

    def _look_at(self, arrived: int, data_bytes: int) -> None:
        """Refuse what the parser accepts although nothing here should."""
        messages = self._messages
        for index in range(-arrived, 0):
            message, self._body = messages[index]
            if isinstance(message, _ErrInfo):
                continue
            status = _refusal(message)
            if status:
                refused = _ErrInfo(status=status, exc=BadHttpMessage("refused"), message="")
                messages[index] = (refused, self._body)
            elif message.chunked:
                self._body_start_bytes = self._received_bytes
                if len(messages) == arrived == 1:  # nothing else can be in these bytes
                    self._body_start_bytes += _head_bytes(message) - data_bytes

    def framing_is_excessive(self, body: StreamReader) -> bool:
        """Whether a chunked body is mostly chunk heads and their extensions."""
        content_bytes = body.total_bytes
        framing_bytes = self._received_bytes - self._body_start_bytes - content_bytes
        return framing_bytes > _FRAMING_BYTES_MAX + _FRAMING_PER_BYTE_MAX * content_bytes

    def _start_header_timer(self) -> None:
        deadline_s = self._wire.header_deadline_s
        self._header_timer = self._loop.call_later(deadline_s, self._headers_late)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_late(self) -> None:
        self._header_timer = None
        if self._waiter is None:  # the request before is still being answered
            self._start_header_timer()
        elif not self._waiter.done():
            self.force_close()

    def pause_writing(self) -> None:
        """The client does not read as fast as it is written to."""
        super().pause_writing()
        self._writing_to = self.transport
        self._watch_writing()

    def resume_writing(self) -> None:
        """The client read."""
        self._stop_write_timer()
        super().resume_writing()

    def _watch_writing(self) -> None:
        if self._writing_to is not None:
            self._unsent_bytes = self._writing_to.get_write_buffer_size()
            stall_s = self._wire.write_stall_s
            self._write_timer = self._loop.call_later(stall_s, self._writing_late)

    def _stop_write_timer(self) -> None:
        self._writing_to = None
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _writing_late(self) -> None:
        transport = self._writing_to
        if transport is None:
            return
        if transport.get_write_buffer_size() < self._unsent_bytes:
            self._watch_writing()  # slow, but reading
        else:
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The fixed answer to what never becomes an OSS request."""
        if status >= 500:
            _LOG.error("a request failed outside its handler", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, another one cannot follow")
        shown = status if status in _TEXTS else 400 if status < 500 else 500
        headers = {"Server": SERVER_NAME, "x-oss-request-id": self._rng.hex(24).upper()}
        response = web.Response(status=shown, text=_TEXTS[shown], headers=headers)
        response.force_close()
        return response


def _refusal(message: RawRequestMessage) -> int:
    """The status that refuses a request whatever it asks for, 0 for one that may go on.

    Offers to upgrade to HTTP/2 or TLS may be ignored, and some clients make them by default; a
    WebSocket client waits for its own protocol.
    """
    if message.version != HttpVersion11 and message.version != HttpVersion10:
        return 400
    headers = message.headers
    if message.upgrade and (
        message.method == "CONNECT" or headers.get("Upgrade", "").lower() == "websocket"
    ):
        return 400
    expected = headers.get("Expect")
    return 0 if expected is None or expected.lower() == "100-continue" else 417


def _head_bytes(message: RawRequestMessage) -> int:
    """How long the request line and the headers were, at most four bytes too many for each."""
    fields = sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
    return fields + len(message.method) + len(message.path) + 16


class HttpServer(web.Server):
    """Makes a ``Connection`` for every client that connects."""

    def __init__(self, handler: HttpHandler, wire: WireSettings, rng: Rng) -> None:
        super().__init__(handler)
        self._wire = wire
        self._rng = rng

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, wire=self._wire, rng=self._rng)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's
        """Close idle connections at once; what is being answered gets ``timeout`` seconds."""
        self.pre_shutdown()
        await super().shutdown(timeout)
