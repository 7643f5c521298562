"""The crash loop: lives of a server under writers, each ended by kill -9, and what is left."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from emulator.storage.sqlite.stats import kept, recount
from tests.fault.ledger import PLAIN, PUT_PREFIX, VERSIONED, Fault, FaultKind, Ledger
from tests.fault.reading import REPLICAS
from tests.fault.upload_reading import Checker
from tests.fault.upload_writer import UploadingWriter
from tests.support.process import KEY_A, KEY_B, SECRET_A, SECRET_B, UID_A, UID_B, EmulatorProcess
from tests.support.wire import Call, Wire

_SETTLE_EVERY = 5
_SAMPLE = 50
_SHORT_LIFE_EVERY, _SHORT_LIFE_S_MAX = 4, 0.1
_SETTLES_MAX = 600
_FIRST_LIFE_OPERATIONS = 120  # before the rules, so that there is history to copy
_KILL_MS = (50, 600)
_LOG_MAX = 3000
_ORPHANS = "SELECT count(*) FROM parts WHERE upload NOT IN (SELECT id FROM uploads)"
_LAGS_S = ("0", "0", "0.2")  # with a lag, changes become stored tasks first
_RULE = """<ReplicationConfiguration><Rule><Action>{action}</Action>{prefixes}<Destination>
<Bucket>{bucket}</Bucket><Location>oss-cn-shanghai</Location></Destination>
<HistoricalObjectReplication>enabled</HistoricalObjectReplication>
<SyncRole>roleNameTest</SyncRole></Rule></ReplicationConfiguration>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a crash loop runs. ``module`` is what is started instead of the emulator itself."""

    folder: Path
    rounds: int
    writers: int = 8
    seed: int = 1
    durability: str = "power"
    module: str = "emulator"
    progress: Callable[[str], None] = lambda _: None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a crash loop found."""

    ledger: Ledger
    kills: int = 0
    seconds: float = 0.0
    start_s_max: float = 0.0
    versions_read: int = 0
    replicas: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """One line."""
        ledger = self.ledger
        kinds = Counter(fault.kind for fault in ledger.faults)
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no faults"
        acknowledged = sum(ledger.acknowledged.values())
        each = " ".join(f"{name}={count}" for name, count in ledger.acknowledged.items())
        return (
            f"{self.kills} kills, {acknowledged} acknowledged writes ({each}), "
            f"{ledger.unknown} unknown; replica entries: {sum(self.replicas.values())}; "
            f"{kinds[FaultKind.LOST]} lost, {found}; "
            f"slowest start {self.start_s_max:.2f} s; {self.seconds:.0f} s"
        )


def world() -> str:
    """Two accounts; two sources in A, one with versions, and two destinations in B for each."""
    trust = {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": ["oss.aliyuncs.com"]},
            }
        ],
    }
    reads = ["oss:ReplicateList", "oss:ReplicateGet"]
    source_right = {"Effect": "Allow", "Action": reads, "Resource": ["acs:oss:*:*:src-*"]}
    destination_right = {
        "Effect": "Allow",
        "Action": [*reads, "oss:ReplicatePut", "oss:ReplicateDelete"],
        "Principal": [f"arn:sts::{UID_A}:assumed-role/rolenametest/*"],
    }

    def bucket(name: str, region: str) -> dict[str, object]:
        states = {"versioning": "Enabled"} if "versioned" in name else {}
        return {"name": name, "region": region, **states}

    def destination(name: str) -> dict[str, object]:
        resource = [f"acs:oss:*:{UID_B}:{name}", f"acs:oss:*:{UID_B}:{name}/*"]
        statement = {**destination_right, "Resource": resource}
        policy = {"Version": "1", "Statement": [statement]}
        return {**bucket(name, "cn-shanghai"), "policy": policy}

    account_a = {
        "uid": UID_A,
        "keys": [{"id": KEY_A, "secret": SECRET_A}],
        "policies": [
            {"name": "replicate", "document": {"Version": "1", "Statement": [source_right]}}
        ],
        "roles": [{"name": "roleNameTest", "trust": trust, "policies": ["replicate"]}],
        "buckets": [bucket(name, "cn-hangzhou") for name in (VERSIONED, PLAIN)],
    }
    account_b = {
        "uid": UID_B,
        "keys": [{"id": KEY_B, "secret": SECRET_B}],
        "buckets": [destination(replica.bucket) for replica in REPLICAS],
    }
    return json.dumps({"accounts": [account_a, account_b]})


