"""How many objects a second the engine replicates from a backlog, on one pinned core.

A rule across accounts and regions between versioned buckets, with a role that has exactly the
documented rights; the store is a data folder with the default durability.

    python scripts/bench_replication.py [--objects 50000] [--size 1024] [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from emulator.domain.model import Bucket
from emulator.replication.ports import ReplicationTx
from tests.unit.replication.engine_world import (
    ACCOUNT_B,
    ROLE,
    World,
    bucket_policy,
    role_policy,
)

_PUTS_A_TRANSACTION = 500


async def fill(world: World, bucket: Bucket, objects: int, size: int) -> None:
    """Write the backlog, every object with bytes of its own."""
    tail = os.urandom(max(size - 8, 0))

    def put(first: int, last: int) -> None:
        def work(tx: ReplicationTx) -> None:
            for number in range(first, last):
                data = number.to_bytes(8, "big") + tail
                world.put_in(tx, bucket, f"logs/{number:08d}.txt", data)

        pending.append(work)

    pending: list[object] = []
    for first in range(0, objects, _PUTS_A_TRANSACTION):
        put(first, min(first + _PUTS_A_TRANSACTION, objects))
    for work in pending:
        await world.store.write(work)  # type: ignore[arg-type]  # a list of works


async def measure(folder: Path, objects: int, size: int, profile: bool) -> float:
    """Objects a second."""
    world = World(folder=folder)
    await world.role(role_policy(["src-bucket"]))
    await world.bucket("src-bucket")
    await world.bucket(
        "dest-bucket",
        owner_uid=ACCOUNT_B,
        region="cn-shanghai",
        policy=bucket_policy("dest-bucket"),
    )
    await world.rule("src-bucket", "dest-bucket", sync_role=ROLE)
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
    sys.stdout.write(
        f"{objects} objects of {size} bytes in {took_s:.2f} s: {objects / took_s:,.0f} objects/s "
        f"({1e6 * cpu_s / objects:.1f} µs of CPU each)\n"
    )
    return objects / took_s


def main() -> None:
    """Read the arguments, pin the process to one core, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=50_000)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="ossemu-bench-") as folder:
            asyncio.run(measure(Path(folder), arguments.objects, arguments.size, arguments.profile))


if __name__ == "__main__":
    main()
