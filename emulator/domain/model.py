"""The records of the domain: buckets, object versions, blobs, extents and changes.

Records are immutable ``msgspec`` structures because every request builds several of them. Instants
are milliseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

NULL_VERSION_ID = "null"


class Versioning(StrEnum):
    """Versioning state of a bucket (OSS PutBucketVersioning; documented)."""

    NEVER = ""
    ENABLED = "Enabled"
    SUSPENDED = "Suspended"


class Acl(StrEnum):
    """Canned access control list. ``default`` is for objects only: the bucket's applies."""

    DEFAULT = "default"
    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"


class StorageClass(StrEnum):
    """Storage class of a bucket or an object."""

    STANDARD = "Standard"
    IA = "IA"
    ARCHIVE = "Archive"
    COLD_ARCHIVE = "ColdArchive"
    DEEP_COLD_ARCHIVE = "DeepColdArchive"

    @property
    def needs_restore(self) -> bool:
        """Whether the content can be read only after RestoreObject."""
        return self not in (StorageClass.STANDARD, StorageClass.IA)


class Redundancy(StrEnum):
    """Data redundancy of a bucket; stored and shown, without effect here."""

    LRS = "LRS"
    ZRS = "ZRS"


class VersionKind(StrEnum):
    """What one entry of a key's version stack is; the object kinds are ``x-oss-object-type``."""

    NORMAL = "Normal"
    MULTIPART = "Multipart"
    APPENDABLE = "Appendable"
    SYMLINK = "Symlink"
    DELETE_MARKER = "DeleteMarker"


class Bucket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bucket. ``id`` is never reused, so a bucket made again under a name is another one."""

    id: int
    name: str
    owner_uid: str
    region: str  # "cn-hangzhou"; OSS shows it as location "oss-cn-hangzhou"
    created_ms: int
    acl: Acl
    storage_class: StorageClass
    redundancy: Redundancy
    versioning: Versioning
    policy: str = ""  # the policy document exactly as it was put, "" when there is none
    setting_names: frozenset[str] = frozenset()  # which settings the bucket has
    records_changes: bool = False  # whether a live rule reads this bucket's changes

    @property
    def location(self) -> str:
        """The region in OSS's location form."""
        return f"oss-{self.region}"


class Extent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``length_bytes`` bytes of a blob from ``offset_bytes`` on."""

    blob_id: int
    offset_bytes: int
    length_bytes: int


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Which rule wrote a replica, for which change, and when. Invisible to OSS clients."""

    rule_uid: int
    change_seq: int  # 0 for a version copied as historical data
    source_seq: int  # ``ObjectVersion.seq`` of the source version
    applied_ms: int


class ObjectState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What befell a version after it was written. Instants of 0 mean "never"."""

    sealed_ms: int = 0  # SealAppendObject
    restore_ready_ms: int = 0  # RestoreObject: the content can be read from then on
    restore_expires_ms: int = 0  # and until then
    restore_tier: str = ""
    transition_ms: int = 0  # moved to an archive class by a lifecycle rule
    retention_mode: str = ""  # PutObjectRetention
    retain_until_ms: int = 0
    legal_hold: str = ""  # PutObjectLegalHold: ON or OFF

    def to_json(self) -> str:
        """The text form, ``""`` when nothing befell."""
        return "" if self == _NO_STATE else msgspec.json.encode(self).decode()


_NO_STATE = ObjectState()
_STATE = msgspec.json.Decoder(ObjectState)


class ObjectVersion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a key's version stack: an object version or a delete marker.

    ``seq`` orders the stack (larger is newer) and is unique in the whole store. ``headers_json``
    holds the content headers and user metadata as one JSON object of strings, names in lower
    case; ``tags_json`` the object tags, "" when there are none. Both travel as text because
    copying and replicating never look inside.
    """

    bucket_id: int
    key: str
    seq: int
    version_id: str
    kind: VersionKind
    size_bytes: int
    etag: str  # upper-case hexadecimal without quotes; "" for a delete marker
    crc64: int
    modified_ms: int
    storage_class: StorageClass
    acl: Acl
    owner_uid: str
    headers_json: str = "{}"
    tags_json: str = ""
    extents: tuple[Extent, ...] = ()
    encryption_json: str = ""
    symlink_target: str = ""
    origin: Origin | None = None
    state_json: str = ""  # an ``ObjectState``, "" when nothing befell

    @property
    def is_delete_marker(self) -> bool:
        """Whether this entry only says that the key is deleted."""
        return self.kind is VersionKind.DELETE_MARKER

    @property
    def state(self) -> ObjectState:
        """What befell the version after it was written."""
        return _STATE.decode(self.state_json) if self.state_json else _NO_STATE

    @property
    def headers(self) -> dict[str, str]:
        """Content headers and user metadata, names in lower case."""
        return _decode_strings(self.headers_json)

    @property
    def tags(self) -> dict[str, str]:
        """Object tags."""
        return _decode_strings(self.tags_json) if self.tags_json else {}


class BlobHome(StrEnum):
    """Where the bytes of a blob are kept."""

    INLINE = "inline"
    FILE = "file"


class StagedBlob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Content that is safely stored but that no version refers to yet.

    Exactly one of ``data`` (small content, written by the transaction itself) and ``file`` (the
    name of a durable file of the blob store) is set. Never written: empty content has no blob.
    ``size_bytes`` is the length of the content; what is stored of it is longer if it is encrypted.
    """

    size_bytes: int
    data: bytes = b""
    file: str = ""


class Blob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stored blob as the metadata knows it; ``size_bytes`` as in ``StagedBlob``."""

    id: int
    size_bytes: int
    home: BlobHome
    file: str = ""


class ChangeKind(StrEnum):
    """What a client did to a key of a bucket whose changes are recorded."""

    PUT = "put"  # new content: put, copy
    CLASS = "class"  # a copy onto itself that only changed the storage class
    TRANSITION = "transition"  # a lifecycle rule changed the storage class; kept only if asked for
    UPDATE = "update"  # ACL or tags of an existing version
    DELETE = "delete"  # delete without version id in a bucket that keeps no versions
    MARKER = "marker"  # delete without version id that left a delete marker
    DELETE_VERSION = "delete-version"  # permanent removal of one version or delete marker
    INITIATE = "initiate"  # a multipart upload began
    PART = "part"  # a part of an upload, also one copied from an object
    ABORT = "abort"  # an upload was given up, by a client or a lifecycle rule


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One recorded change. ``seq`` grows by one from change to change, over all buckets.

    ``version_seq`` is ``ObjectVersion.seq`` of the version made, updated or removed (0 if none).
    ``prior_tags_json`` and ``removed_kind`` describe what a delete hid or removed, because it can
    no longer be read when the change is looked at; the tags of an aborted upload likewise.

    ``upload_id`` is that of the upload a change is about, and of the one that became the object of
    a PUT; ``version_seq`` is ``Upload.id`` or ``Part.seq`` of the changes of uploads themselves.
    """

    seq: int
    bucket_id: int
    key: str
    kind: ChangeKind
    version_id: str
    version_seq: int
    at_ms: int
    removed_kind: str = ""  # VersionKind of what DELETE, MARKER or DELETE_VERSION took away
    prior_tags_json: str = ""
    upload_id: str = ""
    part_number: int = 0


_STRINGS = msgspec.json.Decoder(dict[str, str])


def _decode_strings(text: str) -> dict[str, str]:
    return _STRINGS.decode(text)


def encode_strings(values: dict[str, str]) -> str:
    """The text form of ``headers_json`` and ``tags_json``."""
    return msgspec.json.encode(values).decode()
