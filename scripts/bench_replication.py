"""The figures of replication, with the bars they have to pass.

    backlog   objects a second from a backlog, on one pinned core
    large     from the commit of a 1 GiB object to its replica, over HTTP
    lag       from the answer to a PUT to its replica, at a steady rate, over HTTP
    backfill  the history of a large bucket, with live writes meanwhile, on one pinned core

Every rule is across accounts and regions between versioned buckets, with a role that has exactly
the documented rights; the store is a data folder with the default durability.

    python scripts/bench_replication.py [PART ...] [--check] [--profile] [--objects 50000] ...
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import bench_served  # noqa: E402

from emulator.domain.model import Bucket  # noqa: E402
from emulator.replication.model import Rule  # noqa: E402
from emulator.replication.ports import ReplicationTx  # noqa: E402
from tests.unit.replication.engine_world import (  # noqa: E402
    ACCOUNT_B,
    ROLE,
    World,
    bucket_policy,
    role_policy,
)

PARTS = ("backlog", "large", "lag", "backfill")
BACKLOG_A_S_MIN = 25_000
LARGE_MS_MAX = 10
LAG_P99_MS_MAX = 25
BACKFILL_S_MAX = 60
BACKFILL_MIB_MAX = 200
LIVE_EVERY_S = 0.01

_PUTS_A_TRANSACTION = 500
_MISSED: list[str] = []

say = sys.stdout.write


def figure(name: str, shown: str, bar: str, *, met: bool) -> None:
    """Print a figure beside its bar."""
    if not met:
        _MISSED.append(name)
    say(f"\r{name:<34}{shown:>26}   bar: {bar:<16}{'met' if met else 'MISSED'}\n")
    sys.stdout.flush()


def aside(name: str, shown: str, more: str) -> None:
    """Print a figure without a bar."""
    say(f"\r{name:<34}{shown:>26}   {more}\n")


def going(text: str) -> None:
    """Say on a terminal how far it is."""
    if sys.stdout.isatty():
        say(f"\r{text:<78}")
        sys.stdout.flush()


def pin() -> None:
    """Keep this process on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def resident_mib() -> float:
    """Resident memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


async def buckets(folder: Path) -> tuple[World, Bucket]:
    """Two buckets and a role; the source."""
    world = World(folder=folder)
    await world.role(role_policy(["src-bucket"]))
    source = await world.bucket("src-bucket")
    await world.bucket(
        "dest-bucket",
        owner_uid=ACCOUNT_B,
        region="cn-shanghai",
        policy=bucket_policy("dest-bucket"),
    )
    return world, source


async def add_rule(world: World, *, historical: bool) -> Rule:
    """A rule, which has not started yet; the source as it records changes."""
    return await world.rule("src-bucket", "dest-bucket", sync_role=ROLE, historical=historical)


async def fill(world: World, bucket: Bucket, objects: int, size: int) -> None:
    """Write objects, every one with bytes of its own."""
    tail = os.urandom(max(size - 8, 0))

    def put(numbers: range) -> Callable[[ReplicationTx], None]:
        def work(tx: ReplicationTx) -> None:
            for number in numbers:
                data = number.to_bytes(8, "big") + tail
                world.put_in(tx, bucket, f"logs/{number:08d}.txt", data)

        return work

    for first in range(0, objects, _PUTS_A_TRANSACTION):
        if first % 50_000 == 0:
            going(f"writing: {first:,} of {objects:,}")
        await world.store.write(put(range(first, min(first + _PUTS_A_TRANSACTION, objects))))


async def measure_backlog(folder: Path, objects: int, size: int, profile: bool) -> None:
    """Objects a second."""
    world, _ = await buckets(folder)
    await add_rule(world, historical=False)
    await world.due()
    with world.store.read() as view:
        source = view.bucket("src-bucket")
    assert source is not None
    await fill(world, source, objects, size)
    profiler = cProfile.Profile() if profile else None
    if profiler is not None:
        profiler.enable()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    counts = await world.due()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    if profiler is not None:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    assert counts.applied == objects, counts
    assert len(world.listed("dest-bucket")) == min(objects, 10_000)
    await world.store.close()
    figure(
        f"backlog of {objects:,} x {size} bytes",
        f"{objects / took_s:,.0f} /s, {1e6 * cpu_s / objects:.1f} µs CPU",
        f"{BACKLOG_A_S_MIN:,} /s",
        met=objects / took_s >= BACKLOG_A_S_MIN,
    )


async def write_live(world: World, lags_ms: list[float]) -> None:
    """Write an object now and then, and wait for its replica, until cancelled."""
    with world.store.read() as view:
        destination = view.bucket("dest-bucket")
    assert destination is not None
    for number in range(10**9):
        key = f"live/{number:08d}"
        await world.put("src-bucket", key)
        committed_s = time.perf_counter()
        world.engine.wake()
        while True:
            with world.store.read() as view:
                if view.current_version(destination.id, key) is not None:
                    break
            await asyncio.sleep(0.0005)
        lags_ms.append(1000 * (time.perf_counter() - committed_s))
        await asyncio.sleep(LIVE_EVERY_S)


async def measure_backfill(folder: Path, objects: int, profile: bool) -> None:
    """Seconds, and memory while it goes on."""
    world, source = await buckets(folder)
    await fill(world, source, objects, 64)
    await world.store.close()
    world = World(folder=folder)
    began_mib = resident_mib()
    rule = await add_rule(world, historical=True)
    lags_ms: list[float] = []
    most_mib, ratio = 0.0, 0.0
    profiler = cProfile.Profile() if profile else None
    if profiler is not None:
        profiler.enable()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    tasks = [asyncio.create_task(world.engine.run())]
    tasks.append(asyncio.create_task(write_live(world, lags_ms)))
    while ratio < 1:
        await asyncio.sleep(0.1)
        with world.store.read() as view:
            found = view.rule_by_uid(rule.uid)
        assert found is not None
        ratio = 1 if found.history.done else found.history.taken / max(1, found.history.total)
        most_mib = max(most_mib, resident_mib())
        going(f"backfill: {ratio:.0%}, {most_mib:.0f} MiB")
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    if profiler is not None:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    for task in reversed(tasks):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert found.history.taken == found.history.total == objects
    await world.store.close()
    figure(
        f"backfill of {objects:,} objects",
        f"{took_s:.1f} s, {1e6 * cpu_s / objects:.1f} µs CPU",
        f"{BACKFILL_S_MAX} s",
        met=took_s <= BACKFILL_S_MAX * objects / 1_000_000,
    )
    figure(
        "  most memory",
        f"{most_mib:.0f} MiB, {began_mib:.0f} before",
        f"{BACKFILL_MIB_MAX} MiB",
        met=most_mib < BACKFILL_MIB_MAX,
    )
    ranked = statistics.quantiles(lags_ms, n=100)
    aside(
        "  lag of live writes meanwhile",
        f"p50 {ranked[49]:.1f}, p99 {ranked[98]:.1f} ms",
        f"most {max(lags_ms):.0f} ms of {len(lags_ms)}",
    )


def measure_served(parts: list[str], rate: int, seconds: float) -> None:
    """The figures over HTTP."""
    os.sched_setaffinity(0, {bench_served.bench.CLIENT_CORE})
    with (
        tempfile.TemporaryDirectory(
            prefix="ossemu-bench-", dir=os.environ.get("BENCH_DIR")
        ) as data,
        bench_served.serving(data) as server,
    ):
        if "large" in parts:
            took_ms = asyncio.run(bench_served.large_object_ms(server.port, rounds=9))
            figure(
                "1 GiB object, commit to replica",
                f"{took_ms:.1f} ms",
                f"{LARGE_MS_MAX} ms",
                met=took_ms < LARGE_MS_MAX,
            )
        if "lag" in parts:
            going(f"{rate} PUT/s for {seconds:.0f} s")
            found = asyncio.run(bench_served.SteadyRun(server.port, rate, seconds).run())
            figure(
                f"lag at {found.rate:,.0f} PUT/s",
                f"p50 {found.lag_p50_ms:.1f}, p99 {found.lag_p99_ms:.1f} ms",
                f"p99 {LAG_P99_MS_MAX} ms",
                met=found.lag_p99_ms < LAG_P99_MS_MAX and found.rate > 0.98 * rate,
            )
            aside(
                "  answers to those PUTs",
                f"p50 {found.put_p50_ms:.1f}, p99 {found.put_p99_ms:.1f} ms",
                f"{found.samples} replicas looked for",
            )


def main() -> None:
    """Read the arguments and measure the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="some of them; default: all")
    parser.add_argument("--objects", type=int, default=50_000, help="of the backlog")
    parser.add_argument("--size", type=int, default=1024, help="of an object of the backlog")
    parser.add_argument("--rounds", type=int, default=3, help="of the backlog")
    parser.add_argument("--history", type=int, default=1_000_000, help="objects of the backfill")
    parser.add_argument("--rate", type=int, default=1_000, help="PUTs a second")
    parser.add_argument("--seconds", type=float, default=20, help="of the steady rate")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--check", action="store_true", help="fail if a bar is missed")
    arguments = parser.parse_args()
    parts = arguments.parts or list(PARTS)
    if not set(parts) <= set(PARTS):
        parser.error(f"the parts are {', '.join(PARTS)}")
    if set(parts) & {"large", "lag"}:
        measure_served(parts, arguments.rate, arguments.seconds)
    pin()
    for _ in range(arguments.rounds if "backlog" in parts else 0):
        with tempfile.TemporaryDirectory(prefix="ossemu-bench-") as folder:
            backlog = measure_backlog(
                Path(folder), arguments.objects, arguments.size, arguments.profile
            )
            asyncio.run(backlog)
    if "backfill" in parts:
        with tempfile.TemporaryDirectory(prefix="ossemu-bench-") as folder:
            asyncio.run(measure_backfill(Path(folder), arguments.history, arguments.profile))
    if _MISSED and arguments.check:
        sys.exit(f"missed: {', '.join(name.strip() for name in _MISSED)}")


if __name__ == "__main__":
    main()
