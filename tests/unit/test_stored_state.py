"""The digest of a server's state notices every change, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emulator.config import Durability
from emulator.domain.model import Acl, StorageClass
from emulator.domain.ports import NewBucket
from emulator.storage.blobs import BLOBS_FOLDER
from emulator.storage.sqlite.connections import DATABASE_NAME
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.support import state
from tests.support.state import StoredState


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Runs what the store does."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def store(runner: asyncio.Runner, tmp_path: Path) -> Iterator[SqliteStore]:
    """A store in a folder, with one bucket in it."""

    async def opened() -> SqliteStore:
        return SqliteStore.open(tmp_path, Durability.NONE)

    made = runner.run(opened())
    runner.run(made.write(bucket_named("first")))
    yield made
    runner.run(made.close())


@pytest.fixture
def stored(store: SqliteStore, tmp_path: Path) -> Iterator[StoredState]:
    """The state of that folder."""
    assert store is not None
    made = StoredState(tmp_path, lambda: None)
    yield made
    made.close()


def bucket_named(name: str) -> Callable[[SqliteTx], object]:
    """A work that makes a bucket."""
    new = NewBucket(
        name=name,
        owner_uid="1",
        region="cn-hangzhou",
        created_ms=0,
        acl=Acl.PRIVATE,
        storage_class=StorageClass.STANDARD,
        redundancy="LRS",
    )
    return lambda tx: tx.insert_bucket(new)


def refusing(work: Callable[[SqliteTx], object]) -> Callable[[SqliteTx], object]:
    """The same work, refused at its end."""

    def refused(tx: SqliteTx) -> None:
        work(tx)
        raise LookupError

    return refused


def test_a_committed_work_is_noticed(
    runner: asyncio.Runner, store: SqliteStore, stored: StoredState
) -> None:
    before = stored.read()
    runner.run(store.write(bucket_named("second")))
    after = stored.read()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"buckets", "sqlite_sequence"}


def test_a_refused_work_is_not(
    runner: asyncio.Runner, store: SqliteStore, stored: StoredState
) -> None:
    before = stored.read()
    with pytest.raises(LookupError):
        runner.run(store.write(refusing(bucket_named("second"))))
    assert stored.read() == before


def test_a_reservation_of_numbers_is_not(
    runner: asyncio.Runner, store: SqliteStore, stored: StoredState
) -> None:
    before = stored.read()
    runner.run(store.write(lambda tx: tx.next_seq()))
    assert stored.read() == before


def tables(folder: Path) -> list[str]:
    """Every table there is."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as database:
        names = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return sorted(name for (name,) in names if name != "sqlite_sequence")


def test_a_row_of_any_table_is_noticed(stored: StoredState, tmp_path: Path) -> None:
    """A row is written behind the store's back, one table after the other."""
    for table in tables(tmp_path):
        before = stored.read()
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as database, database:
            columns = database.execute(f"PRAGMA table_info({table})").fetchall()
            values = [_value(name, kind) for _, name, kind, *_ in columns]
            places = ", ".join("?" * len(columns))
            database.execute("PRAGMA ignore_check_constraints = ON")
            database.execute(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608
        assert stored.read()[table] != before[table], table


def _value(name: str, kind: str) -> object:
    if name == "file":
        return ""
    return {"INTEGER": 77, "BLOB": b"x"}.get(kind, "x")


def test_a_file_without_a_row_is_noticed(
    stored: StoredState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "_FILES_S_MAX", 0.05)
    before = stored.read()
    folder = tmp_path / BLOBS_FOLDER / "ab"
    folder.mkdir(parents=True)
    (folder / "stray").write_bytes(b"x")
    assert stored.read() != before


def test_nothing_is_read_twice_for_nothing(stored: StoredState) -> None:
    stored.read()
    settled: list[int] = []
    stored._settle = lambda: settled.append(1)
    stored.read()
    assert settled == []
