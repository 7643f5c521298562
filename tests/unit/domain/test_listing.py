"""Listings against plain lists: order, groups, markers, pages, and what a page costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.config import Durability
from emulator.domain.key_walk import after_prefix
from emulator.domain.listing import (
    ListQuery,
    ObjectPage,
    VersionsPage,
    VersionsQuery,
    list_objects,
    list_versions,
)
from emulator.domain.model import ObjectVersion, VersionKind
from emulator.domain.ports import MetaView
from emulator.storage.sqlite.connections import MEMORY, connect, migrate
from emulator.storage.sqlite.view import SqliteTx, SqliteView
from tests.contract.building import entry, id_of

Item = tuple[str, ...]

BUCKETS = count(1)
PAGES_MAX = 100  # more than any example has: a listing that does not move on must end

# Few letters, so that keys begin alike; the ends of the ranges that UTF-8 leaves out between.
LETTERS = "aab//--\0\x01é\ud7ff\ue000\uffff\U00010000\U0010ffff"
texts = st.text(st.sampled_from(LETTERS), max_size=5)
keys = st.text(st.sampled_from(LETTERS), min_size=1, max_size=6)
prefixes = st.just("") | st.text(st.sampled_from(LETTERS), max_size=2)
delimiters = st.sampled_from(["", "/", "-", "--", "/-", "aa", "é", "\0", "\U0010ffff"])
page_sizes = st.integers(1, 12)


class CountingView(SqliteView):
    """Counts the reads of a listing and the rows they return."""

    reads = 0
    rows = 0

    def listed_objects(
        self, bucket_id: int, *, start: str, inclusive: bool, end: str | None, limit: int
    ) -> list[ObjectVersion]:
        found = super().listed_objects(
            bucket_id, start=start, inclusive=inclusive, end=end, limit=limit
        )
        self.reads += 1
        self.rows += len(found)
        return found

    def version_entries(
        self, bucket_id: int, *, start: str, below_seq: int | None, end: str | None, limit: int
    ) -> list[ObjectVersion]:
        found = super().version_entries(
            bucket_id, start=start, below_seq=below_seq, end=end, limit=limit
        )
        self.reads += 1
        self.rows += len(found)
        return found


class Storage(NamedTuple):
    """A database in memory, to write and to read."""

    tx: SqliteTx
    view: CountingView


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    connection = connect(MEMORY, Durability.NONE)
    migrate(connection, Path(MEMORY))
    yield Storage(SqliteTx(connection), CountingView(connection))
    connection.close()


def in_order(found: Sequence[str]) -> list[str]:
    return sorted(found, key=str.encode)


def group_of(key: str, prefix: str, delimiter: str) -> str | None:
    head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
    return prefix + head + delimiter if found else None


# --- objects ----------------------------------------------------------------------------------


def put_all(tx: SqliteTx, found: Sequence[str]) -> int:
    bucket_id = next(BUCKETS)
    for seq, key in enumerate(found, 1):
        tx.insert_version(entry(bucket_id, key, seq), shares_blobs=False, listed=True)
    return bucket_id


def model_listing(found: Sequence[str], query: ListQuery) -> list[Item]:
    """Every item of a listing, without pages: ("key", key) or ("group", common prefix)."""
    items: list[Item] = []
    for key in in_order(found):
        group = group_of(key, query.prefix, query.delimiter)
        if not key.startswith(query.prefix) or key.encode() <= query.after.encode():
            continue
        if group == query.after:
            continue
        item = ("key", key) if group is None else ("group", group)
        if item not in items:
            items.append(item)
    return items


def shown(page: ObjectPage) -> list[Item]:
    items = [("key", version.key) for version in page.objects]
    items += [("group", group) for group in page.common_prefixes]
    return sorted(items, key=lambda item: item[1].encode())


def walk(view: MetaView, bucket_id: int, query: ListQuery) -> list[Item]:
    """All pages of a listing, one after the other."""
    items: list[Item] = []
    after = query.after
    for _ in range(PAGES_MAX):
        page = list_objects(
            view,
            bucket_id,
            ListQuery(
                prefix=query.prefix,
                delimiter=query.delimiter,
                after=after,
                max_keys=query.max_keys,
            ),
        )
        items += shown(page)
        if not page.next_after:
            return items
        assert len(shown(page)) == query.max_keys
        assert page.next_after == shown(page)[-1][1]
        after = page.next_after
    pytest.fail("the listing does not end")


@st.composite
def listings(draw: st.DrawFn) -> tuple[list[str], ListQuery]:
    found = draw(st.lists(keys, unique=True, max_size=25))
    prefix = draw(prefixes)
    delimiter = draw(delimiters)
    markers = [key[:end] for key in found for end in range(1, len(key) + 1)]
    after = draw(texts | st.sampled_from(["", *markers]))
    max_keys = draw(page_sizes)
    query = ListQuery(prefix=prefix, delimiter=delimiter, after=after, max_keys=max_keys)
    return found, query


@given(listings())
@example((["a/", "a/b", "a0"], ListQuery(delimiter="/", after="a/", max_keys=1)))
@example((["a//b", "a///", "a/b"], ListQuery(delimiter="//", max_keys=1)))
@example((["\U0010ffff/", "\U0010ffff\U0010ffff"], ListQuery(delimiter="\U0010ffff", max_keys=1)))
@example(([f"{n:02}/{m}" for n in range(9) for m in range(9)], ListQuery(delimiter="/")))
def test_a_page_and_all_pages_are_those_of_a_sorted_list(
    storage: Storage, listing: tuple[list[str], ListQuery]
) -> None:
    found, query = listing
    bucket_id = put_all(storage.tx, found)
    expected = model_listing(found, query)
    page = list_objects(storage.view, bucket_id, query)
    assert shown(page) == expected[: query.max_keys]
    assert page.next_after == (
        expected[query.max_keys - 1][1] if len(expected) > query.max_keys else ""
    )
    assert walk(storage.view, bucket_id, query) == expected


@pytest.mark.parametrize(
    ("prefix", "delimiter", "after", "objects", "groups"),
    [
        ("", "", "", ["fun/", "fun/a", "fun/b/c", "oss"], []),
        ("", "/", "", ["oss"], ["fun/"]),
        ("fun/", "/", "", ["fun/", "fun/a"], ["fun/b/"]),
        ("fun", "/", "", [], ["fun/"]),
        ("", "/", "fun/", ["oss"], []),
        ("", "/", "fun/a", ["oss"], ["fun/"]),
        ("fun/", "/", "fun/", ["fun/a"], ["fun/b/"]),
        ("fun/", "/", "fun/b/", [], []),
        ("fun/", "", "oss", [], []),
        ("oss", "/", "a", ["oss"], []),
        ("none", "/", "", [], []),
    ],
)
def test_prefix_delimiter_and_marker_as_documented(
    storage: Storage,
    prefix: str,
    delimiter: str,
    after: str,
    objects: list[str],
    groups: list[str],
) -> None:
    bucket_id = put_all(storage.tx, ["oss", "fun/b/c", "fun/a", "fun/"])
    query = ListQuery(prefix=prefix, delimiter=delimiter, after=after)
    page = list_objects(storage.view, bucket_id, query)
    assert [version.key for version in page.objects] == objects
    assert list(page.common_prefixes) == groups
    assert page.next_after == ""


# --- versions ---------------------------------------------------------------------------------


class Place(NamedTuple):
    """One entry of the model: the stack is the list order, newest first."""

    key: str
    seq: int
    version_id: str
    is_marker: bool
    is_latest: bool


def stack_all(tx: SqliteTx, stacks: dict[str, list[tuple[bool, bool]]]) -> tuple[int, list[Place]]:
    """Store stacks, oldest entry first: (is it a delete marker, is it the null version)."""
    bucket_id, seqs = next(BUCKETS), count(1)
    places: list[Place] = []
    for key in in_order(list(stacks)):
        stack: list[Place] = []
        has_null = False
        for at, (is_marker, wants_null) in enumerate(stacks[key], 1):
            seq = next(seqs)
            is_null, is_latest = wants_null and not has_null, at == len(stacks[key])
            has_null = has_null or is_null
            version_id = "null" if is_null else id_of(seq)
            kind = VersionKind.DELETE_MARKER if is_marker else VersionKind.NORMAL
            version = entry(bucket_id, key, seq, version_id=version_id, kind=kind)
            tx.insert_version(version, shares_blobs=False, listed=is_latest and not is_marker)
            stack.insert(0, Place(key, seq, version_id, is_marker, is_latest))
        places += stack
    return bucket_id, places


def model_versions(places: Sequence[Place], query: VersionsQuery) -> list[Item | Place]:
    items: list[Item | Place] = []
    for place in places:
        group = group_of(place.key, query.prefix, query.delimiter)
        if not place.key.startswith(query.prefix):
            continue
        if place.key.encode() < query.after_key.encode():
            continue
        if place.key == query.after_key and place.seq >= (query.after_seq or 0):
            continue
        if group == query.after_key:
            continue
        item: Item | Place = place if group is None else ("group", group)
        if item not in items:
            items.append(item)
    return items


def shown_versions(page: VersionsPage) -> list[Item | Place]:
    items: list[tuple[bytes, int, Item | Place]] = []
    for number, each in enumerate(page.entries):
        version = each.version
        place = Place(
            version.key,
            version.seq,
            version.version_id,
            version.is_delete_marker,
            each.is_latest,
        )
        items.append((version.key.encode(), number, place))
    items += [(group.encode(), 0, ("group", group)) for group in page.common_prefixes]
    return [item for *_, item in sorted(items, key=lambda each: each[:2])]


def walk_versions(view: MetaView, bucket_id: int, query: VersionsQuery) -> list[Item | Place]:
    items: list[Item | Place] = []
    after_key, after_seq = query.after_key, query.after_seq
    for _ in range(PAGES_MAX):
        page = list_versions(
            view,
            bucket_id,
            VersionsQuery(
                prefix=query.prefix,
                delimiter=query.delimiter,
                after_key=after_key,
                after_seq=after_seq,
                max_keys=query.max_keys,
            ),
        )
        items += shown_versions(page)
        if not page.is_truncated:
            assert (page.next_key, page.next_version_id) == ("", "")
            return items
        assert len(shown_versions(page)) == query.max_keys
        after_key, after_seq = page.next_key, None
        if page.next_version_id:
            marked = view.version(bucket_id, after_key, page.next_version_id)
            assert marked is not None
            after_seq = marked.seq
    pytest.fail("the listing does not end")


class VersionsCase(NamedTuple):
    """Stacks, a query, and which entry its version id marker names (none: no such marker)."""

    stacks: dict[str, list[tuple[bool, bool]]]
    query: VersionsQuery
    marked: int | None


@st.composite
def versions_listings(draw: st.DrawFn) -> VersionsCase:
    entries = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4)
    stacks = draw(st.dictionaries(keys, entries, max_size=12))
    markers = [key[:end] for key in stacks for end in range(1, len(key) + 1)]
    query = VersionsQuery(
        prefix=draw(prefixes),
        delimiter=draw(delimiters),
        after_key=draw(texts | st.sampled_from(["", *markers])),
        max_keys=draw(page_sizes),
    )
    return VersionsCase(stacks, query, draw(st.none() | st.integers(0, 100)))


def query_of(case: VersionsCase, places: Sequence[Place]) -> VersionsQuery:
    """The query, with the version id marker put on an entry that exists."""
    if case.marked is None or not places:
        return case.query
    place = places[case.marked % len(places)]
    return VersionsQuery(
        prefix=case.query.prefix,
        delimiter=case.query.delimiter,
        after_key=place.key,
        after_seq=place.seq,
        max_keys=case.query.max_keys,
    )


@given(versions_listings())
@example(
    VersionsCase({"a/b": [(False, False)] * 3}, VersionsQuery(delimiter="/", max_keys=1), marked=0)
)
def test_pages_of_versions_are_those_of_a_sorted_list(storage: Storage, case: VersionsCase) -> None:
    bucket_id, places = stack_all(storage.tx, case.stacks)
    query = query_of(case, places)
    expected = model_versions(places, query)
    page = list_versions(storage.view, bucket_id, query)
    assert shown_versions(page) == expected[: query.max_keys]
    assert page.is_truncated == (len(expected) > query.max_keys)
    assert walk_versions(storage.view, bucket_id, query) == expected


@given(versions_listings())
def test_objects_are_the_latest_versions_that_are_no_delete_markers(
    storage: Storage, case: VersionsCase
) -> None:
    bucket_id, places = stack_all(storage.tx, case.stacks)
    page = list_objects(storage.view, bucket_id, ListQuery(max_keys=1000))
    latest = [place.seq for place in places if place.is_latest and not place.is_marker]
    assert [version.seq for version in page.objects] == latest


@pytest.mark.parametrize(
    ("removed", "latest"),
    [
        ([], [False, False]),
        ([3], [True, False]),  # the marker's entry is gone: the one below is the latest now
        ([3, 2], [True]),
    ],
)
def test_a_later_page_says_what_is_latest_by_then(
    storage: Storage, removed: list[int], latest: list[bool]
) -> None:
    bucket_id, places = stack_all(storage.tx, {"key": [(False, False)] * 3})
    for seq in removed:
        version = storage.view.version_by_seq(bucket_id, "key", seq)
        assert version is not None
        storage.tx.delete_version(version)
    query = VersionsQuery(after_key="key", after_seq=places[0].seq)
    page = list_versions(storage.view, bucket_id, query)
    assert [each.is_latest for each in page.entries] == latest


# --- the end of a prefix, and costs -------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "after"),
    [
        ("a", "b"),
        ("a/", "a0"),
        ("\x7f", "\x80"),
        ("a\ud7ff", "a\ue000"),
        ("\uffff", "\U00010000"),
        ("a\U0010ffff", "b"),
        ("a\U0010ffff\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("", None),
    ],
)
def test_the_text_after_a_prefix(prefix: str, after: str | None) -> None:
    assert after_prefix(prefix) == after


@given(st.text(st.sampled_from(LETTERS), max_size=4), texts)
def test_a_text_starts_with_a_prefix_if_it_is_between(prefix: str, text: str) -> None:
    after = after_prefix(prefix)
    between = prefix.encode() <= text.encode() and (after is None or text.encode() < after.encode())
    assert between == text.startswith(prefix)


def cost(storage: Storage, found: Sequence[str], query: ListQuery) -> tuple[int, int]:
    bucket_id = put_all(storage.tx, found)
    storage.view.reads = storage.view.rows = 0
    list_objects(storage.view, bucket_id, query)
    return storage.view.reads, storage.view.rows


def versions_cost(storage: Storage, found: Sequence[str], query: VersionsQuery) -> tuple[int, int]:
    bucket_id = put_all(storage.tx, found)
    storage.view.reads = storage.view.rows = 0
    list_versions(storage.view, bucket_id, query)
    return storage.view.reads, storage.view.rows


def grouped(groups: int, size: int) -> list[str]:
    return [f"{group:04}/{member:04}" for group in range(groups) for member in range(size)]


def test_a_large_group_costs_what_a_small_one_costs(storage: Storage) -> None:
    query, versions_query = ListQuery(delimiter="/"), VersionsQuery(delimiter="/")
    small, large = grouped(4, 10), grouped(4, 500)
    assert cost(storage, large, query) == cost(storage, small, query)
    assert versions_cost(storage, large, versions_query) == versions_cost(
        storage, small, versions_query
    )


def test_large_groups_cost_a_read_and_two_rows_each(storage: Storage) -> None:
    reads, rows = cost(storage, grouped(40, 30), ListQuery(delimiter="/"))
    assert reads <= 40 + 1
    assert rows <= 2 * 40 + 8 + 4


@pytest.mark.parametrize("names", [grouped(300, 1), [f"{n:04}" for n in range(300)]])
def test_small_groups_and_plain_keys_cost_few_reads(storage: Storage, names: list[str]) -> None:
    reads, rows = cost(storage, names, ListQuery(delimiter="/", max_keys=200))
    assert reads <= 5
    assert rows == 200 + 1
    reads, rows = versions_cost(storage, names, VersionsQuery(delimiter="/", max_keys=200))
    assert reads <= 5
    assert rows == 200 + 1


def test_a_page_without_groups_is_one_read(storage: Storage) -> None:
    assert cost(storage, [f"{n:04}" for n in range(300)], ListQuery(max_keys=100)) == (1, 101)
