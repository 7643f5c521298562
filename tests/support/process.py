"""A real server process for tests, and the ways to talk to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
UID_A, KEY_A, SECRET_A = "1000000000000001", "LTAIemulatorA", "emulatorSecretA"
UID_B, KEY_B, SECRET_B = "2000000000000002", "LTAIemulatorB", "emulatorSecretB"
_START_S_MAX = 20.0


class EmulatorProcess:
    """``ossemu serve`` on a free port of the loopback address.

    By default in memory and on a virtual clock; ``settings`` are ``--set`` pairs.
    """

    def __init__(
        self,
        *,
        data: Path | str = ":memory:",
        world: Path | None = FIXTURES / "cross-account.yaml",
        clock: str = "virtual",
        settings: tuple[str, ...] = (),
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", "emulator", "serve", "--port", "0"]
        command += ["--data", str(data), "--clock", clock, "--log", "warning"]
        if world is not None:
            command += ["--world", str(world)]
        for pair in settings:
            command += ["--set", pair]
        self.command = [*command, *arguments]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._errors.close()

    def start(self) -> None:
        """Start the process and wait until it says where it listens."""
        self._process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=self._environment,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if " at http://" not in line:
            self._process.wait(_START_S_MAX)
            raise AssertionError(f"the server did not start: {line!r} {self.errors()}")
        self.port = int(line.rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def endpoint(self) -> str:
        """The address of the server as SDKs take it."""
        return f"http://127.0.0.1:{self.port}"

    def errors(self) -> str:
        """What the process wrote to its standard error."""
        self._errors.flush()
        self._errors.seek(0)
        return self._errors.read()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._close_pipe()

    def stop(self) -> int:
        """Stop as Ctrl-C does; the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._close_pipe()
        return self._process.returncode

    def _close_pipe(self) -> None:
        assert self._process is not None
        if self._process.stdout is not None:
            self._process.stdout.close()

    # the control API

    def control(self, method: str, path: str, body: object = None) -> Any:
        """One call of the control API; AssertionError with the answer unless it is 2xx."""
        status, value = self.control_status(method, path, body)
        assert 200 <= status < 300, f"{method} {path}: {status} {value}"
        return value

    def control_status(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One call of the control API: status and decoded answer."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/_emulator/{path}", data=data, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def settle(self, *, advance: bool = True) -> Any:
        """Run what is due, stepping the virtual clock until quiet."""
        return self.control("POST", "settle", {"advance": advance})

    def advance(self, seconds: float) -> None:
        """Move the virtual clock."""
        self.control("POST", "clock", {"advance_s": seconds})

    def load_world(self, text: str) -> Any:
        """Apply a world file's text."""
        return self.control("POST", "world", text.encode())

    def explain(self, bucket: str, key: str, version_id: str = "") -> Any:
        """Why a key's replicas are where they are."""
        query = {"bucket": bucket, "key": key}
        if version_id:
            query["version-id"] = version_id
        return self.control("GET", "explain?" + urllib.parse.urlencode(query))

    # raw HTTP

    def raw(self, request: bytes, *, timeout_s: float = 5.0, half_close: bool = False) -> bytes:
        """Send bytes and read until the server closes or ``timeout_s`` passes in silence."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as connection:
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except TimeoutError:
                pass
            return received
