"""What a change costs with many rules: matching it, and finding what is due.

One pinned core, versioned buckets in a data folder, a role with the documented rights. A change
is taken in from a backlog, or alone: written and replicated before the next one, as live traffic
that the engine keeps up with.

    python scripts/bench_rules.py [--changes 10000] [--live 1000] [--check]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from emulator.domain.model import Bucket
from emulator.replication.ports import ReplicationTx
from tests.unit.replication.engine_world import (
    DESTINATION_ACTIONS,
    ROLE,
    SOURCE_ACTIONS,
    World,
    role_policy,
)

REGIONS = ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen")
RATIO_MAX = 1.5  # of the cost with many rules to that with one, one of them being concerned


class Shape(msgspec.Struct, frozen=True):
    """Rules over buckets, and whom the changes concern."""

    name: str
    sources: int
    rules_each: int
    prefixes_each: int
    spread: bool  # over all rules; otherwise the changes concern one rule of one bucket


SHAPES = (
    Shape("1 rule on the bucket", 1, 1, 1, spread=False),
    Shape("10 rules, one concerned", 1, 10, 1, spread=False),
    Shape("100 rules, one concerned", 1, 100, 1, spread=False),
    Shape("10 rules, each its share", 1, 10, 1, spread=True),
    Shape("100 rules, each its share", 1, 100, 1, spread=True),
    Shape("1 rule of 10 prefixes", 1, 1, 10, spread=False),
    Shape("1,000 rules of 10, one concerned", 100, 10, 10, spread=False),
    Shape("1,000 rules of 10, each its share", 100, 10, 10, spread=True),
)


def prefix(rule: int, number: int) -> str:
    """A prefix of a rule; no two of a bucket overlap."""
    return f"rule-{rule:03d}/part-{number:02d}/"


async def build(folder: Path, shape: Shape) -> tuple[World, list[Bucket]]:
    """The rules of a shape, started."""
    world = World(folder=folder)
    sources = [f"source-{number:03d}" for number in range(shape.sources)]
    await world.role(role_policy(["*"], {*SOURCE_ACTIONS, *DESTINATION_ACTIONS}))
    found = [
        await world.bucket(name, region=REGIONS[number % len(REGIONS)])
        for number, name in enumerate(sources)
    ]
    for number in range(shape.rules_each):
        await world.bucket(f"dest-{number:03d}", region=REGIONS[number % len(REGIONS)])
    for source in sources:
        for number in range(shape.rules_each):
            prefixes = tuple(prefix(number, each) for each in range(shape.prefixes_each))
            await world.rule(
                source,
                f"dest-{number:03d}",
                rule_id=f"rule-{number}",
                prefixes=prefixes,
                sync_role=ROLE,
            )
    await world.due()
    return world, found


def key(shape: Shape, number: int) -> str:
    """The key of a change."""
    rule = number // shape.sources % shape.rules_each if shape.spread else shape.rules_each // 2
    return f"{prefix(rule, number % shape.prefixes_each)}{number:07d}"


async def fill(world: World, shape: Shape, sources: list[Bucket], changes: range) -> None:
    """Write objects, spread over the buckets or into the first."""

    def work(tx: ReplicationTx) -> None:
        for number in changes:
            bucket = sources[number % len(sources) if shape.spread else 0]
            world.put_in(tx, bucket, key(shape, number), b"%d" % number)

    await world.store.write(work)


async def measure(folder: Path, shape: Shape, changes: int, live: int) -> tuple[float, float]:
    """Microseconds of CPU a change: from a backlog, and alone."""
    world, sources = await build(folder, shape)
    for first in range(0, changes, 500):
        await fill(world, shape, sources, range(first, min(first + 500, changes)))
    began_s = time.process_time()
    counts = await world.due()
    backlog_us = 1e6 * (time.process_time() - began_s) / changes
    assert counts.applied == changes, counts
    rules = 1 if shape.sources > 1 else shape.rules_each
    assert shape.sources > 1 or counts.skipped == changes * (rules - 1), counts
    alone_s = 0.0
    for number in range(changes, changes + live):
        await fill(world, shape, sources, range(number, number + 1))
        began_s = time.process_time()
        counts = await world.due()
        alone_s += time.process_time() - began_s
        assert counts.applied == 1, counts
    await world.store.close()
    return backlog_us, 1e6 * alone_s / max(1, live)


def main() -> None:
    """Measure every shape and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--live", type=int, default=1_000)
    parser.add_argument("--check", action="store_true", help="fail if a bar is missed")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    say = sys.stdout.write
    say(f"{'microseconds of CPU a change':<36}{'backlog':>9}{'':>8}{'alone':>9}\n")
    missed = False
    one: tuple[float, float] | None = None
    for shape in SHAPES:
        with tempfile.TemporaryDirectory(prefix="ossemu-bench-") as folder:
            cost = asyncio.run(measure(Path(folder), shape, arguments.changes, arguments.live))
        if shape.sources == shape.rules_each == 1:
            one = cost
        assert one is not None
        ratios = [cost[0] / one[0], cost[1] / one[1]]
        missed = missed or (not shape.spread and max(ratios) > RATIO_MAX)
        say(f"{shape.name:<36}{cost[0]:>9.1f}  x{ratios[0]:<5.2f}")
        say(f"{cost[1]:>9.1f}  x{ratios[1]:.2f}\n")
    say(f"bar: at most x{RATIO_MAX} where one rule is concerned: {'missed' if missed else 'met'}\n")
    sys.exit(1 if missed and arguments.check else 0)


if __name__ == "__main__":
    main()
