"""Beginning and aborting uploads, and giving them parts."""

from __future__ import annotations

import msgspec

from emulator.domain import errors
from emulator.domain.events import record_upload_event
from emulator.domain.model import Bucket, ChangeKind, Extent, Versioning
from emulator.domain.objects import Content, Moment, ObjectWrite, live_bucket
from emulator.domain.ports import MetaTx, MetaView, Rng
from emulator.domain.uploads.records import PART_NUMBER_MAX, Part, Upload, UploadName

_ID_DIGITS = 32


class UploadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What InitiateMultipartUpload says beside what the object will look like."""

    initiator_uid: str
    is_sequential: bool = False
    has_hash_context: bool = False


def initiate_upload(
    tx: MetaTx, bucket: Bucket, write: ObjectWrite, options: UploadOptions, moment: Moment
) -> Upload:
    """Begin an upload (OSS InitiateMultipartUpload; documented). Raises FileAlreadyExists."""
    bucket = live_bucket(tx, bucket)
    if (
        write.forbid_overwrite
        and bucket.versioning is Versioning.NEVER  # ignored otherwise (documented)
        and tx.current_version(bucket.id, write.key) is not None
    ):
        raise errors.FileAlreadyExists
    seq = tx.next_seq()
    upload = Upload(
        id=seq,
        bucket_id=bucket.id,
        key=write.key,
        upload_id=_new_upload_id(seq, moment.rng),
        initiated_ms=moment.now_ms,
        initiator_uid=options.initiator_uid,
        storage_class=write.storage_class,
        headers_json=write.headers_json,
        tags_json=write.tags_json,
        encryption_json=write.encryption_json,
        retention_json=write.retention_json,
        is_sequential=options.is_sequential,
        has_hash_context=options.has_hash_context,
    )
    tx.insert_upload(upload)
    if bucket.records_changes:
        tx.append_upload_change(upload=upload, kind=ChangeKind.INITIATE, at_ms=moment.now_ms)
    record_upload_event(tx, bucket, moment, upload.key)
    return upload


def _new_upload_id(seq: int, rng: Rng) -> str:
    """32 upper-case hexadecimal digits (OSS InitiateMultipartUpload, samples; documented).

    ``seq`` keeps them apart where a seeded source repeats itself.
    """
    return f"{int(rng.hex(_ID_DIGITS), 16) ^ seq:0{_ID_DIGITS}X}"


def find_upload(view: MetaView, name: UploadName, *, ec: str = "") -> Upload:
    """The upload a request is about. Raises NoSuchUpload, with the operation's own ``ec``."""
    found = view.upload(name.bucket_id, name.key, name.upload_id)
    if found is None:
        raise errors.NoSuchUpload(name.upload_id, ec=ec)
    return found


def check_part_number(number: int) -> None:
    """Raise InvalidArgument beyond 1 to 10000 (OSS UploadPart, partNumber; documented)."""
    if not 1 <= number <= PART_NUMBER_MAX:
        raise errors.InvalidArgument(
            f"Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive.",
            name="partNumber",
            value=str(number),
        )


def check_sequence(view: MetaView, upload: Upload, number: int) -> None:
    """Of a sequential upload, only the part behind the last one may come, and none again
    (OSS UploadPart, PartNotSequential and PartAlreadyExist; observed)."""
    if not upload.is_sequential:
        return
    last = view.last_part_number(upload)
    if number <= last:
        raise errors.PartAlreadyExist
    if number != last + 1:
        raise errors.PartNotSequential


def put_part(
    tx: MetaTx, name: UploadName, number: int, content: Content, moment: Moment, *, ec: str = ""
) -> Part:
    """Store a part with content of its own (OSS UploadPart; documented).

    Raises NoSuchUpload if the upload went while the content was on its way.
    """
    upload = find_upload(tx, name, ec=ec)
    check_sequence(tx, upload, number)
    extents = () if content.staged is None else (tx.add_blob(content.staged),)
    return _put(tx, upload, number, content, moment, extents=extents, shares_blobs=False)


def put_shared_part(
    tx: MetaTx,
    upload: Upload,
    number: int,
    content: Content,
    extents: tuple[Extent, ...],
    moment: Moment,
) -> Part:
    """Store a part that shares a version's content (OSS UploadPartCopy; documented).

    ``content`` says what the extents hold; the caller has found them in this transaction.
    """
    check_sequence(tx, upload, number)
    return _put(tx, upload, number, content, moment, extents=extents, shares_blobs=True)


def _put(  # noqa: PLR0913 - the fields of one row
    tx: MetaTx,
    upload: Upload,
    number: int,
    content: Content,
    moment: Moment,
    *,
    extents: tuple[Extent, ...],
    shares_blobs: bool,
) -> Part:
    part = Part(
        number=number,
        seq=tx.next_seq(),
        size_bytes=content.size_bytes,
        etag=content.etag,
        crc64=content.crc64,
        modified_ms=moment.now_ms,
        extents=extents,
    )
    tx.put_part(upload, part, shares_blobs=shares_blobs)
    if _records_changes(tx, upload):
        tx.append_upload_change(upload=upload, kind=ChangeKind.PART, at_ms=moment.now_ms, part=part)
    return part


def abort_upload(tx: MetaTx, name: UploadName, moment: Moment) -> Upload:
    """Give up an upload and its parts (OSS AbortMultipartUpload; documented). NoSuchUpload."""
    upload = find_upload(tx, name)
    drop_upload(tx, upload)
    if _records_changes(tx, upload):
        tx.append_upload_change(upload=upload, kind=ChangeKind.ABORT, at_ms=moment.now_ms)
    return upload


def drop_upload(tx: MetaTx, upload: Upload) -> None:
    """Remove an upload and its parts, and record nothing."""
    parts = tx.parts_of(upload, limit=PART_NUMBER_MAX)
    tx.delete_upload(upload, [extent for part in parts for extent in part.extents])


def _records_changes(tx: MetaTx, upload: Upload) -> bool:
    """Whether what a client does to an upload is recorded; to the replica of one it is not,
    because it never replicates onward (inferred)."""
    if upload.origin is not None:
        return False
    bucket = tx.bucket_by_id(upload.bucket_id)
    return bucket is not None and bucket.records_changes
