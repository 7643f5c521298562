"""Bodies too large to hold: generated while they are sent, checked while they come in."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import fastcrc

from tests.support.wire import Call, read_head, signed_head

MIB = 1 << 20
_PIECE_BYTES = MIB
_SILENCE_S_MAX = 120.0
_SAMPLE_EVERY_S = 0.05


class PatternedContent:
    """Bytes of any length that repeat nowhere at the same offset of a piece.

    One random piece, numbered at its start: cheap to make, and a lost, doubled or swapped piece
    changes both hashes.
    """

    def __init__(self, size_bytes: int, seed: int = 0) -> None:
        self.size_bytes = size_bytes
        self._piece = hashlib.shake_128(seed.to_bytes(8, "big")).digest(_PIECE_BYTES)

    def pieces(self) -> Iterator[bytes]:
        """All bytes in order."""
        for number in range(-(-self.size_bytes // _PIECE_BYTES)):
            left = self.size_bytes - number * _PIECE_BYTES
            yield (number.to_bytes(8, "big") + self._piece[8:])[:left]


class Digest:
    """MD5 and CRC-64 of what went by."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.crc64 = 0
        self._md5 = hashlib.md5()

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._md5.update(data)
        self.crc64 = fastcrc.crc64.xz(data, self.crc64 if self.size_bytes else None)
        self.size_bytes += len(data)

    @property
    def shown(self) -> tuple[str, str]:
        """ETag and CRC as the headers of an answer show them."""
        return f'"{self._md5.hexdigest().upper()}"', str(self.crc64)


@dataclass(slots=True)
class Transfer:
    """One body that went over the wire: what was hashed here, what the server says, how long."""

    here: Digest
    headers: dict[str, str]
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether both sides saw the same bytes."""
        shown = self.headers.get("etag", ""), self.headers.get("x-oss-hash-crc64ecma", "")
        return self.here.shown == shown

    @property
    def mib_per_s(self) -> float:
        """Throughput."""
        return self.here.size_bytes / MIB / self.seconds


def upload(port: int, bucket: str, key: str, content: PatternedContent) -> Transfer:
    """PutObject of generated content. Raises AssertionError unless it is answered 200."""
    begun, here = time.perf_counter(), Digest()
    call = Call("PUT", bucket, key)
    with socket.create_connection(("127.0.0.1", port), timeout=_SILENCE_S_MAX) as connection:
        connection.sendall(signed_head(call, length_bytes=content.size_bytes))
        for piece in content.pieces():
            here.update(piece)
            connection.sendall(piece)
        headers, _ = _read_answer(connection)
    return Transfer(here, headers, time.perf_counter() - begun)


def download(port: int, bucket: str, key: str) -> Transfer:
    """GetObject, hashed and thrown away. Raises AssertionError unless it is answered 200."""
    begun, here = time.perf_counter(), Digest()
    with socket.create_connection(("127.0.0.1", port), timeout=_SILENCE_S_MAX) as connection:
        connection.sendall(signed_head(Call("GET", bucket, key)))
        headers, rest = _read_answer(connection)
        left = int(headers["content-length"])
        while left:
            piece = rest or connection.recv(min(left, _PIECE_BYTES))
            assert piece, f"the answer ends {left} bytes early"
            here.update(piece)
            left, rest = left - len(piece), b""
    return Transfer(here, headers, time.perf_counter() - begun)


def _read_answer(connection: socket.socket) -> tuple[dict[str, str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(_PIECE_BYTES)
        assert piece, f"no whole answer: {received!r}"
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    status, headers = read_head(head)
    assert status == 200, f"{status} {rest[:2000]!r}"
    return headers, rest


def resident_mib(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the process is gone")


class MemoryWatch:
    """Samples a process's resident memory while it is open; ``most_mib`` is the largest seen."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.first_mib = self.most_mib = resident_mib(pid)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_EVERY_S):
            self.most_mib = max(self.most_mib, resident_mib(self._pid))
