"""AppendObject and SealAppendObject."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.domain import errors, objects
from emulator.domain.model import ObjectVersion, StorageClass
from emulator.domain.objects import Appending, Content, ObjectWrite
from emulator.kms.sealed_content import Sealing
from emulator.protocol.api.objects import encrypted, encryption_rule, moment_of, version_header
from emulator.protocol.body import Continued, ExpectedDigest, receive_content
from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.content import open_content
from emulator.protocol.dates import http_date
from emulator.protocol.object_headers import (
    encryption_headers,
    quoted,
    read_flag,
    read_object_write,
    refuse_unsupported,
)
from emulator.protocol.object_keys import sealing_of
from emulator.protocol.parameters import plain_number
from emulator.protocol.pieces import Pieces

_NO_POSITION, _COLD_CLASS, _WITH_VERSION = "0016-00000501", "0016-00000503", "0016-00000504"
_KEY_ID = "x-oss-server-side-encryption-key-id"
_COLD = (StorageClass.COLD_ARCHIVE, StorageClass.DEEP_COLD_ARCHIVE)


async def append_object(call: Call) -> Answer:
    """OSS AppendObject; documented.

    The position is checked before the content is read, and again when it is stored: of several
    appends at one position one is kept, the others are answered with the next position.
    """
    context, bucket = call.context, call.bucket
    position = _read_position(call)
    expected = ExpectedDigest(
        call.headers.get("content-md5"), call.headers.get("x-oss-hash-crc64ecma")
    )
    begun, write, tail, sealing = _begin(call, position)
    try:
        call.body.refuse_beyond(max(context.oss.object_bytes_max - position, 0))
        if begun.current is None:
            write, sealing = await encrypted(call, write)
        continued = Continued(
            size_bytes=position,
            crc64=begun.crc64,
            tail=tail,
            tail_bytes=sum(extent.length_bytes for extent in begun.tail),
        )
        content = await receive_content(
            call.body, context.blobs, context.oss, expected, continued, sealing
        )
    finally:
        await tail.aclose()
    version = await _store(call, write, content, begun)
    context.changed()
    return Answer(
        headers={
            "ETag": quoted(version.etag),
            "x-oss-hash-crc64ecma": str(version.crc64),
            "x-oss-next-append-position": str(version.size_bytes),
            **encryption_headers(version.encryption_json),
            **version_header(bucket, version.version_id),
        }
    )


def _read_position(call: Call) -> int:
    if "versionId" in call.query:
        raise errors.InvalidArgument(
            "AppendObject does not support versionId.",
            name="versionId",
            value=call.query["versionId"],
            ec=_WITH_VERSION,
        )
    text = call.query.get("position")
    if text is None:
        raise errors.MissingArgument(ec=_NO_POSITION)
    position = plain_number(text)
    if position is None:
        raise errors.InvalidArgument(
            "The position is not a valid number.", name="position", value=text
        )
    return position


def _begin(call: Call, position: int) -> tuple[Appending, ObjectWrite, Pieces, Sealing | None]:
    """What is appended to, what the request says about it, the content stored again with it, and
    what to encrypt it with."""
    context, bucket, headers = call.context, call.bucket, call.headers
    forbid = read_flag(headers, "x-oss-forbid-overwrite")
    rule = encryption_rule(call)
    refuse_unsupported(headers)
    with context.store.read() as view:
        begun = objects.begin_append(view, bucket, call.key, position, forbid_overwrite=forbid)
        if begun.current is None:
            return begun, _read_first_write(call, rule), Pieces(()), None
        sealing = sealing_of(call, view, begun.current.encryption_json)
        # what describes the object was said with its first piece (documented; tags: observed)
        write = ObjectWrite(
            key=call.key,
            acl=begun.current.acl,
            storage_class=begun.current.storage_class,
            headers_json="{}",
            forbid_overwrite=forbid,
        )
        added_bytes = call.body.declared_bytes
        if added_bytes is None:
            added_bytes = context.oss.inline_bytes_max
        tail = objects.tail_to_join(begun.current.extents, added_bytes)
        begun = msgspec.structs.replace(begun, tail=tail)
        data_key = None if sealing is None else sealing.data_key
        stored = open_content(view, context.blobs, tail, data_key) if tail else ()
        return begun, write, Pieces(stored), sealing


def _read_first_write(call: Call, rule: str) -> ObjectWrite:
    """What the append that makes an object says about it (documented)."""
    if _KEY_ID in call.headers:  # documented; the code is inferred
        raise errors.InvalidArgument(
            "An appendable object cannot be encrypted with a key of your own.",
            name=_KEY_ID,
            value=call.headers[_KEY_ID],
        )
    write = read_object_write(call.key, call.headers, call.bucket, rule)
    if write.storage_class in _COLD:
        raise errors.InvalidArgument(
            "An appendable object cannot be of this storage class.",
            name="x-oss-storage-class",
            value=write.storage_class.value,
            ec=_COLD_CLASS,
        )
    return write


async def _store(
    call: Call, write: ObjectWrite, content: Content, begun: Appending
) -> ObjectVersion:
    bucket, moment = call.bucket, moment_of(call)
    unused = content.staged if content.size_bytes == 0 else None
    try:
        return await call.context.store.write(
            lambda tx: objects.append_object(tx, bucket, write, content, begun, moment)
        )
    except BaseException:
        unused = content.staged
        raise
    finally:
        if unused is not None and unused.file:
            await call.context.blobs.discard(unused)


async def seal_append_object(call: Call) -> Answer:
    """OSS SealAppendObject: nothing more can be appended; documented."""
    position = _read_position(call)
    bucket, moment = call.bucket, moment_of(call)
    version = await call.context.store.write(
        lambda tx: objects.seal_object(tx, bucket, call.key, position, moment)
    )
    return Answer(
        headers={
            "x-oss-sealed-time": http_date(version.state.sealed_ms),
            **version_header(bucket, version.version_id),
        }
    )


HANDLERS: Mapping[str, Handler] = {
    "AppendObject": append_object,
    "SealAppendObject": seal_append_object,
}
