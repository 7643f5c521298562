"""Listing objects and versions: prefix, delimiter, markers and paging.

A page is read in index order. When a delimiter groups keys, the scan jumps behind the group with
one seek instead of reading it, so a page costs about its own length however large the groups are.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from emulator.domain.model import ObjectVersion
from emulator.domain.ports import MetaView

_KEY_AFTER_ALL = "\U0010ffff"
_ROWS_FIRST = 8  # rows read at first where groups may be, before more are tried
_ROWS_LEAST = 2  # one that begins a group, and the first behind it if the group is small
_ROWS_GROWTH = 4


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing asks for. ``after`` is exclusive; one that is a group skips the group."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    max_keys: int = 100


class ObjectPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of current objects. ``next_after`` is ``""`` when nothing is left."""

    objects: tuple[ObjectVersion, ...]
    common_prefixes: tuple[str, ...]
    next_after: str


class VersionsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a versions listing asks for. Without ``after_version`` all of ``after_key`` is skipped.

    ``after_seq`` is the place in the stack that the version id marker stands for.
    """

    prefix: str = ""
    delimiter: str = ""
    after_key: str = ""
    after_seq: int | None = None
    max_keys: int = 100


class VersionEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a versions page."""

    version: ObjectVersion
    is_latest: bool


class VersionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of versions and delete markers, with the markers of the next page."""

    entries: tuple[VersionEntry, ...]
    common_prefixes: tuple[str, ...]
    is_truncated: bool
    next_key: str = ""
    next_version_id: str = ""


def after_prefix(prefix: str) -> str | None:
    """The smallest text greater than everything that starts with ``prefix``; ``None`` if none is.

    Surrogates are no characters of UTF-8, so the successor of U+D7FF is U+E000.
    """
    for length in range(len(prefix), 0, -1):
        last = prefix[length - 1]
        if last < _KEY_AFTER_ALL:
            following = 0xE000 if last == "\ud7ff" else ord(last) + 1
            return prefix[: length - 1] + chr(following)
    return None


def _group_of(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix a key belongs to, or ``None`` when it stands for itself."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def list_objects(view: MetaView, bucket_id: int, query: ListQuery) -> ObjectPage:
    """A page of current objects (OSS ListObjects, ListObjectsV2; documented)."""
    objects: list[ObjectVersion] = []
    groups: list[str] = []
    last = ""
    for version, group in _walk(view, bucket_id, query):
        if len(objects) + len(groups) == query.max_keys:
            return ObjectPage(
                objects=tuple(objects), common_prefixes=tuple(groups), next_after=last
            )
        if group is None:
            objects.append(version)
            last = version.key
        else:
            groups.append(group)
            last = group
    return ObjectPage(objects=tuple(objects), common_prefixes=tuple(groups), next_after="")


def _first_limit(delimiter: str, max_keys: int) -> int:
    """How many rows to read at first: few where the first may already begin a large group."""
    return _ROWS_FIRST if delimiter else max_keys + 1


def _next_limit(limit: int, used: int, max_keys: int) -> int:
    """How many rows to read next, when ``used`` of ``limit`` were worth reading.

    Large groups waste what is read behind their first row, small groups and plain keys do not:
    the first ask for a seek per group, the others for few statements.
    """
    if 2 * used <= limit:
        return max(_ROWS_LEAST, limit // 2)
    return max(_ROWS_LEAST, min(limit * _ROWS_GROWTH, max_keys + 1))


def _walk(
    view: MetaView, bucket_id: int, query: ListQuery
) -> Iterator[tuple[ObjectVersion, str | None]]:
    """Every object of the listing, the first of each group with the group's common prefix."""
    start, inclusive = _first_key(query.prefix, query.delimiter, query.after)
    end = after_prefix(query.prefix)
    limit = _first_limit(query.delimiter, query.max_keys)
    while start is not None:
        found = view.listed_objects(
            bucket_id, start=start, inclusive=inclusive, end=end, limit=limit
        )
        used = 0
        group: str | None = None
        for version in found:
            if group is not None and version.key.startswith(group):
                continue
            group = _group_of(version.key, query.prefix, query.delimiter)
            used += 1
            yield version, group
        if len(found) < limit:
            return
        if group is not None:
            start, inclusive = after_prefix(group), True
        else:
            start, inclusive = found[-1].key, False
        limit = _next_limit(limit, used, query.max_keys)


def _first_key(prefix: str, delimiter: str, after: str) -> tuple[str | None, bool]:
    """Where a listing begins, and whether that key itself may be in it."""
    if after < prefix:
        return prefix, True
    if delimiter and after.startswith(prefix):
        group = _group_of(after, prefix, delimiter)
        if group == after:  # a marker equal to a group stands behind the whole group
            return after_prefix(group), True
    return after, not after


def list_versions(view: MetaView, bucket_id: int, query: VersionsQuery) -> VersionsPage:
    """A page of versions and delete markers (OSS ListObjectVersions; documented)."""
    entries: list[VersionEntry] = []
    groups: list[str] = []
    last_key, last_version = "", ""
    for entry, group in _walk_versions(view, bucket_id, query):
        if len(entries) + len(groups) == query.max_keys:
            return VersionsPage(
                entries=tuple(entries),
                common_prefixes=tuple(groups),
                is_truncated=True,
                next_key=last_key,
                next_version_id=last_version,
            )
        if group is None:
            entries.append(entry)
            last_key, last_version = entry.version.key, entry.version.version_id
        else:
            groups.append(group)
            last_key, last_version = group, ""
    return VersionsPage(entries=tuple(entries), common_prefixes=tuple(groups), is_truncated=False)


def _walk_versions(
    view: MetaView, bucket_id: int, query: VersionsQuery
) -> Iterator[tuple[VersionEntry, str | None]]:
    start, below = _first_entry(query)
    previous_key = _continued_key(view, bucket_id, query) if below else None
    end = after_prefix(query.prefix)
    limit = _first_limit(query.delimiter, query.max_keys)
    while start is not None:
        found = view.version_entries(bucket_id, start=start, below_seq=below, end=end, limit=limit)
        used = 0
        group: str | None = None
        for version in found:
            if group is not None and version.key.startswith(group):
                continue
            group = _group_of(version.key, query.prefix, query.delimiter)
            used += 1
            yield VersionEntry(version, version.key != previous_key), group
            previous_key = version.key
        if len(found) < limit:
            return
        if group is not None:
            start, below = after_prefix(group), None
        else:
            start, below = found[-1].key, found[-1].seq
        limit = _next_limit(limit, used, query.max_keys)


def _continued_key(view: MetaView, bucket_id: int, query: VersionsQuery) -> str | None:
    """The key whose newest entry an earlier page has shown, unless that entry is gone by now."""
    newest = view.current_version(bucket_id, query.after_key)
    if newest is None or query.after_seq is None or newest.seq < query.after_seq:
        return None
    return query.after_key


def _first_entry(query: VersionsQuery) -> tuple[str | None, int | None]:
    """Where a versions listing begins: a key, and how far down its stack."""
    if query.after_key < query.prefix:
        return query.prefix, None
    if not query.after_key:
        return "", None
    group = _group_of(query.after_key, query.prefix, query.delimiter)
    if group == query.after_key:  # a key of this name is in the group as well
        return after_prefix(group), None
    return query.after_key, query.after_seq or 0
