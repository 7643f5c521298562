"""The daily scan: when it happens, what it leaves alone, and how it goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emulator.domain import retention, worm
from emulator.domain.access_times import put_access_monitor
from emulator.domain.events.names import GROUPS
from emulator.domain.events.recording import NOTIFICATIONS
from emulator.domain.events.rules import NotificationRule, document_of
from emulator.domain.lifecycle import worker as worker_module
from emulator.domain.lifecycle.plan import SMALL_BYTES
from emulator.domain.lifecycle.records import ScanPhase
from emulator.domain.lifecycle.settings import delete_lifecycle, put_lifecycle
from emulator.domain.lifecycle.worker import LifecycleWorker
from emulator.domain.model import ObjectState, StorageClass, Versioning, VersionKind
from emulator.domain.uploads.records import Upload
from emulator.domain.workers import Workers
from emulator.storage.sqlite.store import SqliteStore
from tests.support.lifecycle_world import DAY, START, LifecycleWorld

EXPIRE_1 = {"Expiration": {"Days": 1}}


async def test_a_scan_comes_once_a_day_and_does_what_is_due() -> None:
    world = LifecycleWorld()
    await world.begin()
    await world.put_rules(EXPIRE_1)
    world.clock.advance(1)
    await world.put("k")
    assert await world.days(0) == 0
    assert await world.days(1) == 0  # less than a whole day old
    assert await world.days(1) == 1
    assert world.keys() == []
    await world.store.close()


async def test_rules_wait_for_the_next_scan() -> None:
    world = LifecycleWorld()
    await world.begin()
    await world.put("k")
    world.clock.advance(5 * DAY + 1)
    await world.put_rules(EXPIRE_1)
    await world.worker.run_due()
    assert world.keys() == ["k"]
    assert await world.days(1) == 1
    await world.store.close()


async def test_the_owner_task_works_when_the_clock_moves() -> None:
    world = LifecycleWorld()
    await world.begin()
    await world.put("k")
    await world.put_rules(EXPIRE_1)
    owner = asyncio.ensure_future(world.worker.run())
    world.clock.set(START + DAY)
    async with asyncio.timeout(5):
        while world.keys():
            await asyncio.wait({owner}, timeout=0.001)
    owner.cancel()
    await world.store.close()


async def test_settling_never_moves_the_clock_for_a_scan() -> None:
    world = LifecycleWorld()
    await world.begin()
    await world.put("k")
    await world.put_rules(EXPIRE_1)
    workers = Workers([world.worker])
    assert await workers.settle(world.clock) == {"lifecycle": 0}
    assert world.clock.now_ms() == START
    world.clock.set(START + DAY)
    assert await workers.settle(world.clock) == {"lifecycle": 1}
    assert world.worker.next_due_ms() == START + 2 * DAY
    await world.store.close()


async def test_changed_rules_end_the_day_and_removed_ones_everything() -> None:
    world = LifecycleWorld(page_len=1)
    await world.begin()
    for number in range(4):
        await world.put(f"k{number}")
    await world.put_rules(EXPIRE_1)
    world.clock.set(START + DAY)
    writes = world.store.write
    count = 0

    async def changing(work: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            world.store.write = writes  # type: ignore[method-assign]  # no longer in the way
            await world.put_rules({"Expiration": {"Days": 7}})
        return await writes(work)

    world.store.write = changing  # type: ignore[method-assign]  # a client comes in between
    await world.worker.run_due()
    assert world.keys() == ["k2", "k3"]
    assert await world.days(6) == 2
    await world.put("k")
    await world.put_rules(EXPIRE_1)
    bucket = world.bucket
    await world.write(lambda tx: delete_lifecycle(tx, bucket))
    assert await world.days(9) == 0
    with world.store.read() as view:
        assert view.open_scan(START + 99 * DAY) is None
    await world.store.close()


async def test_a_scan_goes_on_after_a_restart(tmp_path: Path) -> None:
    world = LifecycleWorld(page_len=2, folder=tmp_path)
    await world.begin(Versioning.ENABLED)
    for number in range(9):
        await world.put(f"k{number}")
    await world.put_rules(EXPIRE_1)
    world.clock.set(START + DAY)
    writes, count = world.store.write, 0

    async def dying(work: Any) -> Any:
        nonlocal count
        count += 1
        if count > 2:
            raise asyncio.CancelledError
        return await writes(work)

    world.store.write = dying  # type: ignore[method-assign]  # killed in the middle
    with pytest.raises(asyncio.CancelledError):
        await world.worker.run_due()
    await world.store.close()
    again = LifecycleWorld(page_len=2, folder=tmp_path, start_ms=START + DAY)
    again.name = "bucket"
    with again.store.read() as view:
        scan = view.open_scan(START + DAY)
    assert scan is not None
    assert (scan.phase, scan.key) == (ScanPhase.VERSIONS, "k3")
    await again.worker.run_due()
    assert again.worker.done == 5
    assert [len(again.stack(f"k{number}")) for number in range(9)] == [2] * 9
    await again.store.close()


async def test_another_hour_of_the_day() -> None:
    world = LifecycleWorld()
    worker = LifecycleWorker(world.store, world.clock, world.rng, hour=5, changed=lambda: None)
    await world.begin()
    await world.put("k")
    bucket = world.bucket
    document = msgspec.json.encode(
        {"Rule": [{"ID": "r", "Prefix": "", "Status": "Enabled", **EXPIRE_1}]}
    ).decode()
    await world.write(lambda tx: put_lifecycle(tx, bucket, document, START, hour=5))
    for hours, left in ((5, 1), (24, 1), (28.9, 1), (29, 0)):
        world.clock.set(START + round(hours * 3_600_000))
        await worker.run_due()
        assert len(world.keys()) == left, hours
    assert worker.next_due_ms() == START + 53 * 3_600_000
    await world.store.close()


async def test_buckets_without_rules_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = LifecycleWorld()
    for number in range(5):
        await world.begin(name=f"bucket-{number}")
        await world.put("k")
    read: list[int] = []
    monkeypatch.setattr(worker_module, "read_page", lambda *_, **__: read.append(1))
    assert await world.days(3) == 0
    assert read == []
    await world.store.close()


async def test_only_keys_under_prefixes_are_read() -> None:
    world = LifecycleWorld()
    await world.begin()
    for key in ("a/1", "b/1", "b/2", "c/1"):
        await world.put(key)
    await world.put_rules({**EXPIRE_1, "Prefix": "b/"})
    assert await world.days(1) == 2
    assert world.keys() == ["a/1", "c/1"]
    await world.store.close()


async def test_a_transition_keeps_everything_but_the_class() -> None:
    world = LifecycleWorld()
    await world.begin(Versioning.ENABLED)
    before = await world.put("k", 10, tags={"a": "1"})
    await world.put_rules(
        {"Transition": [{"Days": 1, "StorageClass": "IA"}]},
        {"Prefix": "k", "Transition": [{"Days": 3, "StorageClass": "ColdArchive"}]},
    )
    assert await world.days(1) == 1
    (after,) = world.stack("k")
    assert after == msgspec.structs.replace(before, storage_class=StorageClass.IA)
    assert await world.days(2) == 1
    (cold,) = world.stack("k")
    assert cold.storage_class is StorageClass.COLD_ARCHIVE
    assert cold.state == ObjectState(transition_ms=START + 3 * DAY)
    await world.store.close()


async def test_what_is_held_or_kept_by_a_policy_stays() -> None:
    world = LifecycleWorld()
    await world.begin(Versioning.ENABLED)
    held = await world.put("held")
    for key in ("held", "free"):
        await world.put(key)
        await world.put(key)
    state = ObjectState(legal_hold="ON").to_json()
    bucket = world.bucket
    await world.write(
        lambda tx: tx.rewrite_version(msgspec.structs.replace(held, state_json=state))
    )
    await world.write(lambda tx: tx.put_bucket_setting(bucket.id, retention.SETTING, "{}"))
    await world.put_rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
    assert await world.days(1) == 2
    assert [len(world.stack(key)) for key in ("held", "free")] == [2, 1]
    await world.store.close()

    world = LifecycleWorld()
    await world.begin()
    await world.put("k")
    await world.put_rules(EXPIRE_1)
    bucket = world.bucket
    policy = await world.write(lambda tx: worm.initiate(tx, bucket, 5, START, world.rng))
    bucket = world.bucket
    await world.write(lambda tx: worm.complete(tx, bucket, policy.worm_id, START))
    assert await world.days(4) == 0
    assert await world.days(1) == 1
    await world.store.close()


async def test_uploads_are_aborted_by_age_and_prefix() -> None:
    world = LifecycleWorld(page_len=2)
    await world.begin()
    for number in range(5):
        await _begin_upload(world, f"up/{number}")
    await _begin_upload(world, "down")
    await world.put_rules({"Prefix": "up/", "AbortMultipartUpload": {"Days": 2}})
    assert await world.days(1) == 0
    assert await world.days(1) == 5
    with world.store.read() as view:
        left = view.upload_entries(world.bucket.id, start="", after_id="", end=None, limit=99)
    assert [upload.key for upload in left] == ["down"]
    await world.store.close()


async def _begin_upload(world: LifecycleWorld, key: str) -> None:
    bucket_id, now_ms = world.bucket.id, world.clock.now_ms()

    def work(tx: Any) -> None:
        number = tx.next_seq()
        tx.insert_upload(
            Upload(
                id=number,
                bucket_id=bucket_id,
                key=key,
                upload_id=f"U{number}",
                initiated_ms=now_ms,
                initiator_uid="1",
                storage_class=StorageClass.STANDARD,
            )
        )

    await world.write(work)


async def test_a_marker_goes_the_day_after_the_last_version() -> None:
    world = LifecycleWorld()
    await world.begin(Versioning.ENABLED)
    await world.put("k")
    await world.delete("k")
    await world.put_rules(
        {
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        }
    )
    assert await world.days(1) == 1
    assert [entry.kind for entry in world.stack("k")] == [VersionKind.DELETE_MARKER]
    assert await world.days(1) == 1
    assert world.stack("k") == []
    await world.store.close()


async def test_a_stack_longer_than_a_page_ages_as_it_was_met() -> None:
    for page_len in (1, 2, 3, 500):
        world = LifecycleWorld(page_len=page_len)
        await world.begin(Versioning.ENABLED)
        for _ in range(6):
            await world.put("k")
            world.clock.advance(DAY)
        await world.put_rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 3}})
        # written on days 0 to 5, so noncurrent since days 1 to 5: those of days 1 to 4 are due
        assert await world.days(1) == 4, page_len
        assert [(e.modified_ms - START) // DAY for e in world.stack("k")] == [5, 4]
        await world.store.close()


async def test_reads_are_noted_once_a_day_and_written_in_batches() -> None:
    world = LifecycleWorld()
    await world.begin()
    versions = [await world.put(f"k{number}") for number in range(300)]
    times = world.access_times
    times.note(world.bucket, versions[0], START)  # nobody monitors
    await times.run_due()
    assert times.done == 0
    await _monitor(world)
    at = world.clock.now_ms() + 5
    for version in versions:
        for later in range(3):
            times.note(world.bucket, version, at + later)
    commits = _count_commits(world.store)
    await times.run_due()
    assert (times.done, len(commits)) == (300, 3)
    assert _access_ms(world, "k0") == at
    times.note(world.bucket, versions[0], at + DAY - 1)
    await times.run_due()
    assert _access_ms(world, "k0") == at
    times.note(world.bucket, versions[0], at + DAY)
    await times.run_due()
    assert _access_ms(world, "k0") == at + DAY
    await world.delete("k0")
    bucket_id = world.bucket.id
    with world.store.read() as view:
        assert view.access_time_ms(bucket_id, "k0", versions[0].seq) is None
    times.note(world.bucket, versions[0], at + 9 * DAY)  # deleted meanwhile
    await times.run_due()
    with world.store.read() as view:
        assert view.access_time_ms(bucket_id, "k0", versions[0].seq) is None
    await world.store.close()


async def _monitor(world: LifecycleWorld) -> None:
    bucket, now_ms = world.bucket, world.clock.now_ms()
    await world.write(lambda tx: put_access_monitor(tx, bucket, '{"Status":"Enabled"}', now_ms))


def _access_ms(world: LifecycleWorld, key: str) -> int | None:
    (version,) = world.stack(key)
    with world.store.read() as view:
        return view.access_time_ms(world.bucket.id, key, version.seq)


def _count_commits(store: SqliteStore) -> list[int]:
    seen: list[int] = []
    write = store.write

    async def counted(work: Any) -> Any:
        seen.append(1)
        return await write(work)

    store.write = counted  # type: ignore[method-assign]  # counts
    return seen


async def test_objects_nobody_reads_get_colder_and_return_when_read() -> None:
    world = LifecycleWorld()
    await world.begin()
    await world.put("read")
    await world.put("forgotten")
    world.clock.advance(10)
    await _monitor(world)
    move = {"Days": 2, "StorageClass": "IA", "IsAccessTime": True, "ReturnToStdWhenVisit": True}
    await world.put_rules({"Transition": [move]})
    assert await world.days(2) == 0  # the monitor began after midnight
    world.access_times.note(world.bucket, world.stack("read")[0], world.clock.now_ms())
    await world.access_times.run_due()
    assert await world.days(1) == 1
    assert [world.stack(key)[0].storage_class.value for key in ("read", "forgotten")] == [
        "Standard",
        "IA",
    ]
    world.access_times.note(world.bucket, world.stack("forgotten")[0], world.clock.now_ms())
    await world.access_times.run_due()
    assert world.stack("forgotten")[0].storage_class is StorageClass.STANDARD
    assert await world.days(1) == 1  # "read", two days after it was
    await world.store.close()


async def notified(world: LifecycleWorld) -> list[tuple[str, str]]:
    """Names and keys of the events that were recorded."""
    with world.store.read() as view:
        return [(each.name, each.key) for each in view.events_after(None, 0, 100)]


async def test_only_a_change_of_the_class_is_reported() -> None:
    world = LifecycleWorld()
    await world.begin()
    rules = document_of([NotificationRule("all", [f"{group}:*" for group in sorted(GROUPS)])])
    await world.write(lambda tx: tx.put_bucket_setting(world.bucket.id, NOTIFICATIONS, rules))
    await world.put("expires")
    await world.put("moves", size=SMALL_BYTES)
    await world.put_rules(
        {"Prefix": "expires", **EXPIRE_1},
        {"Prefix": "moves", "Transition": [{"Days": 1, "StorageClass": "IA"}]},
    )
    assert await world.days(1) == 2
    assert world.keys() == ["moves"]
    assert await notified(world) == [("ObjectModified:ChangeStorageClass", "moves")]
    await world.store.close()


async def test_a_return_to_standard_is_reported() -> None:
    world = LifecycleWorld()
    await world.begin()
    await world.write(lambda tx: put_access_monitor(tx, world.bucket, "{}", START))
    rules = document_of([NotificationRule("all", ["ObjectModified:*"])])
    await world.write(lambda tx: tx.put_bucket_setting(world.bucket.id, NOTIFICATIONS, rules))
    move = {
        "Days": 1, "StorageClass": "IA", "IsAccessTime": True, "ReturnToStdWhenVisit": True,
    }  # fmt: skip
    await world.put_rules({"Transition": [move]})
    version = await world.put("k", size=SMALL_BYTES, storage_class=StorageClass.IA)
    world.access_times.note(world.bucket, version, START + 1)
    await world.access_times.run_due()
    assert world.stack("k")[0].storage_class is StorageClass.STANDARD
    assert await notified(world) == [("ObjectModified:ChangeStorageClass", "k")]
    await world.store.close()
