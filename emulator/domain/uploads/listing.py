"""Listing uploads: prefix, delimiter, markers and paging, in the order of key and upload id."""

from __future__ import annotations

import msgspec

from emulator.domain.key_walk import Scope, Way, after_prefix, page_of, walk
from emulator.domain.ports import MetaView
from emulator.domain.uploads.records import Upload


class UploadsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing asks for. Without ``after_id`` all uploads of ``after_key`` are skipped; an
    ``after_key`` that is a group skips the group."""

    prefix: str = ""
    delimiter: str = ""
    after_key: str = ""
    after_id: str = ""
    max_uploads: int = 1000


class UploadsPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of uploads, with the place of its last entry; ``next_id`` is ``""`` for a group."""

    uploads: tuple[Upload, ...]
    common_prefixes: tuple[str, ...]
    is_truncated: bool
    next_key: str = ""
    next_id: str = ""


def list_uploads(view: MetaView, bucket_id: int, query: UploadsQuery) -> UploadsPage:
    """A page of unfinished uploads (OSS ListMultipartUploads; documented)."""
    scope = Scope(query.prefix, query.delimiter, query.max_uploads)
    end = after_prefix(query.prefix)

    def read(place: tuple[str, str], limit: int) -> list[Upload]:
        start, after_id = place
        return view.upload_entries(bucket_id, start=start, after_id=after_id, end=end, limit=limit)

    way = Way(read, at=lambda key: (key, ""), behind=lambda last: (last.key, last.upload_id))
    page = page_of(walk(way, scope, _first_place(scope, query)), query.max_uploads)
    key, upload_id = "", ""
    if isinstance(page.last, Upload):
        key, upload_id = page.last.key, page.last.upload_id
    elif page.last:
        key = page.last
    return UploadsPage(
        uploads=tuple(page.entries),
        common_prefixes=tuple(page.groups),
        is_truncated=page.is_truncated,
        next_key=key,
        next_id=upload_id,
    )


def _first_place(scope: Scope, query: UploadsQuery) -> tuple[str, str] | None:
    """Where a listing begins: a key, and the id of that key's last upload to be skipped."""
    after = query.after_key
    if after < scope.prefix or not after:
        return scope.prefix, ""
    if after.startswith(scope.prefix) and scope.group_of(after) == after:
        start = after_prefix(after)  # a key of this name is in the group as well
        return None if start is None else (start, "")
    if query.after_id:
        return after, query.after_id
    return after + "\0", ""
