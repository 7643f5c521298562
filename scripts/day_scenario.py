#!/usr/bin/env python3
"""A day of replication in less than a minute: traffic with a tide, an outage, time control on.

200,000 objects are written over 24 hours of a virtual clock to a bucket in Hangzhou, which a rule
with replication time control copies to Shanghai over a link of limited bandwidth. The link is down
for an hour in the afternoon. At the end the report of time control is printed.

    scripts/day_scenario.py [--objects 200000] [--seed 1] [--log FILE] [--twice]

``--log`` writes every outcome of the engine as a line of JSON. Runs with the same seed write the
same bytes; ``--twice`` runs the day again and compares.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import math
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import uvloop
from fastcrc.crc64 import xz as crc64_of

from emulator.access.audit import Audit
from emulator.access.policy.cache import PolicyCache
from emulator.app.replicating import Given, Replicating, build_replication
from emulator.clock import VirtualClock
from emulator.config import MEMORY, Settings
from emulator.domain.model import Acl, Bucket, ObjectVersion, StagedBlob, StorageClass
from emulator.domain.objects import Content, Moment, ObjectWrite, copy_object, put_object
from emulator.kms.vault import Vault
from emulator.replication.desk_records import RtcReport
from emulator.replication.outcomes import Outcome
from emulator.replication.ports import ReplicationTx
from emulator.replication.rules import RequestedRule
from emulator.replication.timing.records import PairTiming, TimingDocument
from emulator.rng import SeededRng
from emulator.storage.memory import MemoryBlobStore
from emulator.storage.sqlite.store import SqliteStore
from emulator.world.document import read_world
from emulator.world.load import load_world

MIDNIGHT_MS = 1_799_971_200_000  # 2027-01-15T00:00:00Z
DAY_S = 86_400
STEP_S = 2  # writes and replicas of two seconds share an instant: what is told is as fine
OUTAGE_S = (15 * 3600, 16 * 3600)
_MINUTES = 1440
_SIZES = ((1_024, 60), (16_384, 30), (262_144, 8), (1_048_576, 2))  # bytes, share of the objects
_ENCODE = msgspec.json.Encoder().encode
_REPEATED = 0.05  # of the writes: to a key that is there already
_BAR_CHARS = 30
_SHOWN_S = (2, 5, 10, 60, 600, 1200, 2400, 3600, 86_400)  # bounds of the printed latencies

LINK = {
    "timing": "link",
    "start_delay_s": "0",
    "link_bandwidth_bytes_per_s": "600000",
    "link_latency_s": "0.08",
    "link_jitter_s": "0.05",
    "link_parallel": "16",
}

WORLD = """
accounts:
  - uid: "1000000000000001"
    name: day
    keys: [{id: LTAIday, secret: daySecret}]
    roles:
      - name: AliyunOSSRole
        policies: [AliyunOSSFullAccess]
        trust:
          Version: "1"
          Statement:
            - Effect: Allow
              Action: "sts:AssumeRole"
              Principal: {Service: ["oss.aliyuncs.com"]}
    buckets:
      - {name: day-source, region: cn-hangzhou, versioning: Enabled}
      - {name: day-target, region: cn-shanghai, versioning: Enabled}
      - {name: day-templates, region: cn-hangzhou}