class CrashLoop:
    """One data folder, its lives, and the ledger of what clients did in them."""

    def __init__(self, plan: Plan) -> None:
        plan.folder.mkdir(parents=True, exist_ok=True)
        self.data = plan.folder / "data"
        self.outcome = Outcome(ledger=Ledger())
        self._plan = plan
        self._chance = random.Random(plan.seed)
        self._world = plan.folder / "world.yaml"
        self._world.write_text(world())

    def run(self) -> Outcome:
        """All rounds and the check of everything."""
        begun = time.perf_counter()
        for number in range(self._plan.rounds):
            if number % _SHORT_LIFE_EVERY == 2:
                self._with_server(self._short_life)
            lag_s = self._chance.choice(_LAGS_S)
            if not self._with_server(partial(self._life, number=number), lag_s):
                break
            self._plan.progress(
                f"round {number + 1}/{self._plan.rounds}: "
                f"{sum(self.outcome.ledger.acknowledged.values())} acknowledged, "
                f"{len(self.outcome.ledger.faults)} faults"
            )
        self.check_everything()
        self.outcome.seconds = time.perf_counter() - begun
        return self.outcome

    def server(self, lag_s: str = "0") -> EmulatorProcess:
        """The server on the loop's folder."""
        process = EmulatorProcess(
            data=self.data,
            world=self._world,
            clock="real",
            settings=("repl.start_delay_s=0", f"repl.lag_s={lag_s}", "oss.part_bytes_min=0"),
            arguments=("--durability", self._plan.durability),
        )
        process.command[process.command.index("emulator")] = self._plan.module
        return process

    def check_everything(self) -> None:
        """Start again, let replication finish, and look at all there is, then at the files."""
        if self._with_server(lambda server: self._check(server, sample=None)):
            self.check_files()

    def _with_server(
        self, work: Callable[[EmulatorProcess], Awaitable[None]], lag_s: str = "0"
    ) -> bool:
        """Do something with a server; False, and a fault, when the server failed on the way."""
        server = self.server(lag_s)
        begun = time.perf_counter()
        with ExitStack() as ending:
            ending.push(server)
            try:
                server.start()
                started_s = time.perf_counter() - begun
                self.outcome.start_s_max = max(self.outcome.start_s_max, started_s)
                asyncio.run(_whole(work(server)))
            except (AssertionError, ConnectionError) as error:
                self.outcome.ledger.report(FaultKind.ANSWER, "the server", repr(error))
                return False
            finally:
                log = server.errors()
                if log:
                    self.outcome.ledger.report(FaultKind.ANSWER, "the log", log[-_LOG_MAX:])
        return True

    # one life

    async def _life(self, server: EmulatorProcess, *, number: int) -> None:
        outcome, ledger, chance = self.outcome, self.outcome.ledger, self._chance
        if number and number % _SETTLE_EVERY == 0:
            await self._check(server, sample=_SAMPLE)
        elif number:
            await self._check_sample(server)
        writers = [
            UploadingWriter(f"w{each}", server.port, ledger, random.Random(chance.random()))
            for each in range(self._plan.writers)
        ]
        if number == 0:
            await self._begin_history(server, writers)
        runs = [asyncio.ensure_future(writer.run()) for writer in writers]
        await asyncio.sleep(chance.randint(*_KILL_MS) / 1000)
        server.kill()
        outcome.kills += 1
        await asyncio.gather(*runs)

    async def _short_life(self, server: EmulatorProcess) -> None:
        """A kill while replication and the clean-up catch up."""
        await asyncio.sleep(self._chance.random() * _SHORT_LIFE_S_MAX)
        server.kill()
        self.outcome.kills += 1

    async def _begin_history(self, server: EmulatorProcess, writers: list[UploadingWriter]) -> None:
        """Some writes, and then the rules, which copy them as historical data."""
        for number in range(_FIRST_LIFE_OPERATIONS):
            await writers[number % len(writers)].step()
        await put_rules(server.port)
        self.outcome.ledger.ruled_number = self.outcome.ledger.next_number()

    # checks

    async def _check_sample(self, server: EmulatorProcess) -> None:
        checker = Checker(server.port, self.outcome.ledger, self._chance)
        await checker.resolve()
        await checker.check_sources(_SAMPLE)
        checker.close()

    async def _check(self, server: EmulatorProcess, sample: int | None) -> None:
        """Sources, and replicas once nothing is pending."""
        checker = Checker(server.port, self.outcome.ledger, self._chance)
        await checker.resolve()
        await checker.check_sources(sample)
        await self._settle(server)
        self.outcome.replicas = await checker.check_replicas(sample)
        checker.close()

    async def _settle(self, server: EmulatorProcess) -> None:
        counts: dict[str, int] = {}
        for _ in range(_SETTLES_MAX):
            counts = await asyncio.to_thread(server.settle, advance=False)
            if not counts["pending"] and not counts["failed"]:
                return
            await asyncio.sleep(0.02)
        self.outcome.ledger.report(FaultKind.LOST, "replication", f"does not end: {counts}")

    def check_files(self) -> None:
        """The stopped server's folder."""
        self.outcome.ledger.faults += folder_faults(self.data)


