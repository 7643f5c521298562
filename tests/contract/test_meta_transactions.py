"""Transactions of the metadata store: what is kept, what is seen, and who is answered when."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from emulator.config import Durability
from emulator.domain.errors import StorageError, StorageFailed, StorageFull
from emulator.storage.sqlite.groups import GROUP_WORKS_MAX, GroupWriter
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import make_bucket, put


def keys_of(store: SqliteStore, bucket_id: int) -> list[str]:
    """What a listing shows."""
    with store.read() as view:
        found = view.listed_objects(bucket_id, start="", inclusive=True, end=None, limit=10_000)
    return [version.key for version in found]


def put_and_fail(tx: SqliteTx, bucket_id: int, key: str) -> None:
    """A work that has second thoughts."""
    put(tx, bucket_id, key, b"data")
    raise LookupError(key)


async def test_a_failing_work_leaves_no_trace(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    with pytest.raises(LookupError):
        await store.write(partial(put_and_fail, bucket_id=bucket.id, key="bad"))
    with store.read() as view:
        assert view.bucket_is_empty(bucket.id)
        assert all(view.blob(blob_id) is None for blob_id in range(10))
    assert await store.write(lambda tx: put(tx, bucket.id, "good")) > 0


async def test_works_of_one_group_fail_alone(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    works: list[Callable[[SqliteTx], int | None]] = []
    for number in range(3 * GROUP_WORKS_MAX // 2):
        work = put_and_fail if number % 3 == 1 else put
        works.append(partial(work, bucket_id=bucket.id, key=f"{number:04d}"))
    outcomes = await asyncio.gather(*map(store.write, works), return_exceptions=True)
    failed = [isinstance(outcome, LookupError) for outcome in outcomes]
    assert failed == [number % 3 == 1 for number in range(len(works))]
    kept = [f"{number:04d}" for number, bad in enumerate(failed) if not bad]
    assert keys_of(store, bucket.id) == kept


async def test_a_work_sees_what_the_one_before_it_wrote(store: SqliteStore) -> None:
    bucket = await make_bucket(store)

    def look(tx: SqliteTx) -> bool:
        return tx.current_version(bucket.id, "key") is not None

    seen = await asyncio.gather(
        store.write(look), store.write(lambda tx: put(tx, bucket.id, "key")), store.write(look)
    )
    assert seen[0] is False
    assert seen[2] is True


async def test_numbers_are_given_once(store: SqliteStore) -> None:
    async def take() -> int:
        return await store.write(lambda tx: tx.next_seq())

    def take_and_fail(tx: SqliteTx) -> None:
        raise LookupError(tx.next_seq())

    with pytest.raises(LookupError) as first:
        await store.write(take_and_fail)
    taken = [first.value.args[0], *await asyncio.gather(*(take() for _ in range(50)))]
    assert taken == sorted(set(taken))


async def test_who_leaves_before_the_work_ran_takes_it_along(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    leaving = asyncio.ensure_future(store.write(lambda tx: put(tx, bucket.id, "leaving")))
    staying = asyncio.ensure_future(store.write(lambda tx: put(tx, bucket.id, "staying")))
    # Called when both are queued and nothing has run.
    asyncio.get_running_loop().call_soon(leaving.cancel)
    await staying
    assert leaving.cancelled()
    assert keys_of(store, bucket.id) == ["staying"]


async def test_a_closed_store_refuses_writes(store: SqliteStore) -> None:
    await store.close()
    with pytest.raises(StorageError):
        await store.write(lambda tx: tx.next_seq())


class SlowDisk(GroupWriter):
    """Commits wait until they are let go."""

    let_go: ClassVar[threading.Event]
    entered: ClassVar[threading.Event]

    def _sync_commit(self) -> None:
        SlowDisk.entered.set()
        assert SlowDisk.let_go.wait(10)
        super()._sync_commit()


class SlowStore(SqliteStore):
    """A store on a slow disk."""

    writer_kind = SlowDisk


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A durable store whose commits can be held."""
    SlowDisk.let_go, SlowDisk.entered = threading.Event(), threading.Event()
    SlowDisk.let_go.set()
    opened = SlowStore.open(tmp_path / "data", Durability.POWER)
    yield opened
    SlowDisk.let_go.set()
    await opened.close()


async def hold_commit(store: SqliteStore, bucket_id: int, key: str) -> asyncio.Task[int]:
    """A write whose commit is under way and does not end."""
    SlowDisk.let_go.clear()
    SlowDisk.entered.clear()
    writing = asyncio.ensure_future(store.write(lambda tx: put(tx, bucket_id, key)))
    assert await asyncio.to_thread(SlowDisk.entered.wait, 10)
    return writing


