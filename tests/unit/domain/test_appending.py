"""How an appendable object is kept in few pieces at a bounded cost, and what is a conflict."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import PositionNotEqualToLength
from emulator.domain.model import Acl, Bucket, Extent, StagedBlob, StorageClass
from emulator.domain.objects import (
    Appending,
    Content,
    Moment,
    ObjectWrite,
    append_object,
    begin_append,
    tail_to_join,
)
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import new_bucket

MIB = 1 << 20


def grow(extents: tuple[Extent, ...], added: int) -> tuple[tuple[Extent, ...], int]:
    """The extents after one more append, and how many bytes were stored."""
    tail = tail_to_join(extents, added)
    stored = added + sum(each.length_bytes for each in tail)
    return (*extents[: len(extents) - len(tail)], Extent(0, 0, stored)), stored


@pytest.mark.parametrize(
    ("size", "times", "extents_max", "copies_max"),
    [
        (1, 100_000, 20, 20),
        (100, 10_000, 16, 18),
        (70_000, 10_000, 170, 9),
        (5 * MIB, 1000, 1000, 1),
    ],
)
def test_equal_appends_stay_few_extents(
    size: int, times: int, extents_max: int, copies_max: int
) -> None:
    extents: tuple[Extent, ...] = ()
    stored = longest = 0
    for _ in range(times):
        extents, more = grow(extents, size)
        stored += more
        longest = max(longest, len(extents))
    assert sum(each.length_bytes for each in extents) == size * times
    assert longest <= extents_max
    assert stored <= copies_max * size * times


@given(st.lists(st.integers(1, 20 * MIB), max_size=60))
def test_no_order_of_sizes_makes_many_extents(sizes: list[int]) -> None:
    extents: tuple[Extent, ...] = ()
    for size in sizes:
        extents, stored = grow(extents, size)
        assert stored <= max(size, 8 * MIB)
    total = sum(sizes)
    assert sum(each.length_bytes for each in extents) == total
    # two neighbours are never both small, unless they get smaller towards the end
    for one, other in pairwise(extents):
        assert one.length_bytes > other.length_bytes or (
            one.length_bytes + other.length_bytes > 8 * MIB
        )


WRITE = ObjectWrite(
    key="log", acl=Acl.DEFAULT, storage_class=StorageClass.STANDARD, headers_json="{}"
)


def received(data: bytes, before: bytes = b"") -> Content:
    """Content as it is staged, with the tail that is stored again in front of it."""
    staged = StagedBlob(size_bytes=len(before + data), data=before + data)
    return Content(staged=staged, size_bytes=len(data), etag="AB", crc64=len(before + data))


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(":memory:")
    yield opened
    await opened.close()


async def test_an_object_made_again_meanwhile_is_not_mistaken_for_the_old_one(
    store: SqliteStore,
) -> None:
    moment = Moment(1, SeededRng(1))

    def prepare(tx: SqliteTx) -> tuple[Bucket, Appending]:
        bucket = tx.insert_bucket(new_bucket("bucket"))
        begun = begin_append(tx, bucket, "log", 0)
        old = append_object(tx, bucket, WRITE, received(b"old"), begun, moment)
        seen = begin_append(tx, bucket, "log", 3)
        tx.delete_version(old)
        begun = begin_append(tx, bucket, "log", 0)
        append_object(tx, bucket, WRITE, received(b"new"), begun, moment)
        return bucket, msgspec.structs.replace(seen, tail=old.extents)

    bucket, seen = await store.write(prepare)
    late = received(b"er", before=b"old")
    with pytest.raises(PositionNotEqualToLength) as refused:
        await store.write(lambda tx: append_object(tx, bucket, WRITE, late, seen, moment))
    assert refused.value.headers == {"x-oss-next-append-position": "3"}
    with store.read() as view:
        current = view.current_version(bucket.id, "log")
        assert current is not None
        assert view.inline_data(current.extents[0].blob_id) == b"new"


async def test_what_is_gone_or_made_meanwhile_is_a_conflict(store: SqliteStore) -> None:
    moment = Moment(1, SeededRng(1))

    def prepare(tx: SqliteTx) -> tuple[Bucket, Appending, Appending]:
        bucket = tx.insert_bucket(new_bucket("bucket"))
        nothing = begin_append(tx, bucket, "log", 0)
        empty = Content(staged=None, size_bytes=0, etag="", crc64=0)
        made = append_object(tx, bucket, WRITE, empty, nothing, moment)
        return bucket, nothing, Appending(position=0, current=made)

    bucket, nothing, made = await store.write(prepare)

    def late(tx: SqliteTx, begun: Appending) -> None:
        append_object(tx, bucket, WRITE, received(b"x"), begun, moment)

    with pytest.raises(PositionNotEqualToLength):
        await store.write(partial(late, begun=nothing))
    assert made.current is not None
    await store.write(partial(SqliteTx.delete_version, version=made.current))
    with pytest.raises(PositionNotEqualToLength):
        await store.write(partial(late, begun=made))