def folder_faults(data: Path) -> list[Fault]:
    """What is wrong in a stopped server's folder: database, counts of blob uses, files."""
    uses: Counter[int] = Counter()
    with closing(sqlite3.connect(data / "meta.db")) as database:
        (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
        for table in ("versions", "parts"):
            query = f"SELECT extents FROM {table} WHERE extents <> ''"  # noqa: S608 - one of two
            for (extents,) in database.execute(query):
                uses.update(blob_id for blob_id, _, _ in json.loads(extents))
        (orphans,) = database.execute(_ORPHANS).fetchone()
        rows = database.execute("SELECT id, refs, home, file FROM blobs").fetchall()
        inline = {row[0] for row in database.execute("SELECT blob_id FROM blob_data")}
        figures, there_is = kept(database), recount(database)
    faults = [] if verdict == "ok" else [Fault(FaultKind.FILE, "meta.db", verdict)]
    if orphans:
        faults.append(Fault(FaultKind.FILE, "meta.db", f"{orphans} parts of no upload"))
    if figures != there_is:
        off = sorted(set(figures.items()) ^ set(there_is.items()))[:5]
        faults.append(Fault(FaultKind.FILE, "meta.db", f"figures kept and counted: {off}"))
    counted = {blob_id: refs for blob_id, refs, _, _ in rows}
    if counted != dict(uses):
        wrong = {key: (counted.get(key), uses.get(key)) for key in {*counted, *uses}}
        first = [f"{key} {pair}" for key, pair in wrong.items() if pair[0] != pair[1]][:5]
        faults.append(Fault(FaultKind.FILE, "meta.db", f"blobs counted and used: {first}"))
    if inline != {blob_id for blob_id, _, home, _ in rows if home == "inline"}:
        faults.append(Fault(FaultKind.FILE, "meta.db", "inline content and blobs do not agree"))
    named = {file for _, _, _, file in rows if file}
    there = {path.name for path in (data / "blobs").rglob("*") if path.is_file()}
    faults += [Fault(FaultKind.FILE, file, "a file without a row") for file in there - named]
    faults += [Fault(FaultKind.FILE, file, "a row without its file") for file in named - there]
    return faults


async def put_rules(port: int) -> None:
    """Make the rules of all replicas."""
    wire = Wire(port)
    for replica in REPLICAS:
        prefixes = f"<PrefixSet><Prefix>{PUT_PREFIX}</Prefix></PrefixSet>"
        body = _RULE.format(
            action="ALL" if replica.copies_deletes else "PUT",
            prefixes="" if replica.copies_deletes else prefixes,
            bucket=replica.bucket,
        ).encode()
        query = (("replication", None), ("comp", "add"))
        await wire.ok(Call("POST", replica.source, query=query, body=body))
    wire.close()


async def _whole(work: Awaitable[None]) -> None:
    await work
