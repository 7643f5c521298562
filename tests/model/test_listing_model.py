"""Listings of a real server against sorted lists: v1, v2 and versions, page by page.

Keys are compared byte by byte as UTF-8, which is the order of code points and not that of UTF-16:
the letters have both ends of what surrogates leave out, and some beyond.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.hostile import Attacker
from tests.support.process import UID_A, EmulatorProcess
from tests.support.wire import Call

Query = tuple[tuple[str, str | None], ...]

LETTERS = "aab//-\x01é\ud7ff\ue000\uffff\U00010000\U0010ffff"
PLAIN_LETTERS = "aab//-é\ud7ff\ue000\U00010000\U0010fffd"  # what XML can carry without escapes
DELIMITERS = ("", "/", "-", "/-", "aa", "é", "a/", "\U0010ffff")
PAGES_MAX = 60  # more than any example has: a listing that does not move on must end
NUMBERS = count(1)


class Case(NamedTuple):
    """A bucket's keys in the order they are put, and one way to list it."""

    keys: list[str]
    prefix: str
    delimiter: str
    after: str
    page_size: int
    is_encoded: bool


def key_of(letters: str) -> st.SearchStrategy[str]:
    """Keys a bucket may have."""
    return st.text(st.sampled_from(letters), min_size=1, max_size=5).filter(
        lambda key: not key.startswith("/")
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A case whose markers and prefixes have to do with its keys more often than not."""
    is_encoded = draw(st.booleans())
    letters = LETTERS if is_encoded else PLAIN_LETTERS
    keys = draw(st.lists(key_of(letters), max_size=9))
    delimiters = DELIMITERS if is_encoded else DELIMITERS[:-1]
    delimiter = draw(st.sampled_from(delimiters))
    texts = st.text(st.sampled_from(letters), max_size=3)
    known = [key[:end] for key in keys for end in range(1, len(key) + 1)]
    groups = [key[: key.find(delimiter) + len(delimiter)] for key in keys if delimiter in key]
    pool = known + groups
    near = st.sampled_from(pool) if pool else texts
    prefix = draw(st.one_of(st.just(""), texts.map(lambda text: text[:1]), near))
    after = draw(st.one_of(st.just(""), texts, near))
    return Case(keys, prefix, delimiter, after, draw(st.integers(1, 4)), is_encoded)


# --- the model --------------------------------------------------------------------------------


class Entry(NamedTuple):
    """One entry of a stack; of a listing without versions only the key counts."""

    key: str
    version_id: str = ""
    is_marker: bool = False
    is_latest: bool = True


Item = Entry | str  # an entry, or the common prefix of several


def in_order(keys: Sequence[str]) -> list[str]:
    """By their bytes."""
    return sorted(set(keys), key=str.encode)


def group_of(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix of a key, "" when it stands for itself."""
    head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
    return prefix + head + delimiter if found else ""


def items_of(entries: Sequence[Entry], case: Case) -> list[Item]:
    """What a listing without end shows of entries that come after its markers."""
    items: list[Item] = []
    for entry in entries:
        if not entry.key.startswith(case.prefix):
            continue
        group = group_of(entry.key, case.prefix, case.delimiter)
        if not group:
            items.append(entry)
        elif group != case.after and group not in items:  # a group as a marker is passed whole
            items.append(group)
    return items


def after_key(entries: Sequence[Entry], key: str) -> list[Entry]:
    """The entries of later keys."""
    return [entry for entry in entries if entry.key.encode() > key.encode()]


# --- the server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def attacker() -> Iterator[Attacker]:
    """A client of a server in memory."""
    with EmulatorProcess(settings=("oss.buckets_max=1000",)) as server:
        made = Attacker(server)
        yield made
        made.close()
        assert server.errors() == ""


class Page(NamedTuple):
    """One page as it was answered."""

    entries: list[Entry]
    groups: list[str]
    is_truncated: bool
    document: ElementTree.Element


def page_of(attacker: Attacker, bucket: str, case: Case, *query: tuple[str, str | None]) -> Page:
    """Ask for one page and read it; what is echoed must be what was asked."""
    asked: Query = (("max-keys", str(case.page_size)), *query)
    if case.prefix:
        asked = (*asked, ("prefix", case.prefix))
    if case.delimiter:
        asked = (*asked, ("delimiter", case.delimiter))
    if case.is_encoded:
        asked = (*asked, ("encoding-type", "url"))
    document = attacker.ok(Call("GET", bucket, query=asked)).document
    assert read(document, "Prefix", case) == case.prefix
    assert read(document, "Delimiter", case) == case.delimiter
    assert document.findtext("MaxKeys") == str(case.page_size)
    entries = [
        Entry(
            key=read(each, "Key", case),
            version_id=each.findtext("VersionId", ""),
            is_marker=each.tag == "DeleteMarker",
            is_latest=each.findtext("IsLatest", "true") == "true",
        )
        for each in document
        if each.tag in ("Contents", "Version", "DeleteMarker")
    ]
    groups = [read(each, "Prefix", case) for each in document.iterfind("CommonPrefixes")]
    return Page(entries, groups, document.findtext("IsTruncated") == "true", document)


def read(element: ElementTree.Element, name: str, case: Case) -> str:
    """A text that may be encoded."""
    text = element.findtext(name, "")
    return unquote(text, errors="strict") if case.is_encoded else text


def check_page(page: Page, left: Sequence[Item], case: Case) -> list[Item]:
    """The page is the beginning of what is left; returns the rest."""
    expected, rest = left[: case.page_size], left[case.page_size :]
    assert page.entries == [item for item in expected if isinstance(item, Entry)]
    assert page.groups == [item for item in expected if isinstance(item, str)]
    assert page.is_truncated == bool(rest)
    return list(rest)


def name_of(item: Item) -> str:
    """A key or a group."""
    return item if isinstance(item, str) else item.key


def filled(attacker: Attacker, case: Case) -> tuple[str, list[Entry]]:
    """A bucket with the case's keys, and its entries in order."""
    bucket = f"listed-{next(NUMBERS)}"
    attacker.ok(Call("PUT", bucket))
    for key in case.keys:
        attacker.ok(Call("PUT", bucket, key))
    return bucket, [Entry(key) for key in in_order(case.keys)]


# Groups in a row, one within the other, a marker in the middle of one, a key that is a group.
WALKED = Case(["a/", "a/1", "a/b/1", "a-b", "b/1", "b/2", "c"], "", "/", "a/1", 1, is_encoded=True)
SURROGATES = Case(
    ["\ud7ff", "\ue000", "\uffff", "\U00010000"], "", "", "\ud7ff", 2, is_encoded=True
)
LAST_GROUP = Case(["\U0010ffffa", "\U0010ffffb"], "", "\U0010ffff", "", 1, is_encoded=True)


@settings(max_examples=70)
@example(case=WALKED)
@example(case=WALKED._replace(after="a/", page_size=2))
@example(case=WALKED._replace(after="", prefix="a/", is_encoded=False))
@example(case=SURROGATES)
@example(case=LAST_GROUP)
@given(case=cases())
def test_pages_of_both_listings_are_those_of_a_sorted_list(attacker: Attacker, case: Case) -> None:
    bucket, entries = filled(attacker, case)
    whole = items_of(after_key(entries, case.after), case)
    left, marker = list(whole), case.after
    for _ in range(PAGES_MAX):
        page = page_of(attacker, bucket, case, ("marker", marker))
        assert read(page.document, "Marker", case) == marker
        left = check_page(page, left, case)
        following = read(page.document, "NextMarker", case)
        if not page.is_truncated:
            assert following == ""
            break
        marker = name_of(whole[len(whole) - len(left) - 1])
        assert following == marker
    assert left == []

    left, token = list(whole), ""
    for _ in range(PAGES_MAX):
        more = (("continuation-token", token),) if token else (("start-after", case.after),)
        page = page_of(attacker, bucket, case, ("list-type", "2"), *more)
        left = check_page(page, left, case)
        shown = len(page.entries) + len(page.groups)
        assert page.document.findtext("KeyCount") == str(shown)
        assert read(page.document, "ContinuationToken", case) == token
        token = read(page.document, "NextContinuationToken", case)
        if not page.is_truncated:
            assert token == ""
            break
        assert token
    assert left == []


@given(owned=st.booleans())
@settings(max_examples=2)
def test_owners_are_shown_when_they_are_asked_for(attacker: Attacker, owned: bool) -> None:
    case = Case(["k"], "", "", "", 1, is_encoded=False)
    bucket, _ = filled(attacker, case)
    more = ("fetch-owner", "true" if owned else "false")
    second = page_of(attacker, bucket, case, ("list-type", "2"), more).document
    assert second.findtext("Contents/Owner/ID") == (UID_A if owned else None)
    assert page_of(attacker, bucket, case).document.findtext("Contents/Owner/ID") == UID_A


# --- versions ---------------------------------------------------------------------------------

ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


def stacked(attacker: Attacker, case: Case, deleted: Sequence[bool]) -> tuple[str, list[Entry]]:
    """A bucket with versions: every key is put, or deleted, once for each time it is there."""
    bucket = f"listed-{next(NUMBERS)}"
    attacker.ok(Call("PUT", bucket))
    attacker.ok(Call("PUT", bucket, query=(("versioning", None),), body=ENABLED))
    stacks: dict[str, list[Entry]] = {}
    for number, key in enumerate(case.keys):
        is_marker = deleted[number % len(deleted)]
        reply = attacker.ok(Call("DELETE" if is_marker else "PUT", bucket, key))
        below = [entry._replace(is_latest=False) for entry in stacks.get(key, [])]
        stacks[key] = [Entry(key, reply.header("x-oss-version-id"), is_marker), *below]
    return bucket, [entry for key in in_order(case.keys) for entry in stacks[key]]


@settings(max_examples=70)
@example(case=WALKED, copies=2, deleted=[False, True], pick=0)
@example(case=WALKED._replace(after=""), copies=3, deleted=[False], pick=1)
@example(case=SURROGATES._replace(after=""), copies=2, deleted=[True], pick=3)
@example(case=LAST_GROUP, copies=2, deleted=[False], pick=0)
@given(
    case=cases(),
    copies=st.integers(1, 3),
    deleted=st.lists(st.booleans(), min_size=1, max_size=4),
    pick=st.none() | st.integers(0, 20),
)
def test_pages_of_versions_are_those_of_a_sorted_list(
    attacker: Attacker, case: Case, copies: int, deleted: list[bool], pick: int | None
) -> None:
    case = case._replace(keys=(case.keys * copies)[:12])
    bucket, entries = stacked(attacker, case, deleted)
    key_marker, version_marker = case.after, ""
    later = after_key(entries, case.after)
    if pick is not None and entries:  # begin in the middle of a stack
        at = pick % len(entries)
        key_marker, version_marker = entries[at].key, entries[at].version_id
        case, later = case._replace(after=key_marker), entries[at + 1 :]
    whole = items_of(later, case)
    left = list(whole)
    for _ in range(PAGES_MAX):
        markers: Query = (("key-marker", key_marker),)
        if version_marker:
            markers = (*markers, ("version-id-marker", version_marker))
        page = page_of(attacker, bucket, case, ("versions", None), *markers)
        assert read(page.document, "KeyMarker", case) == key_marker
        left = check_page(page, left, case)
        if not page.is_truncated:
            break
        key_marker = read(page.document, "NextKeyMarker", case)
        assert key_marker == name_of(whole[len(whole) - len(left) - 1])
        version_marker = page.document.findtext("NextVersionIdMarker", "")
    assert left == []
