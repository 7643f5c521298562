"""A small application server: what callbacks and notifications are sent to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self

OK = b'{"Status":"OK"}'


class Received(NamedTuple):
    """One request that came in; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Said(NamedTuple):
    """What to answer; ``length`` replaces the Content-Length, None leaves it out."""

    status: int = 200
    body: bytes = OK
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = -1


class Listener:
    """Listens on a free port of the loopback address, keeps what comes and answers as told."""

    def __init__(self, answer: Callable[[Received], Said] | None = None) -> None:
        self.answer = answer or (lambda _: Said())
        self.requests: queue.Queue[Received] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next(self, timeout_s: float = 5.0) -> Received:
        """The next request; queue.Empty if none comes."""
        return self.requests.get(timeout=timeout_s)

    def all(self) -> list[Received]:
        """What has come so far and was not taken yet."""
        found: list[Received] = []
        while not self.requests.empty():
            found.append(self.requests.get())
        return found


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, headers, self.rfile.read(length))
            listener.requests.put(received)
            said = listener.answer(received)
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            if said.length is not None:
                announced = len(said.body) if said.length < 0 else said.length
                self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler
