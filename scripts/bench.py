#!/usr/bin/env python3
"""First figures of the emulator: PUT/s, GET/s, replicated objects/s, start time, idle memory.

The server runs pinned to one core, the client on another. Requests are 1 KiB objects, signed with
V4 beforehand, over 16 keep-alive connections; the data folder is on disk with full durability.

    scripts/bench.py [--objects N] [--backlog N] [--connections N] [--durability NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from emulator.protocol.signing import (  # noqa: E402
    Credentials,
    Scheme,
    Signer,
    SigningRequest,
    request_target,
)

BODY = b"x" * 1024
KEY_A, SECRET_A = "LTAIemulatorA", "emulatorSecretA"
REGION = "cn-hangzhou"
START_ROUNDS = 5
SERVER_CORE, CLIENT_CORE = 0, 1

RULE = """<ReplicationConfiguration><Rule><Action>ALL</Action><Destination>
<Bucket>dest-bucket</Bucket><Location>oss-cn-shanghai</Location></Destination>
<HistoricalObjectReplication>disabled</HistoricalObjectReplication>
<SyncRole>roleNameTest</SyncRole></Rule></ReplicationConfiguration>"""


class Server:
    """``ossemu serve`` pinned to one core."""

    def __init__(self, data: str, durability: str) -> None:
        command = [sys.executable, "-m", "emulator", "serve", "--port", "0", "--data", data]
        command += ["--world", str(ROOT / "fixtures" / "cross-account.yaml")]
        command += ["--durability", durability, "--clock", "virtual", "--log", "warning"]
        started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.port = int(line.rsplit(":", 1)[1])
        self.control("GET", "health/ready")
        self.start_s = time.perf_counter() - started

    def control(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """One call of the control API."""
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}/_emulator/{path}"
        with urllib.request.urlopen(
            urllib.request.Request(url, data=data, method=method), timeout=600
        ) as response:
            return dict(json.loads(response.read()))

    def memory_mib(self) -> float:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(each for each in status.splitlines() if each.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()


def wire(method: str, bucket: str, key: str, body: bytes = b"", query: str = "") -> bytes:
    """One signed request as bytes."""
    signer = Signer(
        credentials=Credentials(access_key_id=KEY_A, secret=SECRET_A),
        scheme=Scheme.V4,
        region=REGION,
    )
    pairs = tuple((part.partition("=")[0], None) for part in query.split("&") if part)
    if "comp=add" in query:
        pairs = (("replication", None), ("comp", "add"))
    base = SigningRequest(
        method=method, bucket=bucket, key=key, query=pairs, headers=(("content-type", "a/b"),)
    )
    headers = signer.headers(base, time.time())
    lines = [f"{method} {request_target(base)} HTTP/1.1", "host: 127.0.0.1", "content-type: a/b"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def drive(port: int, requests: list[bytes], connections: int) -> tuple[float, list[float]]:
    """Send all requests over keep-alive connections: seconds in all, and of each request."""
    queue = iter(requests)
    latencies: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in queue:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 20"):
                raise SystemExit(f"refused: {head!r} {await reader.read(2000)!r}")
            at = head.lower().find(b"content-length:")
            if at >= 0:
                await reader.readexactly(int(head[at + 15 : head.index(b"\r", at)]))
            latencies.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return time.perf_counter() - begun, latencies


def report(name: str, count: int, seconds: float, latencies: list[float] | None = None) -> None:
    """Print one figure."""
    text = f"{name:<34}{count / seconds:>12,.0f} /s"
    if latencies:
        ranked = statistics.quantiles(latencies, n=100)
        text += f"    p50 {ranked[49] * 1000:.2f} ms  p99 {ranked[98] * 1000:.2f} ms"
    print(text, flush=True)


def versioning(server: Server) -> None:
    """Switch versioning on in both buckets, by the world."""
    world = (ROOT / "fixtures" / "cross-account.yaml").read_text()
    world = world.replace(
        "{name: src-bucket, region: cn-hangzhou}",
        "{name: src-bucket, region: cn-hangzhou, versioning: Enabled}",
    ).replace("region: cn-shanghai\n", "region: cn-shanghai\n        versioning: Enabled\n")
    url = f"http://127.0.0.1:{server.port}/_emulator/world"
    request = urllib.request.Request(url, data=world.encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        response.read()


async def measure(options: argparse.Namespace, data: str) -> None:
    """All figures."""
    starts = []
    for each in range(START_ROUNDS):
        server = Server(f"{data}/start{each}", options.durability)
        starts.append(server.start_s)
        idle = server.memory_mib()
        server.stop()
    print(f"{'start to ready':<34}{statistics.median(starts):>12.2f} s  (median of {START_ROUNDS})")
    print(f"{'idle memory':<34}{idle:>12.1f} MiB")
    server = Server(f"{data}/load", options.durability)
    try:
        count = options.objects
        puts = [wire("PUT", "src-bucket", f"bench/{n:07d}", BODY) for n in range(count)]
        report("PUT 1 KiB", count, *await drive(server.port, puts, options.connections))
        gets = [wire("GET", "src-bucket", f"bench/{n:07d}") for n in range(count)]
        report("GET 1 KiB", count, *await drive(server.port, gets, options.connections))
        print(f"{'memory after that':<34}{server.memory_mib():>12.1f} MiB")
    finally:
        server.stop()
    server = Server(f"{data}/replication", options.durability)
    try:
        versioning(server)
        rule = wire("POST", "src-bucket", "", RULE.encode(), "replication&comp=add")
        await drive(server.port, [rule], 1)
        count = options.backlog
        puts = [wire("PUT", "src-bucket", f"bench/{n:07d}", BODY) for n in range(count)]
        driven = await drive(server.port, puts, options.connections)
        report("PUT 1 KiB under a rule", count, *driven)
        server.control("POST", "clock", {"mode": "virtual"})
        begun = time.perf_counter()
        counts = server.control("POST", "settle", {"advance": True})
        seconds = time.perf_counter() - begun
        if counts["applied"] != count:
            raise SystemExit(f"not everything was replicated: {counts}")
        report("replicated from a backlog", count, seconds)
        print(f"{'memory after that':<34}{server.memory_mib():>12.1f} MiB")
    finally:
        server.stop()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--backlog", type=int, default=50_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--durability", default="power")
    options = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as data:
        asyncio.run(measure(options, data))


if __name__ == "__main__":
    main()
