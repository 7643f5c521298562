"""Operations that read objects: GetObject, HeadObject, GetObjectMeta."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.access.identity import PrincipalKind
from emulator.domain import errors, objects
from emulator.domain.events import NOTIFICATIONS
from emulator.domain.model import ObjectVersion, VersionKind
from emulator.domain.objects import Readable
from emulator.domain.ports import BlobReader, MetaView
from emulator.protocol.api.downloads import reported
from emulator.protocol.api.objects import find_version
from emulator.protocol.api.restore import require_readable
from emulator.protocol.authorisation import authorise_source
from emulator.protocol.byteranges import multipart_ranges, new_boundary
from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.compression import Gzipped, is_compressed
from emulator.protocol.conditions import check_conditions
from emulator.protocol.content import cut_extents, open_content
from emulator.protocol.context import RequestView
from emulator.protocol.object_headers import meta_headers, object_headers, override_headers
from emulator.protocol.object_headers.lifecycle import access_headers, expiration_header
from emulator.protocol.object_headers.states import state_headers
from emulator.protocol.object_keys import key_for_read
from emulator.protocol.pieces import Pieces
from emulator.protocol.ranges import ByteRange, select_range, select_ranges

__all__ = ["HANDLERS", "cut_extents", "find_readable", "get_object", "head_object"]

_PROCESS = "x-oss-process"


class _Body(msgspec.Struct, frozen=True):
    """What an answer carries: parts to send one after the other, and how long they are."""

    parts: list[bytes | BlobReader]
    length_bytes: int


async def get_object(call: Call) -> Answer:
    """OSS GetObject: versions, links, conditions, ranges and response overrides; documented."""
    if _PROCESS in call.query or _PROCESS in call.headers:
        raise errors.NotImplemented("Processing of objects is not implemented.")
    overrides = _overrides(call) if call.query else {}
    bucket = call.bucket
    with call.context.store.read() as view:
        found = find_readable(call, view)
        content = found.content
        check_conditions(call.headers, content.etag, found.modified_ms)
        _check_state(call, view, found)
        chosen = _chosen_ranges(call, content.size_bytes)
        headers = object_headers(bucket, found.version, found.target)
        headers.update(state_headers(found.version, call.now_ms))
        if bucket.setting_names:
            headers.update(_expiration_header(call, view, found.version))
        headers.update(overrides)
        body = _open_body(call, view, content, chosen, headers)
    if bucket.setting_names:
        _note_access(call, found)
    answer = await _answer(call, chosen, headers, body)
    return await reported(call, answer) if NOTIFICATIONS in bucket.setting_names else answer


def _overrides(call: Call) -> dict[str, str]:
    anonymous = call.principal.kind is PrincipalKind.ANONYMOUS
    return override_headers(call.query, anonymous=anonymous)


async def _answer(
    call: Call, chosen: list[ByteRange], headers: dict[str, str], body: _Body
) -> Answer:
    if not chosen and _compresses(call, headers, body.length_bytes):
        return await _compressed_answer(headers, body)
    status = 206 if chosen else 200
    if len(body.parts) == 1 and isinstance(body.parts[0], bytes):
        data = body.parts[0]
        return Answer(status=status, headers=headers, body=data, length_bytes=body.length_bytes)
    stream = Pieces(body.parts)
    await stream.begin()
    return Answer(status=status, headers=headers, stream=stream, length_bytes=body.length_bytes)


def find_readable(call: Call, view: MetaView) -> Readable:
    """What a read of content is about; through a symbolic link the caller needs the right to read
    its target as well (OSS PutSymlink; documented). Raises AccessDenied."""
    version = find_version(call, view)
    if version.kind is VersionKind.SYMLINK:
        # before it is looked for: nobody learns of keys that are none of his business
        authorise_source(call, view, call.bucket, version.symlink_target, None)
    return objects.find_content(view, call.bucket, version)


def _check_state(call: Call, view: MetaView, found: Readable) -> None:
    """An archived link is as unreadable as an archived target. Raises InvalidObjectState."""
    require_readable(view, call.bucket, found.version, call.now_ms)
    if found.target is not None:
        require_readable(view, call.bucket, found.target, call.now_ms)


def _chosen_ranges(call: Call, size_bytes: int) -> list[ByteRange]:
    """The ranges that are asked for, none for the whole object."""
    headers = call.headers
    if "range" not in headers:
        return []
    standard = headers.get("x-oss-range-behavior") == "standard"
    if headers.get("x-oss-multi-range-behavior") == "multi-range":
        return select_ranges(headers["range"], size_bytes, standard=standard)
    chosen = select_range(headers["range"], size_bytes, standard=standard)
    return [] if chosen is None else [chosen]


def _open_body(
    call: Call,
    view: RequestView,
    content: ObjectVersion,
    chosen: list[ByteRange],
    headers: dict[str, str],
) -> _Body:
    """Open what is asked for and say so in the headers."""
    blobs, size_bytes = call.context.blobs, content.size_bytes
    data_key: bytes | None = None
    if content.encryption_json:
        data_key = key_for_read(call, view, content.encryption_json)

    def open_range(each: ByteRange) -> list[bytes | BlobReader]:
        return open_content(view, blobs, cut_extents(content.extents, each), data_key)

    if not chosen:
        return _Body(open_content(view, blobs, content.extents, data_key), size_bytes)
    if len(chosen) == 1:
        start, length_bytes = chosen[0].start, chosen[0].length_bytes
        headers["Content-Range"] = f"bytes {start}-{start + length_bytes - 1}/{size_bytes}"
        return _Body(open_range(chosen[0]), length_bytes)
    boundary = new_boundary(call.context.rng)
    content_type = headers["Content-Type"]
    headers["Content-Type"] = f"multipart/byteranges;boundary={boundary}"
    return _Body(*multipart_ranges(chosen, size_bytes, content_type, boundary, open_range))


def _compresses(call: Call, headers: dict[str, str], size_bytes: int) -> bool:
    accepted = call.headers.get("accept-encoding")
    if accepted is None or not call.context.oss.gzip_answers:
        return False
    return is_compressed(accepted, headers, size_bytes)


async def _compressed_answer(headers: dict[str, str], body: _Body) -> Answer:
    """The content compressed: without a length and without an ETag (documented)."""
    for name in ("ETag", "Content-MD5", "Accept-Ranges"):
        headers.pop(name, None)
    headers["Content-Encoding"] = "gzip"
    content = Pieces(body.parts)
    await content.begin()
    return Answer(headers=headers, stream=Gzipped(content))


async def head_object(call: Call) -> Answer:
    """OSS HeadObject: the headers of GetObject without the content; documented."""
    with call.context.store.read() as view:
        found = find_readable(call, view)
        accessed = access_headers(view, call.bucket, found.version)
        accessed.update(_expiration_header(call, view, found.version))
    content = found.content
    check_conditions(call.headers, content.etag, found.modified_ms)
    headers = object_headers(call.bucket, found.version, found.target)
    headers.update(state_headers(found.version, call.now_ms))
    return Answer(headers={**headers, **accessed}, length_bytes=content.size_bytes)


async def get_object_meta(call: Call) -> Answer:
    """OSS GetObjectMeta: a few headers only, of a symbolic link its own; documented."""
    with call.context.store.read() as view:
        version = find_version(call, view)
        accessed = access_headers(view, call.bucket, version)
    headers = {**meta_headers(call.bucket, version), **accessed}
    return Answer(headers=headers, length_bytes=version.size_bytes)


def _expiration_header(call: Call, view: MetaView, version: ObjectVersion) -> dict[str, str]:
    is_current = call.version_id is None
    return expiration_header(view, call.bucket, version, is_current=is_current)


def _note_access(call: Call, found: Readable) -> None:
    """Through a symbolic link its target is read as well (OSS LastAccessTime; documented)."""
    note = call.context.access_times.note
    note(call.bucket, found.version, call.now_ms)
    if found.content is not found.version:
        note(call.bucket, found.content, call.now_ms)


HANDLERS: Mapping[str, Handler] = {
    "GetObject": get_object,
    "HeadObject": head_object,
    "GetObjectMeta": get_object_meta,
}
