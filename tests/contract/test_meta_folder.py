"""The data folder: who may open it, and what is there when it is opened again."""

from __future__ import annotations

import errno
import os
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from emulator.config import Durability
from emulator.storage.folder import (
    DataFolderError,
    DataFolderInUse,
    DataFolderTooNew,
    DataFolderUnreadable,
)
from emulator.storage.sqlite import reserve as reserve_module
from emulator.storage.sqlite.reserve import RESERVE_NAME
from emulator.storage.sqlite.statements import SEQ_BLOCK
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import make_bucket, put


async def test_a_second_store_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = SqliteStore.open(folder)
    with pytest.raises(DataFolderInUse) as refused:
        SqliteStore.open(folder)
    assert refused.value.pid == os.getpid()
    assert str(os.getpid()) in str(refused.value)
    await store.close()
    await SqliteStore.open(folder).close()


@pytest.mark.parametrize("durability", list(Durability))
async def test_what_was_written_is_there_again(tmp_path: Path, durability: Durability) -> None:
    folder = tmp_path / "deep" / "data"
    store = SqliteStore.open(folder, durability)
    bucket = await make_bucket(store)
    await store.write(lambda tx: put(tx, bucket.id, "key", b"content"))
    with store.read() as view:
        version = view.current_version(bucket.id, "key")
    await store.close()
    again = SqliteStore.open(folder, durability)
    with again.read() as view:
        assert view.bucket("bucket") == bucket
        assert view.current_version(bucket.id, "key") == version
        assert version is not None
        assert view.inline_data(version.extents[0].blob_id) == b"content"
    await again.close()


async def test_numbers_grow_from_opening_to_opening(tmp_path: Path) -> None:
    last = 0
    for taken in (1, SEQ_BLOCK + 5, 3, 0, 2):
        store = SqliteStore.open(tmp_path, Durability.PROCESS)
        for _ in range(taken):
            number = await store.write(lambda tx: tx.next_seq())
            assert number > last
            last = number
        await store.close()


async def test_a_number_of_a_refused_reservation_is_not_given_again(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Durability.PROCESS)

    def take(tx: SqliteTx, *, fail: bool) -> int:
        number = tx.next_seq()
        if fail:
            raise LookupError(number)
        return number

    with pytest.raises(LookupError):
        await store.write(partial(take, fail=True))
    number = await store.write(partial(take, fail=False))
    await store.close()
    again = SqliteStore.open(tmp_path, Durability.PROCESS)
    assert await again.write(partial(take, fail=False)) > number
    await again.close()


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    await SqliteStore.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "meta.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    with pytest.raises(DataFolderTooNew, match="format 999") as refused:
        SqliteStore.open(tmp_path)
    assert refused.value.found == 999
    with pytest.raises(DataFolderTooNew):  # and the folder is not left locked
        SqliteStore.open(tmp_path)


async def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "meta.db") as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = (tmp_path / "meta.db").read_bytes()
    with pytest.raises(DataFolderUnreadable, match="another program"):
        SqliteStore.open(tmp_path)
    assert (tmp_path / "meta.db").read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at " * 100])
async def test_a_damaged_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "meta.db").write_bytes(content)
    with pytest.raises(DataFolderUnreadable):
        SqliteStore.open(tmp_path)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError):
        SqliteStore.open(tmp_path / "file" / "data")


async def test_space_is_kept_back_again_as_soon_as_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    reserve = tmp_path / "data" / RESERVE_NAME
    with monkeypatch.context() as full:
        full.setattr(reserve_module, "_allocate", refuse)
        store = SqliteStore.open(tmp_path / "data")
        bucket = await make_bucket(store)  # a reserve that cannot be kept stops nobody
        assert reserve.stat().st_size == 0
    await store.write(lambda tx: put(tx, bucket.id, "key", b"content"))
    assert reserve.stat().st_size > 0
    await store.close()
