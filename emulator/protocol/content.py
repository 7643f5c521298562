"""Stored content as something to send: bytes at hand and readers of blobs, in order."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.domain import errors
from emulator.domain.model import Blob, BlobHome, Extent
from emulator.domain.ports import BlobReader, BlobStore, MetaView
from emulator.kms.frames import open_blob
from emulator.kms.sealed_content import OpeningReader
from emulator.protocol.ranges import ByteRange


def open_content(
    view: MetaView, blobs: BlobStore, extents: Sequence[Extent], data_key: bytes | None = None
) -> list[bytes | BlobReader]:
    """What the extents of a version of ``view`` cover. The readers must be closed; see
    ``Pieces``. ``data_key`` is that of an encrypted object. Raises BlobUnreadable."""
    opened = open_if_there(view, blobs, extents, data_key)
    if opened is None:
        raise errors.InternalError
    return opened


def open_if_there(
    view: MetaView, blobs: BlobStore, extents: Sequence[Extent], data_key: bytes | None = None
) -> list[bytes | BlobReader] | None:
    """``open_content`` of extents that a version had earlier, ``None`` if one of them is gone."""
    if len(extents) == 1:
        data = view.inline_data(extents[0].blob_id)
        if data is not None:
            return [_slice(data, extents[0], data_key)]
    found = view.blobs([extent.blob_id for extent in extents])
    parts: list[bytes | list[tuple[Blob, Extent]]] = []
    for extent in extents:
        blob = found.get(extent.blob_id)
        if blob is None:
            return None
        if blob.home is BlobHome.INLINE:
            parts.append(_slice(view.inline_data(blob.id) or b"", extent, data_key))
        elif parts and isinstance(parts[-1], list):
            parts[-1].append((blob, extent))
        else:
            parts.append([(blob, extent)])
    if data_key is None:
        return [each if isinstance(each, bytes) else blobs.open(each) for each in parts]
    return [
        each if isinstance(each, bytes) else OpeningReader(blobs, each, data_key) for each in parts
    ]


def _slice(data: bytes, extent: Extent, data_key: bytes | None) -> bytes:
    if data_key is not None:
        return open_blob(data_key, data, extent.offset_bytes, extent.length_bytes)
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
