"""Operations that read objects: GetObject, HeadObject, GetObjectMeta."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.access.identity import PrincipalKind
from emulator.domain import errors
from emulator.domain.model import Blob, BlobHome, Extent, ObjectVersion
from emulator.domain.ports import BlobStore, MetaView
from emulator.protocol.api.objects import find_version
from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.conditions import ByteRange, check_conditions, select_range
from emulator.protocol.object_headers import meta_headers, object_headers, override_headers
from emulator.protocol.pieces import Pieces

_PROCESS = "x-oss-process"


async def get_object(call: Call) -> Answer:
    """OSS GetObject: versions, conditions, ranges and response overrides; documented."""
    if _PROCESS in call.query or _PROCESS in call.headers:
        raise errors.NotImplemented("Processing of objects is not implemented.")
    anonymous = call.principal.kind is PrincipalKind.ANONYMOUS
    overrides = override_headers(call.query, anonymous=anonymous)
    bucket = call.bucket
    with call.context.store.read() as view:
        version = find_version(call, view)
        check_conditions(call.headers, version.etag, version.modified_ms)
        if version.storage_class.needs_restore:
            raise errors.InvalidObjectState
        standard = call.headers.get("x-oss-range-behavior") == "standard"
        chosen = select_range(call.headers.get("range"), version.size_bytes, standard=standard)
        headers = object_headers(bucket, version)
        body, stream = _content(view, call.context.blobs, version, chosen)
    headers.update(overrides)
    if stream is not None:
        await stream.begin()
    status, length_bytes = 200, version.size_bytes
    if chosen is not None:
        status, length_bytes = 206, chosen.length_bytes
        last = chosen.start + chosen.length_bytes - 1
        headers["Content-Range"] = f"bytes {chosen.start}-{last}/{version.size_bytes}"
    return Answer(
        status=status, headers=headers, body=body, stream=stream, length_bytes=length_bytes
    )


def _content(
    view: MetaView, blobs: BlobStore, version: ObjectVersion, chosen: ByteRange | None
) -> tuple[bytes, Pieces | None]:
    """The bytes to send: at once when a single inline blob holds them, otherwise as a stream."""
    extents = version.extents
    if chosen is not None:
        extents = cut_extents(extents, chosen)
    if not extents:
        return b"", None
    if len(extents) == 1:
        data = view.inline_data(extents[0].blob_id)
        if data is not None:
            return _slice(data, extents[0]), None
    parts: list[bytes | list[tuple[Blob, Extent]]] = []
    for extent in extents:
        blob = view.blob(extent.blob_id)
        if blob is None:
            raise errors.InternalError
        if blob.home is BlobHome.INLINE:
            parts.append(_slice(view.inline_data(blob.id) or b"", extent))
        elif parts and isinstance(parts[-1], list):
            parts[-1].append((blob, extent))
        else:
            parts.append([(blob, extent)])
    return b"", Pieces([each if isinstance(each, bytes) else blobs.open(each) for each in parts])


def _slice(data: bytes, extent: Extent) -> bytes:
    if extent.offset_bytes == 0 and extent.length_bytes == len(data):
        return data
    return data[extent.offset_bytes : extent.offset_bytes + extent.length_bytes]


def cut_extents(extents: tuple[Extent, ...], chosen: ByteRange) -> tuple[Extent, ...]:
    """The part of a list of extents that a range covers."""
    kept: list[Extent] = []
    skip, wanted = chosen.start, chosen.length_bytes
    for extent in extents:
        if wanted == 0:
            break
        if skip >= extent.length_bytes:
            skip -= extent.length_bytes
            continue
        length = min(extent.length_bytes - skip, wanted)
        kept.append(Extent(extent.blob_id, extent.offset_bytes + skip, length))
        skip, wanted = 0, wanted - length
    return tuple(kept)


async def head_object(call: Call) -> Answer:
    """OSS HeadObject: the headers of GetObject without the content; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        version = find_version(call, view)
    check_conditions(call.headers, version.etag, version.modified_ms)
    return Answer(headers=object_headers(bucket, version), length_bytes=version.size_bytes)


async def get_object_meta(call: Call) -> Answer:
    """OSS GetObjectMeta: a few headers only; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        version = find_version(call, view)
    return Answer(headers=meta_headers(bucket, version), length_bytes=version.size_bytes)


HANDLERS: Mapping[str, Handler] = {
    "GetObject": get_object,
    "HeadObject": head_object,
    "GetObjectMeta": get_object_meta,
}
