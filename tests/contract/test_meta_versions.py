"""Version stacks in the metadata store."""

from __future__ import annotations

from functools import partial

import pytest

from emulator.domain.model import Acl, ChangeKind, Extent, ObjectVersion, Origin, VersionKind
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
from tests.contract.building import entry, id_of, make_bucket, put, put_each

LAST = "\U0010ffff"
ORIGIN = Origin(rule_uid=1, change_seq=2, source_seq=3, applied_ms=4)


async def insert(store: SqliteStore, version: ObjectVersion, *, listed: bool = True) -> None:
    await store.write(lambda tx: tx.insert_version(version, shares_blobs=False, listed=listed))


async def test_an_entry_comes_back_as_it_was_put(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    extents = (Extent(1, 0, 10), Extent(2, 5, 7))
    version = entry(bucket.id, "ключ/\0/\U0001f511", 5, extents=extents, origin=ORIGIN)
    await insert(store, version)
    with store.read() as view:
        assert view.current_version(bucket.id, version.key) == version
        assert view.version_by_seq(bucket.id, version.key, 5) == version
        assert view.version_by_seq(bucket.id, version.key, 6) is None


@pytest.mark.parametrize("crc64", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
async def test_a_crc_of_64_bits_is_kept(store: SqliteStore, crc64: int) -> None:
    bucket = await make_bucket(store)
    version = ObjectVersion(
        **{**{f: getattr(entry(bucket.id, "k", 1), f) for f in ObjectVersion.__struct_fields__},
           "crc64": crc64}
    )  # fmt: skip
    await insert(store, version)
    with store.read() as view:
        found = view.current_version(bucket.id, "k")
    assert found is not None
    assert found.crc64 == crc64


async def test_the_newest_entry_is_current_and_the_stack_is_newest_first(
    store: SqliteStore,
) -> None:
    bucket = await make_bucket(store)
    for seq in (3, 9, 6):
        await insert(store, entry(bucket.id, "key", seq, version_id=id_of(seq)))
    await insert(store, entry(bucket.id, "key!", 12))
    with store.read() as view:
        current = view.current_version(bucket.id, "key")
        stack = [version.seq for version in view.versions_of(bucket.id, "key")]
        older = view.versions_of(bucket.id, "key", below_seq=9, limit=1)
        assert view.current_version(bucket.id, "ke") is None
    assert current is not None
    assert current.seq == 9
    assert stack == [9, 6, 3]
    assert [version.seq for version in older] == [6]


async def test_an_entry_is_found_by_its_own_and_by_its_sources_version_id(
    store: SqliteStore,
) -> None:
    bucket = await make_bucket(store)
    own = entry(bucket.id, "key", 7, version_id=id_of(7))
    # A replica whose source had the place that another entry has here.
    replica = entry(bucket.id, "key", 8, version_id=id_of(9), origin=ORIGIN)
    other = entry(bucket.id, "key", 9, version_id=id_of(10), origin=ORIGIN)
    for version in (own, replica, other):
        await insert(store, version)
    with store.read() as view:
        assert view.version(bucket.id, "key", id_of(7)) == own
        assert view.version(bucket.id, "key", id_of(9)) == replica
        assert view.version(bucket.id, "key", id_of(10)) == other
        assert view.version(bucket.id, "key", id_of(8)) is None
        assert view.version(bucket.id, "other", id_of(7)) is None
        assert view.version(bucket.id, "key", "nonsense") is None


async def test_the_null_version_is_found_wherever_it_is(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    null = entry(bucket.id, "key", 1)
    with store.read() as view:
        assert view.version(bucket.id, "key", "null") is None
    await insert(store, null)
    with store.read() as view:
        assert view.version(bucket.id, "key", "null") == null

    def bury(tx: SqliteTx) -> None:
        tx.insert_version(
            entry(bucket.id, "key", 2, version_id=id_of(2)), shares_blobs=False, listed=True
        )
        tx.set_listed(null, listed=False)

    await store.write(bury)
    with store.read() as view:
        assert view.version(bucket.id, "key", "null") == null
    await store.write(lambda tx: tx.delete_version(null))
    with store.read() as view:
        assert view.version(bucket.id, "key", "null") is None
    marker = entry(bucket.id, "key", 3, kind=VersionKind.DELETE_MARKER)
    await insert(store, marker, listed=False)
    with store.read() as view:
        assert view.version(bucket.id, "key", "null") == marker


async def test_listing_is_in_byte_order_and_shows_only_what_is_listed(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    keys = ["B", "a", "a/b", "a/\U0001f511", "a/￿", "é", "z"]
    await put_each(store, bucket.id, reversed(keys))
    await store.write(lambda tx: put(tx, bucket.id, "hidden", listed=False))
    other = await make_bucket(store, "other")
    await store.write(lambda tx: put(tx, other.id, "m"))
    with store.read() as view:
        found = view.listed_objects(bucket.id, start="", inclusive=True, end=None, limit=100)
    assert [version.key for version in found] == sorted(keys, key=str.encode)


@pytest.mark.parametrize(
    ("start", "inclusive", "end", "limit", "keys"),
    [
        ("b", True, None, 10, ["b", "b/1", "b/2", "c"]),
        ("b", False, None, 10, ["b/1", "b/2", "c"]),
        ("b/", True, "b0", 10, ["b/1", "b/2"]),
        ("b0", True, None, 10, ["c"]),
        ("", True, None, 2, ["a", "b"]),
        ("b", False, "b", 10, []),
        ("d", True, None, 10, []),
        ("", True, LAST, 10, ["a", "b", "b/1", "b/2", "c"]),
    ],
)
async def test_listing_seeks_to_any_place(
    store: SqliteStore, start: str, inclusive: bool, end: str | None, limit: int, keys: list[str]
) -> None:
    bucket = await make_bucket(store)
    await put_each(store, bucket.id, ("c", "b/2", "a", "b", "b/1"))
    with store.read() as view:
        found = view.listed_objects(
            bucket.id, start=start, inclusive=inclusive, end=end, limit=limit
        )
    assert [version.key for version in found] == keys


async def test_listed_follows_set_listed(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    version = entry(bucket.id, "key", 1)
    await insert(store, version)
    for listed in (False, True):
        await store.write(partial(SqliteTx.set_listed, version=version, listed=listed))
        with store.read() as view:
            found = view.listed_objects(bucket.id, start="", inclusive=True, end=None, limit=9)
        assert bool(found) is listed


@pytest.mark.parametrize(
    ("start", "below_seq", "end", "limit", "places"),
    [
        ("", None, None, 10, [("a", 4), ("a", 1), ("b", 5), ("b", 3), ("b", 2), ("c", 6)]),
        ("b", None, None, 10, [("b", 5), ("b", 3), ("b", 2), ("c", 6)]),
        ("b", 5, None, 10, [("b", 3), ("b", 2), ("c", 6)]),
        ("b", 2, None, 10, [("c", 6)]),
        ("b", 0, None, 10, [("c", 6)]),
        ("b", 5, None, 2, [("b", 3), ("b", 2)]),
        ("a", 4, "c", 3, [("a", 1), ("b", 5), ("b", 3)]),
        ("b", 5, "b", 10, []),
        ("b", None, "b", 10, []),
    ],
)
async def test_entries_come_by_key_newest_first(
    store: SqliteStore,
    start: str,
    below_seq: int | None,
    end: str | None,
    limit: int,
    places: list[tuple[str, int]],
) -> None:
    bucket = await make_bucket(store)
    for key, seq in (("a", 1), ("b", 2), ("b", 3), ("a", 4), ("b", 5), ("c", 6)):
        kind = VersionKind.DELETE_MARKER if seq == 5 else VersionKind.NORMAL
        await insert(store, entry(bucket.id, key, seq, kind=kind), listed=False)
    with store.read() as view:
        found = view.version_entries(
            bucket.id, start=start, below_seq=below_seq, end=end, limit=limit
        )
    assert [(version.key, version.seq) for version in found] == places


async def test_acl_and_tags_change_in_place(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    version = entry(bucket.id, "key", 1)
    await insert(store, version)
    await store.write(
        lambda tx: tx.update_version(version, acl=Acl.PUBLIC_READ, tags_json='{"x":"y"}')
    )
    with store.read() as view:
        found = view.current_version(bucket.id, "key")
    assert found is not None
    assert (found.acl, found.tags, found.modified_ms) == (
        Acl.PUBLIC_READ,
        {"x": "y"},
        version.modified_ms,
    )


async def test_changes_are_numbered_without_gaps(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    version = entry(bucket.id, "key", 1)
    await insert(store, version)

    def append(tx: SqliteTx) -> None:
        tx.append_change(version=version, kind=ChangeKind.PUT, at_ms=5)

    def append_and_fail(tx: SqliteTx) -> None:
        append(tx)
        raise KeyError("no")

    await store.write(append)
    with pytest.raises(KeyError):
        await store.write(append_and_fail)
    await store.write(
        lambda tx: tx.append_change(
            version=version, kind=ChangeKind.DELETE, at_ms=6, removed=version
        )
    )
    with store.read() as view:
        changes = [change for change, _ in view.changes_after(bucket.id, 0, limit=10)]
    assert [change.seq for change in changes] == [1, 2]
    assert [change.removed_kind for change in changes] == ["", "Normal"]
    assert changes[1].prior_tags_json == version.tags_json
    assert (changes[0].version_seq, changes[0].at_ms, changes[0].kind) == (1, 5, ChangeKind.PUT)


async def test_forgotten_changes_do_not_give_their_numbers_back(store: SqliteStore) -> None:
    bucket = await make_bucket(store)
    version = entry(bucket.id, "key", 1)
    for _ in range(2):
        await store.write(
            lambda tx: tx.append_change(version=version, kind=ChangeKind.PUT, at_ms=5)
        )
    await store.write(lambda tx: tx.prune_changes(bucket.id, 2, limit=10))
    await store.write(lambda tx: tx.append_change(version=version, kind=ChangeKind.PUT, at_ms=5))
    with store.read() as view:
        (last,) = [change for change, _ in view.changes_after(bucket.id, 0, limit=10)]
    assert last.seq == 3
