"""Large content: the same promises in memory and in files."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import pytest

from emulator.config import Durability
from emulator.domain.errors import BlobUnreadable, StorageError, StorageFailed, StorageFull
from emulator.domain.model import Blob, BlobHome, Extent, StagedBlob
from emulator.rng import SeededRng
from emulator.storage.blob_reader import READ_BYTES
from emulator.storage.blobs import FileBlobStore
from emulator.storage.durability import sync_folder
from emulator.storage.memory import MemoryBlobStore

BlobStores: TypeAlias = FileBlobStore | MemoryBlobStore
MIB = 1 << 20


class Rows:
    """Stands for the metadata store: the files that have a row."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    def known(self, files: Iterable[str]) -> set[str]:
        """Those of the files that have a row."""
        return self.files.intersection(files)


@pytest.fixture
def rows() -> Rows:
    """No rows yet."""
    return Rows()


@pytest.fixture(params=["memory", "process", "power"])
async def blobs(
    request: pytest.FixtureRequest, tmp_path: Path, rows: Rows
) -> AsyncIterator[BlobStores]:
    """An empty blob store, in memory and in a folder."""
    opened: BlobStores
    if request.param == "memory":
        opened = MemoryBlobStore(rng=SeededRng(1), known=rows.known)
    else:
        opened = open_folder(tmp_path, rows, Durability(request.param))
    yield opened
    await opened.close()


def open_folder(
    folder: Path,
    rows: Rows,
    durability: Durability = Durability.POWER,
    *,
    seed: int = 1,
    on_failure: Callable[[StorageFailed], None] | None = None,
) -> FileBlobStore:
    """A blob store in a folder."""
    return FileBlobStore(
        folder / "blobs",
        durability=durability,
        rng=SeededRng(seed),
        known=rows.known,
        on_failure=on_failure,
    )


async def write(blobs: BlobStores, *pieces: bytes) -> StagedBlob:
    """A finished blob of these pieces."""
    writer = blobs.writer()
    for piece in pieces:
        await writer.write(piece)
    return await writer.finish()


def whole(staged: StagedBlob) -> tuple[Blob, Extent]:
    """All of a blob."""
    blob = Blob(id=1, size_bytes=staged.size_bytes, home=BlobHome.FILE, file=staged.file)
    return blob, Extent(1, 0, staged.size_bytes)


def part(staged: StagedBlob, offset: int, length: int) -> tuple[Blob, Extent]:
    """Some of a blob."""
    return whole(staged)[0], Extent(1, offset, length)


async def read(blobs: BlobStores, *files: tuple[Blob, Extent]) -> bytes:
    """The content of the extents."""
    return b"".join([piece async for piece in blobs.open(files)])


