"""UploadPartCopy: a part that shares the content of an object."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.domain import errors
from emulator.domain.model import Bucket, Extent, ObjectVersion, Versioning
from emulator.domain.objects import Content, find_content
from emulator.domain.uploads.parts import find_upload, put_part, put_shared_part
from emulator.domain.uploads.records import Part
from emulator.kms.sealed_content import Sealing
from emulator.protocol.api.copies import CopySource, find_copy_source, read_copy_source
from emulator.protocol.api.multipart import (
    discard,
    expect_part,
    part_headers,
    part_sealing,
    read_part_number,
    refuse_encryption,
    report_part,
    upload_name,
)
from emulator.protocol.api.objects import moment_of
from emulator.protocol.api.reads import cut_extents
from emulator.protocol.api.restore import require_readable
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.conditions import ByteRange, select_range
from emulator.protocol.context import RequestTx, RequestView
from emulator.protocol.dates import iso_date
from emulator.protocol.object_headers import quoted
from emulator.protocol.object_keys import key_for_read
from emulator.protocol.stored_content import hash_extents
from emulator.protocol.xml import XmlWriter

_NO_UPLOAD = "0042-00000311"
_ATTEMPTS_MAX = 5
# Content in more pieces than that is written anew, so that an object made of parts of objects
# made of parts stays an object of so many pieces.
_SHARED_EXTENTS_MAX = 16


class _Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Which bytes are copied. Equal stretches hold the same bytes."""

    bucket: Bucket
    version: ObjectVersion
    whole_bytes: int  # of the source
    chosen: ByteRange | None
    extents: tuple[Extent, ...]
    data_key: bytes | None  # of the source, if it is encrypted

    @property
    def size_bytes(self) -> int:
        """How many bytes are copied."""
        return sum(extent.length_bytes for extent in self.extents)


async def upload_part_copy(call: Call) -> Answer:
    """OSS UploadPartCopy: within a bucket and across buckets of one region; documented.

    The bytes are read to know their MD5, which is the part's ETag, and shared, not moved. If the
    source has changed by then it is read again.
    """
    refuse_encryption(call.headers)
    number, named = read_part_number(call), read_copy_source(call.headers["x-oss-copy-source"])
    upload = expect_part(call, number, ec=_NO_UPLOAD)
    for _ in range(_ATTEMPTS_MAX):
        with call.context.store.read() as view:
            stretch = _find_stretch(call, view, named)
        part = await _copy(call, number, named, stretch, part_sealing(call, upload))
        if part is not None:
            return _answer(stretch, part, upload.encryption_json)
    raise errors.ServiceUnavailable


def _find_stretch(call: Call, view: RequestView | RequestTx, named: CopySource) -> _Stretch:
    """The bytes the request is about, if the caller may read them and the conditions hold.

    A symbolic link stands for its target (inferred).
    """
    bucket, version = find_copy_source(call, view, named)
    content = find_content(view, bucket, version).content
    require_readable(view, bucket, content, call.now_ms)
    chosen = _read_range(call.headers.get("x-oss-copy-source-range"), content.size_bytes)
    extents = content.extents if chosen is None else cut_extents(content.extents, chosen)
    stretch = _Stretch(
        bucket=bucket,
        version=version,
        whole_bytes=content.size_bytes,
        chosen=chosen,
        extents=extents,
        data_key=key_for_read(call, view, content.encryption_json),
    )
    if stretch.size_bytes > call.context.oss.object_bytes_max:
        raise errors.EntityTooLarge
    return stretch


def _read_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The range to copy; one that cannot be satisfied copies everything (documented)."""
    try:
        return select_range(header, size_bytes, standard=False)
    except errors.InvalidRange:
        return None


async def _copy(
    call: Call, number: int, named: CopySource, stretch: _Stretch, sealing: Sealing | None
) -> Part | None:
    """Store the part; ``None`` if the source is another one by now. Bytes that are encrypted in
    another way than the upload's are written anew."""
    context, name, moment = call.context, upload_name(call), moment_of(call)
    data_key = None if sealing is None else sealing.data_key
    writes_anew = len(stretch.extents) > _SHARED_EXTENTS_MAX or stretch.data_key != data_key
    hashed = await hash_extents(
        context, stretch.extents, copies=writes_anew, data_key=stretch.data_key, sealing=sealing
    )
    if hashed is None:
        return None
    content = Content(
        staged=hashed.copy,
        size_bytes=stretch.size_bytes,
        etag=hashed.md5.hex().upper(),
        crc64=hashed.crc64,
    )

    def work(tx: RequestTx) -> Part | None:
        upload = find_upload(tx, name, ec=_NO_UPLOAD)
        if _find_stretch(call, tx, named).extents != stretch.extents:
            return None
        if writes_anew:
            return report_part(tx, call, put_part(tx, name, number, content, moment))
        part = put_shared_part(tx, upload, number, content, stretch.extents, moment)
        return report_part(tx, call, part)

    part: Part | None = None
    try:
        part = await context.store.write(work)
    finally:
        if part is None:
            await discard(call, content)
    if part is not None:
        call.context.changed()
    return part


def _answer(stretch: _Stretch, part: Part, encryption_json: str) -> Answer:
    headers = part_headers(part, encryption_json)
    if stretch.chosen is not None:
        last = stretch.chosen.start + stretch.chosen.length_bytes - 1
        headers["Content-Range"] = f"bytes {stretch.chosen.start}-{last}/{stretch.whole_bytes}"
    if stretch.bucket.versioning is not Versioning.NEVER:
        headers["x-oss-copy-source-version-id"] = stretch.version.version_id
    document = XmlWriter("CopyPartResult")
    document.element("ETag", quoted(part.etag))
    document.element("LastModified", iso_date(part.modified_ms))
    return xml_answer(document.to_bytes(), headers)


HANDLERS: Mapping[str, Handler] = {
    "UploadPartCopy": upload_part_copy,
}
