"""What the store keeps of lifecycle scans, and what a scan sees of an entry."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from emulator.domain.model import ObjectState, ObjectVersion, StorageClass, VersionKind

_TAGS = msgspec.json.Decoder(dict[str, str])
_STATE = msgspec.json.Decoder(ObjectState)
_NO_TAGS: dict[str, str] = {}


class ScanPhase(StrEnum):
    """How far the daily scan of a bucket has come."""

    VERSIONS = "versions"
    UPLOADS = "uploads"
    DONE = "done"


class Scan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest scan of a bucket with lifecycle rules, and the place it has come to.

    ``scheduled_ms`` is the instant it was due. What lies up to ``key`` and, of that key itself,
    down to ``seq`` (versions) or up to ``upload_id`` (uploads) has been looked at. The last entry
    looked at was written at ``written_ms``; it may have been removed since.
    """

    bucket_id: int
    scheduled_ms: int
    phase: ScanPhase
    key: str = ""
    seq: int = 0
    written_ms: int = 0
    upload_id: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry of a version stack, as far as lifecycle rules look at it."""

    key: str
    seq: int
    kind: VersionKind
    size_bytes: int
    modified_ms: int
    storage_class: StorageClass
    tags_json: str
    state_json: str

    @property
    def is_delete_marker(self) -> bool:
        """Whether this entry only says that the key is deleted."""
        return self.kind is VersionKind.DELETE_MARKER

    @property
    def tags(self) -> dict[str, str]:
        """Object tags."""
        return _TAGS.decode(self.tags_json) if self.tags_json else _NO_TAGS

    @property
    def is_sealed(self) -> bool:
        """Whether nothing can be appended any more."""
        return bool(self.state_json) and _STATE.decode(self.state_json).sealed_ms > 0


def entry_of(version: ObjectVersion) -> Entry:
    """What lifecycle rules see of a version."""
    return Entry(
        key=version.key,
        seq=version.seq,
        kind=version.kind,
        size_bytes=version.size_bytes,
        modified_ms=version.modified_ms,
        storage_class=version.storage_class,
        tags_json=version.tags_json,
        state_json=version.state_json,
    )