def files_in(folder: Path) -> set[str]:
    """Every file under a folder, temporary ones too."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def pattern(size: int) -> bytes:
    """Content in which no two pieces are alike."""
    return b"".join(number.to_bytes(8, "big") for number in range(-(-size // 8)))[:size]


@pytest.mark.parametrize("size", [1, 1000, READ_BYTES, READ_BYTES + 1, 3 * MIB + 5])
async def test_content_comes_back_in_bounded_pieces(blobs: BlobStores, size: int) -> None:
    data = pattern(size)
    cut = 100_003
    staged = await write(blobs, *(data[at : at + cut] for at in range(0, size, cut)))
    assert staged.size_bytes == size
    assert staged.data == b""
    pieces = [piece async for piece in blobs.open([whole(staged)])]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= READ_BYTES


async def test_extents_of_several_blobs_are_read_in_order(blobs: BlobStores) -> None:
    first, second = pattern(600_000), pattern(500_000)[::-1]
    one, two = await write(blobs, first), await write(blobs, second)
    assert one.file != two.file
    got = await read(blobs, part(one, 5, 300_000), part(two, 0, 1), part(one, 599_999, 1))
    assert got == first[5:300_005] + second[:1] + first[-1:]


async def test_an_aborted_blob_leaves_nothing(blobs: BlobStores, tmp_path: Path) -> None:
    for size in (10, 3 * MIB):
        writer = blobs.writer()
        await writer.write(bytes(size))
        await writer.abort()
    assert files_in(tmp_path) == set()


async def test_a_discarded_blob_is_gone(blobs: BlobStores, tmp_path: Path) -> None:
    staged = await write(blobs, b"content")
    await blobs.discard(staged)
    with pytest.raises(BlobUnreadable):
        await read(blobs, whole(staged))
    assert files_in(tmp_path) == set()


async def test_discarding_what_has_a_row_after_all_keeps_it(blobs: BlobStores, rows: Rows) -> None:
    staged = await write(blobs, b"content")
    rows.files.add(staged.file)
    await blobs.discard(staged)
    assert await read(blobs, whole(staged)) == b"content"


async def test_a_missing_blob_is_an_error(blobs: BlobStores) -> None:
    with pytest.raises(BlobUnreadable):
        await read(blobs, whole(StagedBlob(size_bytes=5, file="ab" * 16)))


async def test_a_blob_shorter_than_its_record_is_an_error(blobs: BlobStores) -> None:
    staged = await write(blobs, b"12345")
    with pytest.raises(BlobUnreadable):
        await read(blobs, part(staged, 3, 3))


async def test_a_removed_blob_stays_readable_for_those_who_read_it(
    blobs: BlobStores, tmp_path: Path
) -> None:
    data = pattern(2 * MIB)
    staged = await write(blobs, data)
    early, late = blobs.open([whole(staged)]), blobs.open([whole(staged)])
    begun = await anext(early)
    blobs.remove([staged.file])
    assert begun + b"".join([piece async for piece in early]) == data
    assert b"".join([piece async for piece in late]) == data
    await blobs.close()
    assert files_in(tmp_path) == set()


async def test_a_reader_that_is_closed_lets_go(blobs: BlobStores, tmp_path: Path) -> None:
    staged = await write(blobs, pattern(2 * MIB))
    open_before = len(os.listdir("/proc/self/fd"))
    reader = blobs.open([whole(staged)])
    await anext(reader)
    await reader.aclose()
    await reader.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(reader)
    blobs.remove([staged.file])
    await blobs.close()
    assert files_in(tmp_path) == set()
    assert len(os.listdir("/proc/self/fd")) == open_before


async def test_clean_removes_what_crashes_left_and_nothing_else(tmp_path: Path, rows: Rows) -> None:
    before = open_folder(tmp_path, rows)
    kept = await write(before, b"kept")
    orphan = await write(before, b"orphan")
    rows.files.add(kept.file)
    torn = before.writer()
    await torn.write(bytes(2 * MIB))
    await before.close()
    assert len(files_in(tmp_path)) == 3

    after = open_folder(tmp_path, rows, seed=2)
    new = await write(after, b"new, and its row is not yet there")
    writer = after.writer()
    await writer.write(bytes(2 * MIB))
    assert await after.clean() == 2
    assert orphan.file not in files_in(tmp_path)
    begun = await writer.finish()
    assert files_in(tmp_path) == {kept.file, new.file, begun.file}
    await after.close()


async def test_clean_leaves_what_is_finished_while_it_runs(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = open_folder(tmp_path, rows)
    go_on = threading.Event()
    listdir = os.listdir

    def slow_listdir(folder: Path) -> list[str]:
        assert go_on.wait(10)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", slow_listdir)
    cleaning = asyncio.ensure_future(blobs.clean())
    await asyncio.wait({cleaning}, timeout=0)
    staged = await write(blobs, b"the first of this process, without a row as yet")
    go_on.set()
    assert await cleaning == 0
    assert files_in(tmp_path) == {staged.file}
    await blobs.close()


async def test_clean_leaves_what_is_being_read(tmp_path: Path, rows: Rows) -> None:
    before = open_folder(tmp_path, rows)
    staged = await write(before, pattern(2 * MIB))
    await before.close()
    after = open_folder(tmp_path, rows, seed=2)
    reader = after.open([whole(staged)])
    after.remove([staged.file])
    assert await after.clean() == 0
    assert b"".join([piece async for piece in reader]) == pattern(2 * MIB)
    await after.close()
    assert files_in(tmp_path) == set()


async def test_a_repeated_name_does_not_replace_a_blob(tmp_path: Path, rows: Rows) -> None:
    first = open_folder(tmp_path, rows)
    one = await write(first, b"one")
    await first.close()
    second = open_folder(tmp_path, rows)  # the same seed
    two = await write(second, b"two")
    assert await read(second, whole(one)) == b"one"
    assert await read(second, whole(two)) == b"two"
    await second.close()


async def test_who_leaves_while_the_blob_is_finished_leaves_nothing(
    tmp_path: Path, rows: Rows
) -> None:
    blobs = open_folder(tmp_path, rows)
    writer = blobs.writer()
    await writer.write(bytes(1000))
    finishing = asyncio.ensure_future(writer.finish())
    await asyncio.wait({finishing}, timeout=0)
    finishing.cancel()
    await asyncio.wait({finishing})
    await writer.abort()
    await blobs.close()
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("call", "number", "kind"),
    [
        ("write", errno.ENOSPC, StorageFull),
        ("write", errno.EIO, StorageError),
        ("fdatasync", errno.EIO, StorageFailed),
        ("fdatasync", errno.ENOSPC, StorageFull),
        ("fsync", errno.EIO, StorageFailed),
    ],
)
async def test_a_disk_that_fails_refuses_the_blob(
    tmp_path: Path,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    kind: type[StorageError],
) -> None:
    failures: list[StorageFailed] = []
    blobs = open_folder(tmp_path, rows, on_failure=failures.append)
    earlier = await write(blobs, b"earlier")

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(kind) as refused:
            await write(blobs, b"content")
    assert type(refused.value) is kind
    fatal = kind is StorageFailed
    assert len(failures) == fatal
    assert files_in(tmp_path) == {earlier.file}
    assert await read(blobs, whole(earlier)) == b"earlier"
    if fatal:
        with pytest.raises(StorageFailed):
            blobs.writer()
    else:
        await write(blobs, b"later")
    await blobs.close()


async def test_a_short_write_is_continued(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = open_folder(tmp_path, rows)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:1000]))
    staged = await write(blobs, pattern(10_500))
    assert await read(blobs, whole(staged)) == pattern(10_500)
    await blobs.close()


async def test_every_durable_step_comes_in_order(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = open_folder(tmp_path, rows)
    await write(blobs, b"first")
    steps: list[str] = []
    sync, rename, real_sync_folder = os.fdatasync, Path.rename, sync_folder

    def spy_sync(descriptor: int) -> None:
        steps.append("sync file")
        sync(descriptor)

    def spy_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    def spy_folder(path: Path) -> None:
        steps.append("sync root" if path.name == "blobs" else "sync folder")
        real_sync_folder(path)

    monkeypatch.setattr(os, "fdatasync", spy_sync)
    monkeypatch.setattr(Path, "rename", spy_rename)
    monkeypatch.setattr("emulator.storage.blob_files.sync_folder", spy_folder)
    await write(blobs, b"second")
    assert steps == ["sync file", "sync root", "rename", "sync folder"]
    await blobs.close()
