"""What the functions of this folder are given and give back."""

from __future__ import annotations

import base64

import msgspec

from emulator.domain import errors
from emulator.domain.model import (
    Acl,
    Bucket,
    StagedBlob,
    StorageClass,
)
from emulator.domain.ports import MetaView, Rng


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The request behind a change, as event notifications tell it."""

    operation: str  # the OSS operation, "PutObject"
    request_id: str
    principal_uid: str
    peer: str  # the client's address


class Moment(msgspec.Struct, frozen=True):
    """When something happens, the chance it may draw on, and who asked, if a client did."""

    now_ms: int
    rng: Rng
    cause: Cause | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Received content: where it is staged (``None`` if empty) and what it hashes to."""

    staged: StagedBlob | None
    size_bytes: int
    etag: str
    crc64: int

    @property
    def md5_base64(self) -> str:
        """The MD5 as ``Content-MD5`` shows it."""
        return base64.b64encode(bytes.fromhex(self.etag)).decode()


class ObjectWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What PutObject and CopyObject write besides the content."""

    key: str
    acl: Acl
    storage_class: StorageClass
    headers_json: str
    tags_json: str = ""
    encryption_json: str = ""
    retention_json: str = ""  # an ``ObjectState`` with the retention and hold asked for
    forbid_overwrite: bool = False


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What a delete did: the version id and marker flag its answer shows."""

    version_id: str | None
    is_delete_marker: bool


def live_bucket(view: MetaView, bucket: Bucket) -> Bucket:
    """The bucket as it is now, or NoSuchBucket."""
    now = view.bucket_by_id(bucket.id)
    if now is None:
        raise errors.NoSuchBucket(bucket.name, ec="0015-00000101")
    return now