async def test_a_reader_sees_nothing_of_a_commit_under_way(slow: SqliteStore) -> None:
    bucket = await make_bucket(slow)
    writing = await hold_commit(slow, bucket.id, "key")
    assert keys_of(slow, bucket.id) == []
    assert not writing.done()
    SlowDisk.let_go.set()
    await writing
    assert keys_of(slow, bucket.id) == ["key"]


async def test_works_that_come_during_a_commit_share_the_next_one(slow: SqliteStore) -> None:
    bucket = await make_bucket(slow)
    writing = await hold_commit(slow, bucket.id, "a")
    later = [
        asyncio.ensure_future(slow.write(partial(put, bucket_id=bucket.id, key=key)))
        for key in "bcd"
    ]
    await asyncio.wait(later, timeout=0)
    SlowDisk.let_go.set()
    await writing
    # The first of them is answered together with the last.
    await asyncio.wait(later, return_when=asyncio.FIRST_COMPLETED)
    assert keys_of(slow, bucket.id) == ["a", "b", "c", "d"]
    await asyncio.gather(*later)


async def test_who_leaves_during_the_commit_learns_it_when_all_is_settled(
    slow: SqliteStore,
) -> None:
    bucket = await make_bucket(slow)
    writing = await hold_commit(slow, bucket.id, "key")
    for _ in range(3):
        writing.cancel()
        await asyncio.wait({writing}, timeout=0)
    assert not writing.done()
    SlowDisk.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert keys_of(slow, bucket.id) == ["key"]


class BadDisk(GroupWriter):
    """Commits end with the error that is set."""

    code: ClassVar[int | None] = None

    def _sync_commit(self) -> None:
        if BadDisk.code is not None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = BadDisk.code
            raise error
        super()._sync_commit()


class BadStore(SqliteStore):
    """A store on a bad disk."""

    writer_kind = BadDisk


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_IOERR_WRITE, StorageError),
        (sqlite3.SQLITE_READONLY, StorageError),
        (sqlite3.SQLITE_IOERR_FSYNC, StorageFailed),
        (sqlite3.SQLITE_IOERR_DIR_FSYNC, StorageFailed),
        (sqlite3.SQLITE_CORRUPT, StorageFailed),
    ],
)
@pytest.mark.parametrize("durability", list(Durability))
async def test_a_failed_commit_fails_its_whole_group(
    tmp_path: Path, durability: Durability, code: int, kind: type[StorageError]
) -> None:
    failures: list[StorageFailed] = []
    BadDisk.code = None
    store = BadStore.open(tmp_path / "data", durability, on_failure=failures.append)
    bucket = await make_bucket(store)
    BadDisk.code = code
    works = [
        store.write(partial(put, bucket_id=bucket.id, key="a")),
        store.write(partial(put_and_fail, bucket_id=bucket.id, key="b")),
        store.write(partial(put, bucket_id=bucket.id, key="c")),
    ]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    BadDisk.code = None
    assert [type(outcome) for outcome in outcomes] == [kind] * 3
    assert keys_of(store, bucket.id) == []
    fatal = kind is StorageFailed
    assert len(failures) == fatal
    if fatal:
        with pytest.raises(StorageFailed):
            await store.write(lambda tx: put(tx, bucket.id, "d"))
        assert keys_of(store, bucket.id) == []
    else:
        await store.write(lambda tx: put(tx, bucket.id, "d"))
        assert keys_of(store, bucket.id) == ["d"]
    await store.close()


async def test_a_full_disk_is_survived(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    seq = await store.write(lambda tx: put(tx, bucket.id, "before", b"data"))

    def limit_pages(tx: SqliteTx, pages: int) -> None:
        tx._run(f"PRAGMA max_page_count = {pages}", ())

    await store.write(partial(limit_pages, pages=1))
    works = [
        store.write(partial(put, bucket_id=bucket.id, key=f"{n}", data=bytes(50_000)))
        for n in range(4)
    ]
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageFull}
    assert keys_of(store, bucket.id) == ["before"]
    await store.write(partial(limit_pages, pages=1_000_000))
    assert await store.write(lambda tx: put(tx, bucket.id, "later", bytes(50_000))) > seq
    assert keys_of(store, bucket.id) == ["before", "later"]


async def test_the_log_is_folded_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.storage.sqlite.groups.CHECKPOINT_ROWS", 50)
    store = SqliteStore.open(tmp_path / "data", Durability.PROCESS)
    bucket = await make_bucket(store)
    for number in range(300):
        await store.write(partial(put, bucket_id=bucket.id, key=f"{number:04d}", data=b"x" * 500))
        assert len(keys_of(store, bucket.id)) == number + 1
    database = tmp_path / "data" / "meta.db"
    assert database.stat().st_size > 300 * 500
    assert (tmp_path / "data" / "meta.db-wal").stat().st_size < 2_000_000
    await store.close()
