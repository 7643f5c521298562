"""Appendable objects: content that grows at its end, in place (OSS AppendObject; documented)."""

from __future__ import annotations

import msgspec

from emulator.domain import errors, retention, worm
from emulator.domain.errors import (
    AppendSealedObjectNotAllowed,
    ObjectNotAppendable,
    PositionNotEqualToLength,
)
from emulator.domain.events import NOTIFICATIONS, record_event
from emulator.domain.model import (
    Bucket,
    ChangeKind,
    Extent,
    ObjectVersion,
    Versioning,
    VersionKind,
)
from emulator.domain.objects.etags import append_etag
from emulator.domain.objects.reading import find_readable
from emulator.domain.objects.records import Content, Moment, ObjectWrite, live_bucket
from emulator.domain.objects.writing import add_object
from emulator.domain.ports import MetaTx, MetaView

# Short pieces at the end are stored anew with what comes after them, up to this size: the list of
# extents stays short (at most some 1,300 of them at 5 GiB) and every byte is copied some twenty
# times at most, however small the appends are.
_JOINED_BYTES_MAX = 8 << 20


class Appending(msgspec.Struct, frozen=True, kw_only=True):
    """An append as it looked before its content was read.

    ``current`` is the object it goes on with, ``None`` when it makes one. The content of ``tail``,
    the last extents of it, is stored anew together with what is appended.
    """

    position: int
    current: ObjectVersion | None = None
    tail: tuple[Extent, ...] = ()

    @property
    def crc64(self) -> int:
        """The CRC of everything before the position."""
        return 0 if self.current is None else self.current.crc64


def begin_append(
    view: MetaView, bucket: Bucket, key: str, position: int, *, forbid_overwrite: bool = False
) -> Appending:
    """Look at what is appended to, before any content is read and again when it is stored.

    Where there is no object, or a delete marker on top, position 0 makes one (documented). Raises
    FileAlreadyExists, ObjectNotAppendable, AppendSealedObjectNotAllowed and
    PositionNotEqualToLength.
    """
    current = view.current_version(bucket.id, key)
    if current is not None and forbid_overwrite and bucket.versioning is Versioning.NEVER:
        raise errors.FileAlreadyExists
    if current is None or current.is_delete_marker:
        if position != 0:
            raise PositionNotEqualToLength(0)
        return Appending(position=0)
    _check_appendable(current, position)
    if current.state.sealed_ms:
        raise AppendSealedObjectNotAllowed
    return Appending(position=position, current=current)


def _check_appendable(current: ObjectVersion, position: int) -> None:
    if current.kind is not VersionKind.APPENDABLE:
        raise ObjectNotAppendable
    if current.size_bytes != position:
        raise PositionNotEqualToLength(current.size_bytes)


def tail_to_join(extents: tuple[Extent, ...], added_bytes: int) -> tuple[Extent, ...]:
    """The last extents that are stored anew with ``added_bytes`` more.

    An extent is taken when what comes after it is at least as long, as in a binary counter: a
    byte is copied again only when the piece it is in at least doubles.
    """
    joined_bytes, first = added_bytes, len(extents)
    while first > 0:
        length_bytes = extents[first - 1].length_bytes
        if length_bytes > joined_bytes or length_bytes + joined_bytes > _JOINED_BYTES_MAX:
            break
        joined_bytes += length_bytes
        first -= 1
    return extents[first:]


def append_object(
    tx: MetaTx,
    bucket: Bucket,
    write: ObjectWrite,
    content: Content,
    begun: Appending,
    moment: Moment,
) -> ObjectVersion:
    """Store appended content: a new object or a longer one, of several at one position exactly one.

    ``content.crc64`` is that of the whole object, ``content.staged`` holds the tail of ``begun``
    as well. What describes the object counts when it is made, and not later. Appending nothing
    changes nothing (documented). Raises what ``begin_append`` raises.
    """
    bucket = live_bucket(tx, bucket)
    if retention.is_on(bucket):  # documented; the code is inferred
        raise errors.OperationNotSupported(
            "Objects cannot be appended to where single objects are retained."
        )
    forbid = write.forbid_overwrite
    now = begin_append(tx, bucket, write.key, begun.position, forbid_overwrite=forbid)
    current = now.current
    if current is None or begun.current is None:
        if current is not begun.current:
            raise PositionNotEqualToLength(0)
        return _make(tx, bucket, write, content, moment)
    if (current.seq, current.etag) != (begun.current.seq, begun.current.etag):
        # another object of the same length: its CRC and tail are not those that were looked at
        raise PositionNotEqualToLength(current.size_bytes)
    if content.size_bytes == 0:
        return current
    worm.require_mutable(tx, bucket, current, moment.now_ms)
    added = () if content.staged is None else (tx.add_blob(content.staged),)
    kept = current.extents[: len(current.extents) - len(begun.tail)]
    longer = msgspec.structs.replace(
        current,
        size_bytes=current.size_bytes + content.size_bytes,
        etag=append_etag(moment.rng),
        crc64=content.crc64,
        modified_ms=moment.now_ms,
        extents=kept + added,
    )
    tx.rewrite_version(longer)
    if NOTIFICATIONS in bucket.setting_names:
        record_event(tx, bucket, longer, moment, prior=current)
    if bucket.records_changes:
        tx.append_change(version=longer, kind=ChangeKind.PUT, at_ms=moment.now_ms)
    return longer


def _make(
    tx: MetaTx, bucket: Bucket, write: ObjectWrite, content: Content, moment: Moment
) -> ObjectVersion:
    """A new appendable object. Where versions are kept it is the null version (documented)."""
    return add_object(
        tx,
        bucket,
        write,
        moment,
        kind=VersionKind.APPENDABLE,
        size_bytes=content.size_bytes,
        etag=append_etag(moment.rng),
        crc64=content.crc64,
        extents=() if content.staged is None else (tx.add_blob(content.staged),),
        shares_blobs=False,
        change=ChangeKind.PUT,
        as_null_version=True,
    )


def seal_object(
    tx: MetaTx, bucket: Bucket, key: str, position: int, moment: Moment
) -> ObjectVersion:
    """Let nothing more be appended (OSS SealAppendObject; documented). Sealing again keeps the
    first instant. Raises NoSuchKey, ObjectNotAppendable and PositionNotEqualToLength."""
    bucket = live_bucket(tx, bucket)
    current = find_readable(tx, bucket, key, None, method="POST")
    _check_appendable(current, position)
    if current.state.sealed_ms:
        return current
    state = msgspec.structs.replace(current.state, sealed_ms=moment.now_ms)
    sealed = msgspec.structs.replace(current, state_json=state.to_json())
    tx.rewrite_version(sealed)
    return sealed
