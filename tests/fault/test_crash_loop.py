"""kill -9 under writers and replication: nothing acknowledged is lost, replicas are as ruled.

``scripts/crash_loop.py`` runs the same with more rounds. The second half hands the harness
servers and folders in which something is wrong: it has to say so.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.fault.history import Change, Entry, KeyHistory, Kind
from tests.fault.ledger import PLAIN, VERSIONED, Fault, FaultKind
from tests.fault.rounds import CrashLoop, Plan
from tests.fault.uploads import Upload
from tests.support.process import EmulatorProcess
from tests.support.wire import Call, Wire

pytestmark = [pytest.mark.fault, pytest.mark.slow]


@pytest.mark.parametrize(("durability", "rounds"), [("power", 4), ("process", 3)])
def test_kill_9_loses_nothing_acknowledged_and_replicas_are_as_ruled(
    tmp_path: Path, durability: str, rounds: int
) -> None:
    outcome = CrashLoop(Plan(folder=tmp_path, rounds=rounds, durability=durability)).run()
    assert outcome.ledger.faults == []
    assert outcome.kills == rounds + 1  # one of them while it only catches up
    assert sum(outcome.ledger.acknowledged.values()) > 20 * rounds
    assert min(outcome.replicas.values()) > 10


# --- the harness must find what is wrong ------------------------------------------------------


def test_answers_before_the_commit_are_reported_as_losses(tmp_path: Path) -> None:
    plan = Plan(folder=tmp_path, rounds=2, module="tests.fault.early_server")
    outcome = CrashLoop(plan).run()
    assert FaultKind.LOST in {fault.kind for fault in outcome.ledger.faults}


def test_parts_that_a_completed_upload_leaves_behind_are_reported(tmp_path: Path) -> None:
    plan = Plan(folder=tmp_path, rounds=1, module="tests.fault.orphan_server")
    outcome = CrashLoop(plan).run()
    assert outcome.ledger.acknowledged["complete"] > 0
    assert {fault.kind for fault in outcome.ledger.faults} == {FaultKind.FILE}
    assert any("parts of no upload" in fault.what for fault in outcome.ledger.faults)
    assert any("blobs counted and used" in fault.what for fault in outcome.ledger.faults)


@pytest.fixture(name="clean", scope="module")
def clean_loop(tmp_path_factory: pytest.TempPathFactory) -> CrashLoop:
    """A loop in which nothing is wrong yet. Each test undoes what it breaks, or breaks its own."""
    loop = CrashLoop(Plan(folder=tmp_path_factory.mktemp("clean"), rounds=1))
    assert loop.run().ledger.faults == []
    return loop


def newest(loop: CrashLoop, bucket: str) -> tuple[str, Entry]:
    """A key that every rule copies, and its current object."""
    for key, history in sorted(loop.outcome.ledger.keys[bucket].items()):
        if key.startswith("p/") and history.current:
            return key, history.current
    raise AssertionError("no such object")


def faults_after(
    loop: CrashLoop, work: Callable[[EmulatorProcess], Awaitable[object]]
) -> list[Fault]:
    """What the check of everything says after something was done by hand."""
    with loop.server() as server:
        asyncio.run(whole(work(server)))
    return faults_now(loop)


async def whole(work: Awaitable[object]) -> None:
    await work


def faults_now(loop: CrashLoop) -> list[Fault]:
    loop.check_everything()
    return take_faults(loop)


def files_now(loop: CrashLoop) -> list[Fault]:
    loop.check_files()
    return take_faults(loop)


def take_faults(loop: CrashLoop) -> list[Fault]:
    faults = list(loop.outcome.ledger.faults)
    loop.outcome.ledger.faults.clear()
    return faults


def as_owner_of_the_replicas(call: Call) -> Callable[[EmulatorProcess], Awaitable[object]]:
    async def send(server: EmulatorProcess) -> None:
        wire = Wire(server.port, "b")
        await wire.ok(call)
        wire.close()

    return send


def test_a_replica_that_no_rule_asked_for_is_reported(clean: CrashLoop) -> None:
    put = Call("PUT", "dest-versioned-put", "other/by-hand", body=b"x")
    faults = faults_after(clean, as_owner_of_the_replicas(put))
    assert {(fault.kind, fault.where) for fault in faults} == {
        (FaultKind.EXTRA, "dest-versioned-put/other/by-hand")
    }
    listed = faults[0].what
    remove = Call("DELETE", put.bucket, put.key, query=(("versionId", listed),))
    assert faults_after(clean, as_owner_of_the_replicas(remove)) == []


def test_replicas_that_are_gone_or_different_are_reported(tmp_path: Path) -> None:
    loop = CrashLoop(Plan(folder=tmp_path, rounds=1))
    assert loop.run().ledger.faults == []
    key, current = newest(loop, VERSIONED)
    plain_key, _ = newest(loop, PLAIN)
    version: tuple[tuple[str, str | None], ...] = (("versionId", current.version_id),)

    async def spoil(server: EmulatorProcess) -> None:
        wire = Wire(server.port, "b")
        await wire.ok(Call("DELETE", "dest-versioned-all", key, query=version))
        await wire.ok(Call("DELETE", "dest-versioned-put", key, query=version))
        await wire.ok(Call("PUT", "dest-plain-all", plain_key, body=b"by hand"))
        await wire.ok(Call("DELETE", "dest-plain-put", plain_key))
        wire.close()

    assert {(fault.kind, fault.where) for fault in faults_after(loop, spoil)} >= {
        (FaultKind.LOST, f"dest-versioned-all/{key}"),
        (FaultKind.LOST, f"dest-versioned-put/{key}"),
        (FaultKind.WRONG, f"dest-plain-all/{plain_key} null"),
        (FaultKind.LOST, f"dest-plain-put/{plain_key}"),
    }


def test_uploads_that_are_gone_or_different_are_reported(tmp_path: Path) -> None:
    loop = CrashLoop(Plan(folder=tmp_path, rounds=1))
    assert loop.run().ledger.faults == []
    uploads = loop.outcome.ledger.uploads
    gone, changed = uploads[0], next(each for each in uploads[1:] if each.parts)

    def named(upload: Upload) -> tuple[tuple[str, str | None], ...]:
        return (("uploadId", upload.upload_id),)

    async def spoil(server: EmulatorProcess) -> None:
        wire = Wire(server.port)
        await wire.ok(Call("DELETE", gone.bucket, gone.key, named(gone)))
        part = (("partNumber", "1"), *named(changed))
        await wire.ok(Call("PUT", changed.bucket, changed.key, part, body=b"by hand"))
        await wire.ok(Call("POST", PLAIN, "other/by-hand", (("uploads", None),)))
        wire.close()

    faults = {(fault.kind, fault.where.partition(" ")[0]) for fault in faults_after(loop, spoil)}
    assert (FaultKind.LOST, f"{gone.bucket}/{gone.key}") in faults
    assert (FaultKind.EXTRA, f"{PLAIN}/other/by-hand") in faults
    assert f"{changed.bucket}/{changed.key}" in {where for _, where in faults}


def file_of_an_object(data: Path) -> Path:
    """A file with content of an object: those of unfinished uploads are not read back."""
    with closing(sqlite3.connect(data / "meta.db")) as database:
        row = database.execute(
            "SELECT blobs.file FROM versions, json_each(versions.extents) AS extent"
            " JOIN blobs ON blobs.id = json_extract(extent.value, '$[0]')"
            " WHERE versions.extents <> '' AND blobs.file <> '' LIMIT 1"
        ).fetchone()
    return next((data / "blobs").rglob(str(row[0])))


def test_a_damaged_file_and_a_file_without_a_row_are_reported(clean: CrashLoop) -> None:
    file = file_of_an_object(clean.data)
    data = file.read_bytes()
    file.write_bytes(bytes(len(data)))
    faults = faults_now(clean)
    file.write_bytes(data)
    assert {fault.kind for fault in faults} == {FaultKind.WRONG}
    assert {fault.what.partition(": ")[2] for fault in faults} == {"bytes"}
    stray = file.with_name(file.name[:2] + "0" * 30)
    stray.write_bytes(b"stray")
    faults = files_now(clean)
    stray.unlink()
    assert faults == [Fault(FaultKind.FILE, stray.name, "a file without a row")]


def test_wrong_counts_of_blob_uses_are_reported(clean: CrashLoop) -> None:
    for step, kinds in ((1, [FaultKind.FILE]), (-1, [])):
        with closing(sqlite3.connect(clean.data / "meta.db")) as database, database:
            database.execute(
                "UPDATE blobs SET refs = refs + ? WHERE id = (SELECT min(id) FROM blobs)", (step,)
            )
        assert [fault.kind for fault in files_now(clean)] == kinds


def test_wrong_figures_of_a_bucket_are_reported(clean: CrashLoop) -> None:
    for step, kinds in ((1, [FaultKind.FILE]), (-1, [])):
        with closing(sqlite3.connect(clean.data / "meta.db")) as database, database:
            database.execute("UPDATE bucket_stats SET entries = entries + ?", (step,))
        assert [fault.kind for fault in files_now(clean)] == kinds


# --- the model itself -------------------------------------------------------------------------


def put(history: KeyHistory, number: int, version_id: str = "") -> Entry:
    entry = Entry(number, number, 1, version_id=version_id)
    history.apply(Change(Kind.PUT, entry))
    return entry


def numbers(history: KeyHistory, *seen_ids: str, seen_number: int = -1) -> list[int]:
    """What must be seen under Action PUT, when this is seen."""
    return [entry.number for entry, _ in history.expected_under_put(seen_ids, seen_number)]


def test_under_put_a_removed_version_stays_once_it_was_copied() -> None:
    history = KeyHistory(versioned=True)
    first, second = put(history, 1, "v1"), put(history, 2, "v2")
    history.apply(Change(Kind.DELETE_VERSION, victim=first))
    assert numbers(history, "v2") == [2]
    assert numbers(history, "v1", "v2") == [1, 2]
    history.settle(["v1", "v2"], -1)
    history.apply(Change(Kind.DELETE_VERSION, victim=second))
    assert numbers(history) == [1, 2]
    assert history.expected_under_all() == []


def test_under_put_a_removed_version_that_was_never_copied_does_not_come_later() -> None:
    history = KeyHistory(versioned=True)
    first = put(history, 1, "v1")
    history.apply(Change(Kind.DELETE_VERSION, victim=first))
    history.settle([], -1)
    assert numbers(history, "v1") == []


def test_under_put_a_deleted_object_stays_as_it_was_copied_last() -> None:
    history = KeyHistory(versioned=False)
    put(history, 1)
    history.settle([], 1)
    put(history, 2)
    history.apply(Change(Kind.DELETE))
    assert numbers(history, seen_number=1) == [1]
    assert numbers(history, seen_number=2) == [2]
    assert numbers(history, seen_number=-1) == [2]  # nothing there: one of them is missing
    put(history, 3)
    assert numbers(history, seen_number=1) == [3]
    assert [entry.number for entry, _ in history.expected_under_all()] == [3]
