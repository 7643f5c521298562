"""Figures of replication as clients of a served emulator see them; see bench_replication.py.

The server runs pinned to one core, the client to the other, on the real clock, with full
durability, between versioned buckets of two accounts with a role that has the documented rights.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import bench
import msgspec

from emulator.protocol.signing import (
    Credentials,
    Scheme,
    Signer,
    SigningRequest,
    request_target,
)

KEY_B, SECRET_B = "LTAIemulatorB", "emulatorSecretB"
REGION_B = "cn-shanghai"
PART_BYTES = 64 << 20
PARTS = 16
SAMPLED_EVERY = 20
WARM_UP_S = 2
CONNECTIONS = 32
SAMPLERS = 8
_SIGNER_A = Signer(
    credentials=Credentials(access_key_id=bench.KEY_A, secret=bench.SECRET_A),
    scheme=Scheme.V4,
    region=bench.REGION,
)
_SIGNER_B = Signer(
    credentials=Credentials(access_key_id=KEY_B, secret=SECRET_B),
    scheme=Scheme.V4,
    region=REGION_B,
)


class Latencies(msgspec.Struct, frozen=True):
    """What the steady run showed, in milliseconds."""

    rate: float  # PUTs a second that were answered
    put_p50_ms: float
    put_p99_ms: float
    lag_p50_ms: float
    lag_p99_ms: float
    samples: int


def signed(
    signer: Signer,
    method: str,
    bucket: str,
    key: str,
    *,
    query: tuple[tuple[str, str | None], ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> bytes:
    """One request as bytes."""
    request = SigningRequest(method=method, bucket=bucket, key=key, query=query, headers=headers)
    sent = [*headers, *signer.headers(request, time.time()).items()]
    lines = [f"{method} {request_target(request)} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in sent]
    lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = b""
        if length is not None and not request.startswith(b"HEAD"):
            body = await self._reader.readexactly(int(length[1]))
        return int(head[9:12]), head, body

    async def ask_well(self, request: bytes) -> tuple[bytes, bytes]:
        """Head and body of an answer that must be a success."""
        status, head, body = await self.ask(request)
        if status // 100 != 2:
            raise SystemExit(f"refused: {head!r} {body!r}")
        return head, body

    async def visible_s(self, head_request: bytes) -> float:
        """The instant when a replica was first seen."""
        while True:
            status, _, _ = await self.ask(head_request)
            if status == 200:
                return time.perf_counter()
            if status != 404:
                raise SystemExit(f"the replica cannot be asked for: {status}")

    def close(self) -> None:
        """Let go of it."""
        self._writer.close()


@contextmanager
def serving(data: str) -> Iterator[bench.Server]:
    """A server with a started rule, on the real clock."""
    server = bench.Server(data, "power")
    try:
        bench.versioning(server)
        rule = bench.wire("POST", "src-bucket", "", bench.RULE.encode(), "replication&comp=add")
        asyncio.run(bench.drive(server.port, [rule], 1))
        server.control("POST", "settle", {"advance": True})
        server.control("POST", "clock", {"mode": "real"})
        yield server
    finally:
        server.stop()


def head_of_replica(key: str) -> bytes:
    """The request that finds a replica."""
    return signed(_SIGNER_B, "HEAD", "dest-bucket", key)


async def large_object_ms(port: int, rounds: int) -> float:
    """From the answer to CompleteMultipartUpload of 1 GiB to the replica; the median.

    The parts are copies of one object and share its content, so that little is written.
    """
    asking, looking = await Connection.open(port), await Connection.open(port)
    part = os.urandom(1 << 20) * (PART_BYTES >> 20)
    await asking.ask_well(signed(_SIGNER_A, "PUT", "src-bucket", "part", body=part))
    await looking.visible_s(head_of_replica("part"))
    took: list[float] = []
    for number in range(rounds):
        key = f"large-{number}"
        complete = await _copied_parts(asking, key)
        head = head_of_replica(key)
        await asking.ask_well(complete)
        answered_s = time.perf_counter()
        took.append(1000 * (await looking.visible_s(head) - answered_s))
    asking.close()
    looking.close()
    return statistics.median(took)


async def _copied_parts(asking: Connection, key: str) -> bytes:
    """Upload 1 GiB as copies of one part; the request that completes the upload."""
    _, body = await asking.ask_well(
        signed(_SIGNER_A, "POST", "src-bucket", key, query=(("uploads", None),))
    )
    upload_id = body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    parts = []
    for number in range(1, PARTS + 1):
        _, body = await asking.ask_well(
            signed(
                _SIGNER_A,
                "PUT",
                "src-bucket",
                key,
                query=(("partNumber", str(number)), ("uploadId", upload_id)),
                headers=(("x-oss-copy-source", "/src-bucket/part"),),
            )
        )
        etag = body.partition(b"<ETag>")[2].partition(b"</ETag>")[0].decode()
        parts.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    listed = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
    return signed(
        _SIGNER_A, "POST", "src-bucket", key, query=(("uploadId", upload_id),), body=listed
    )


class SteadyRun:
    """PUTs of 1 KiB at a fixed rate, whatever becomes of the ones before; replicas looked for.

    Of one in ``SAMPLED_EVERY`` the lag is measured: from its answer to its replica seen.
    """

    def __init__(self, port: int, rate: int, seconds: float) -> None:
        self._port = port
        self._rate = rate
        self._count = int(rate * (seconds + WARM_UP_S))
        self._warm = rate * WARM_UP_S
        self._puts_ms: list[float] = []
        self._lags_ms: list[float] = []
        self._answered: asyncio.Queue[tuple[int, float] | None] = asyncio.Queue()
        self._puts = [
            bench.wire("PUT", "src-bucket", f"steady/{n:07d}", bench.BODY)
            for n in range(self._count)
        ]
        self._heads = {
            n: head_of_replica(f"steady/{n:07d}") for n in range(0, self._count, SAMPLED_EVERY)
        }

    async def run(self) -> Latencies:
        """All of it."""
        numbers = iter(range(self._count))
        began_s = time.perf_counter() + 0.05
        looking = [asyncio.create_task(self._look()) for _ in range(SAMPLERS)]
        await asyncio.gather(*(self._put(numbers, began_s) for _ in range(CONNECTIONS)))
        took_s = time.perf_counter() - began_s
        for _ in looking:
            self._answered.put_nowait(None)
        await asyncio.gather(*looking)
        puts, lags = (statistics.quantiles(ms, n=100) for ms in (self._puts_ms, self._lags_ms))
        return Latencies(
            self._count / took_s, puts[49], puts[98], lags[49], lags[98], len(self._lags_ms)
        )

    async def _put(self, numbers: Iterator[int], began_s: float) -> None:
        connection = await Connection.open(self._port)
        for number in numbers:
            due_s = began_s + number / self._rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            await connection.ask_well(self._puts[number])
            answered_s = time.perf_counter()
            if number >= self._warm:
                self._puts_ms.append(1000 * (answered_s - due_s))
            if number in self._heads:
                self._answered.put_nowait((number, answered_s))
        connection.close()

    async def _look(self) -> None:
        connection = await Connection.open(self._port)
        while (found := await self._answered.get()) is not None:
            number, answered_s = found
            seen_s = await connection.visible_s(self._heads[number])
            if number >= self._warm:
                self._lags_ms.append(1000 * (seen_s - answered_s))
        connection.close()
