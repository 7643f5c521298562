"""Multipart uploads and their parts as records."""

from __future__ import annotations

import msgspec

from emulator.domain.model import Extent, Origin, StorageClass

PART_NUMBER_MAX = 10_000
OBJECT_BYTES_MAX = 488 * 1024**4 // 10  # (OSS CompleteMultipartUpload, 48.8 TB; documented)


class Upload(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An upload that is neither completed nor aborted.

    ``id`` is its short name inside the store, ``upload_id`` the one clients know. Headers, tags,
    class and encryption were given when it began and are those of the object it becomes.
    """

    id: int
    bucket_id: int
    key: str
    upload_id: str
    initiated_ms: int
    initiator_uid: str
    storage_class: StorageClass
    headers_json: str = "{}"
    tags_json: str = ""
    encryption_json: str = ""
    retention_json: str = ""  # as in ``ObjectWrite``
    is_sequential: bool = False  # parts must come in order and cannot be replaced
    has_hash_context: bool = False  # parts must bring the state of the client's hash
    origin: Origin | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A part of an upload. ``seq`` is another one for every content a number is given."""

    number: int
    seq: int
    size_bytes: int
    etag: str
    crc64: int
    modified_ms: int
    extents: tuple[Extent, ...] = ()


class PartTotals(msgspec.Struct, frozen=True, gc=False):
    """How many parts an upload has, their bytes, and the newest ``Part.seq`` (0: none).

    Two readings of the same upload with equal totals saw the same parts.
    """

    parts: int
    size_bytes: int
    newest_seq: int


class ListedPart(msgspec.Struct, frozen=True, gc=False):
    """A part as a client names it to complete an upload: the ETag as text, however written."""

    number: int
    etag: str


class UploadName(msgspec.Struct, frozen=True, gc=False):
    """What a request calls an upload."""

    bucket_id: int
    key: str
    upload_id: str
