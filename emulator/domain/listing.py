"""Listing objects and versions: prefix, delimiter, markers and paging."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from emulator.domain.key_walk import Scope, Way, after_prefix, page_of, walk
from emulator.domain.model import ObjectVersion
from emulator.domain.ports import MetaView


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


def list_objects(view: MetaView, bucket_id: int, query: ListQuery) -> ObjectPage:
    """A page of current objects (OSS ListObjects, ListObjectsV2; documented)."""
    scope, end = Scope(query.prefix, query.delimiter, query.max_keys), after_prefix(query.prefix)

    def read(place: tuple[str, bool], limit: int) -> list[ObjectVersion]:
        start, inclusive = place
        return view.listed_objects(
            bucket_id, start=start, inclusive=inclusive, end=end, limit=limit
        )

    way = Way(read, at=lambda key: (key, True), behind=lambda last: (last.key, False))
    page = page_of(walk(way, scope, _first_key(scope, query.after)), query.max_keys)
    last = page.last.key if isinstance(page.last, ObjectVersion) else page.last or ""
    return ObjectPage(
        objects=tuple(page.entries),
        common_prefixes=tuple(page.groups),
        next_after=last if page.is_truncated else "",
    )


def _first_key(scope: Scope, after: str) -> tuple[str, bool] | None:
    """Where a listing begins, and whether that key itself may be in it."""
    if after < scope.prefix:
        return scope.prefix, True
    if after.startswith(scope.prefix) and scope.group_of(after) == after:
        start = after_prefix(after)  # a marker equal to a group stands behind the whole group
        return None if start is None else (start, True)
    return after, not after


def list_versions(view: MetaView, bucket_id: int, query: VersionsQuery) -> VersionsPage:
    """A page of versions and delete markers (OSS ListObjectVersions; documented)."""
    page = page_of(_walk_versions(view, bucket_id, query), query.max_keys)
    key, version_id = "", ""
    if isinstance(page.last, VersionEntry):
        key, version_id = page.last.version.key, page.last.version.version_id
    elif page.last:
        key = page.last
    return VersionsPage(
        entries=tuple(page.entries),
        common_prefixes=tuple(page.groups),
        is_truncated=page.is_truncated,
        next_key=key if page.is_truncated else "",
        next_version_id=version_id if page.is_truncated else "",
    )


def _walk_versions(
    view: MetaView, bucket_id: int, query: VersionsQuery
) -> Iterator[tuple[VersionEntry, str | None]]:
    scope, end = Scope(query.prefix, query.delimiter, query.max_keys), after_prefix(query.prefix)

    def read(place: tuple[str, int | None], limit: int) -> list[ObjectVersion]:
        start, below = place
        return view.version_entries(bucket_id, start=start, below_seq=below, end=end, limit=limit)

    way = Way(read, at=lambda key: (key, None), behind=lambda last: (last.key, last.seq))
    place = _first_entry(scope, query)
    continued = place is not None and place[1]
    previous_key = _continued_key(view, bucket_id, query) if continued else None
    for version, group in walk(way, scope, place):
        yield VersionEntry(version, version.key != previous_key), group
        previous_key = version.key


def _continued_key(view: MetaView, bucket_id: int, query: VersionsQuery) -> str | None:
    """The key whose newest entry an earlier page has shown, unless that entry is gone by now."""
    newest = view.current_version(bucket_id, query.after_key)
    if newest is None or query.after_seq is None or newest.seq < query.after_seq:
        return None
    return query.after_key


def _first_entry(scope: Scope, query: VersionsQuery) -> tuple[str, int | None] | None:
    """Where a versions listing begins: a key, and how far down its stack."""
    if query.after_key < scope.prefix:
        return scope.prefix, None
    if not query.after_key:
        return "", None
    if scope.group_of(query.after_key) == query.after_key:  # a key of this name is in the group
        start = after_prefix(query.after_key)
        return None if start is None else (start, None)
    return query.after_key, query.after_seq or 0