"""


class Write(NamedTuple):
    """One write of the day."""

    at_ms: int
    key: str
    size_bytes: int


def day_of(objects: int, seed: int) -> list[Write]:
    """The writes of a day, in order: few at night, most at noon. Fixed by the seed."""
    chance = random.Random(seed)
    tide = [1 + 0.85 * math.sin(2 * math.pi * (m / _MINUTES - 0.25)) for m in range(_MINUTES)]
    minutes = chance.choices(range(_MINUTES), tide, k=objects)
    instants = sorted(minute * 60_000 + chance.randrange(60_000) for minute in minutes)
    sizes = chance.choices([size for size, _ in _SIZES], [n for _, n in _SIZES], k=objects)
    writes: list[Write] = []
    for number, (at_ms, size) in enumerate(zip(instants, sizes, strict=True)):
        key = f"{at_ms // 3_600_000:02d}/{number:07d}"
        if writes and chance.random() < _REPEATED:
            key = writes[chance.randrange(len(writes))].key
        writes.append(Write(at_ms, key, size))
    return writes


class Day:
    """One run: the stores, the engine and the clock, and what came of it."""

    def __init__(self, seed: int, log: BinaryIO) -> None:
        self.clock = VirtualClock(MIDNIGHT_MS)
        self._rng = SeededRng(seed)
        self._store = SqliteStore.open(MEMORY)
        self._vault = Vault(bytes(32), os.urandom)
        self._log = log
        self.outcomes = 0
        self.replication = self._build(seed)
        self.replication.desk.listen(self._note)

    def _build(self, seed: int) -> Replicating:
        blobs = MemoryBlobStore(rng=self._rng, known=self._store.known_files)
        given = Given(
            store=self._store,
            blobs=blobs,
            clock=self.clock,
            rng=self._rng,
            vault=self._vault,
            policies=PolicyCache(),
            audit=Audit(0),
        )
        return build_replication(Settings(data=MEMORY, seed=seed, replication=LINK), given)

    def _note(self, outcome: Outcome) -> None:
        self.outcomes += 1
        self._log.write(_ENCODE(outcome) + b"\n")

    async def begin(self) -> None:
        """Make the buckets, the objects that all others are copies of, and the rule."""
        await load_world(self._store, read_world(WORLD, "day"), self.clock.now_ms(), self._vault)
        await self._store.write(self._put_templates)
        wanted = RequestedRule(
            rule_id="day",
            destination_bucket="day-target",
            destination_location="oss-cn-shanghai",
            historical="disabled",
            sync_role="AliyunOSSRole",
            rtc_status="enabled",
        )
        await self.replication.service.add_rule(self._bucket("day-source"), [wanted])
        self.clock.advance(60_000)
        await self.replication.engine.run_due()

    def _put_templates(self, tx: ReplicationTx) -> None:
        moment = Moment(self.clock.now_ms(), self._rng)
        bucket = tx.bucket("day-templates")
        assert bucket is not None
        for size_bytes, _ in _SIZES:
            data = self._rng.hex(16).encode() * (size_bytes // 16)
            content = Content(
                staged=StagedBlob(size_bytes=size_bytes, data=data),
                size_bytes=size_bytes,
                etag=hashlib.md5(data, usedforsecurity=False).hexdigest().upper(),
                crc64=crc64_of(data),
            )
            put_object(tx, bucket, _write(str(size_bytes)), content, moment)

    async def live(self, writes: list[Write]) -> None:
        """The 24 hours, in steps of ``STEP_S``: write what comes, carry out what is due."""
        source = self._bucket("day-source")
        templates = self._templates()
        began_ms = self.clock.now_ms()
        at = 0
        for begin_s in range(0, DAY_S, STEP_S):
            if begin_s in OUTAGE_S:
                await self._switch_link(down=begin_s == OUTAGE_S[0])
            until_ms = (begin_s + STEP_S) * 1000
            first = at
            while at < len(writes) and writes[at].at_ms < until_ms:
                at += 1
            self.clock.set(began_ms + until_ms)
            if at > first:
                await self._put(source, templates, writes[first:at])
            await self._run_due()
            if begin_s % 600 == 0:
                show_progress(begin_s / DAY_S)
        await self.replication.engine.settle(self.clock)
        show_progress(1)

    async def _put(
        self, bucket: Bucket, templates: dict[int, ObjectVersion], writes: list[Write]
    ) -> None:
        def work(tx: ReplicationTx) -> None:
            moment = Moment(self.clock.now_ms(), self._rng)
            for write in writes:
                copy_object(tx, bucket, _write(write.key), templates[write.size_bytes], moment)

        await self._store.write(work)

    async def _run_due(self) -> None:
        """Only if something is due: most seconds of the night are empty."""
        due_ms = self.replication.engine.next_due_ms()
        if due_ms is not None and due_ms <= self.clock.now_ms():
            await self.replication.engine.run_due()

    async def _switch_link(self, *, down: bool) -> None:
        # the other figures of the link are those of the settings
        entry = PairTiming(source="cn-hangzhou", to="cn-shanghai", down=down)
        await self.replication.desk.timing.put_timing(TimingDocument(regions=(entry,)))

    def _bucket(self, name: str) -> Bucket:
        with self._store.read() as view:
            found = view.bucket(name)
        assert found is not None, name
        return found

    def _templates(self) -> dict[int, ObjectVersion]:
        bucket = self._bucket("day-templates")
        with self._store.read() as view:
            found = [view.current_version(bucket.id, str(size)) for size, _ in _SIZES]
        return {version.size_bytes: version for version in found if version is not None}

    def report(self) -> RtcReport:
        """What replication time control came to."""
        return self.replication.desk.rtc("day-source", "day")[0]

    async def end(self) -> None:
        """Close the store."""
        await self._store.close()


def _write(key: str) -> ObjectWrite:
    return ObjectWrite(
        key=key,
        acl=Acl.DEFAULT,
        storage_class=StorageClass.STANDARD,
        headers_json='{"content-type":"application/octet-stream"}',
    )


def show_progress(share: float) -> None:
    """A bar on a terminal; nothing anywhere else."""
    if not sys.stderr.isatty():
        return
    done = round(share * _BAR_CHARS)
    bar = "#" * done + "." * (_BAR_CHARS - done)
    hour = int(share * 24)
    sys.stderr.write(f"\r  [{bar}] {hour:02d}:00 of the day" + ("\n" if share >= 1 else ""))
    sys.stderr.flush()


async def run(objects: int, seed: int, log_path: Path) -> tuple[RtcReport, str]:
    """Live one day and say what came of it; the lines of its log go to ``log_path``."""
    writes = day_of(objects, seed)
    with log_path.open("wb") as log:
        day = Day(seed, log)
        await day.begin()
        began_s = time.perf_counter()
        await day.live(writes)
        took_s = time.perf_counter() - began_s
        report, outcomes = day.report(), day.outcomes
        assert report.latency.objects == objects, report  # every version has arrived
        await day.end()
    figures = (
        f"{objects:,} objects, {outcomes:,} outcomes, one day in {took_s:.1f} s "
        f"({objects / took_s:,.0f} objects/s)"
    )
    return report, figures


def said(report: RtcReport) -> list[str]:
    """The report as lines for a person."""
    latency = report.latency
    share = 0.0 if report.within_share is None else report.within_share
    lines = [
        f"replication time control of rule {report.rule}: {report.source_bucket} to "
        f"{report.destination_bucket}, {report.status.value} since {report.in_effect_since}",
        f"  within {report.threshold_s:.0f} s   {report.within:>9,} of {report.objects:,} "
        f"({100 * share:.3f} %)",
        f"  missed       {report.missed:>9,}   caught up {report.caught_up:,}, "
        f"still missing {report.still_missing:,}",
        f"  latency      mean {latency.mean_s} s, p50 {latency.p50_s} s, p90 {latency.p90_s} s, "
        f"p99 {latency.p99_s} s, p99.99 {latency.p9999_s} s, longest {latency.max_s} s",
        "  distribution",
    ]
    counts = [
        sum(count for bound_s, count in latency.distribution if low_s < bound_s <= high_s)
        for low_s, high_s in itertools.pairwise((-1, *_SHOWN_S))
    ]
    for high_s, count in zip(_SHOWN_S, counts, strict=True):
        bar = "#" * math.ceil(_BAR_CHARS * count / max(1, *counts))
        lines.append(f"    up to {high_s:>5} s {count:>9,} {bar}".rstrip())
    return lines


def digest_of(path: Path) -> str:
    """What two logs are compared by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """Read the arguments, live the day once or twice, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="where every outcome goes, as lines of JSON")
    parser.add_argument("--twice", action="store_true", help="run it again and compare the logs")
    arguments = parser.parse_args()
    digests: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ossemu-day-") as folder:
        path = arguments.log or Path(folder) / "outcomes.jsonl"
        for _ in range(2 if arguments.twice else 1):
            report, figures = uvloop.run(run(arguments.objects, arguments.seed, path))
            digests.append(digest_of(path))
            sys.stdout.write(f"{figures}\n  outcomes sha256 {digests[-1]}\n")
    sys.stdout.write("\n".join(said(report)) + "\n")
    if len(set(digests)) > 1:
        sys.stdout.write("the two logs differ\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
