"""Version stacks in SQLite."""

from __future__ import annotations

from typing import cast

import msgspec

from emulator.domain.model import (
    NULL_VERSION_ID,
    Acl,
    Extent,
    ObjectVersion,
    Origin,
    StorageClass,
    VersionKind,
)
from emulator.domain.versions import seq_of_version_id
from emulator.storage.sqlite.blobs import BlobReads, BlobWrites
from emulator.storage.sqlite.statements import Row, Statements

VERSION_COLUMNS = """bucket_id, key, seq, version_id, kind, size_bytes, etag, crc64, modified_ms,
    storage_class, acl, owner_uid, headers_json, tags_json, extents, encryption_json,
    symlink_target, origin, state_json"""
_SELECT = f"SELECT {VERSION_COLUMNS} FROM versions"  # noqa: S608 - constants only

_CURRENT = f"{_SELECT} WHERE bucket_id = ? AND key = ? ORDER BY seq DESC LIMIT 1"
_BY_SEQ = f"{_SELECT} WHERE bucket_id = ? AND key = ? AND seq = ?"
# The planner knows no counts and would read the whole stack by the primary key.
_NULL = f"""{_SELECT} INDEXED BY versions_null
    WHERE bucket_id = ? AND key = ? AND version_id = 'null' AND listed = 0
    ORDER BY seq DESC LIMIT 1"""
_REPLICA = f"""{_SELECT} INDEXED BY versions_replicas
    WHERE bucket_id = ? AND key = ? AND version_id = ?
    AND origin IS NOT NULL AND version_id <> 'null' LIMIT 1"""
_OF_KEY = f"""{_SELECT} WHERE bucket_id = ? AND key = ? AND seq < ?
    ORDER BY seq DESC LIMIT ?"""
_LISTED = f"""{_SELECT} INDEXED BY versions_listed
    WHERE bucket_id = ? AND key >= ? AND listed = 1 ORDER BY key LIMIT ?"""
_LISTED_BEFORE = f"""{_SELECT} INDEXED BY versions_listed
    WHERE bucket_id = ? AND key >= ? AND key < ? AND listed = 1 ORDER BY key LIMIT ?"""
_ENTRIES = f"{_SELECT} WHERE bucket_id = ? AND key >= ? ORDER BY key, seq DESC LIMIT ?"
_ENTRIES_BEFORE = f"""{_SELECT} WHERE bucket_id = ? AND key >= ? AND key < ?
    ORDER BY key, seq DESC LIMIT ?"""

INSERT_VERSION = f"""INSERT INTO versions ({VERSION_COLUMNS}, listed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants
_SET_LISTED = "UPDATE versions SET listed = ? WHERE bucket_id = ? AND key = ? AND seq = ?"
_UPDATE = """UPDATE versions SET acl = ?, tags_json = ?
    WHERE bucket_id = ? AND key = ? AND seq = ?"""
_REWRITE = """UPDATE versions SET kind = ?, size_bytes = ?, etag = ?, crc64 = ?, modified_ms = ?,
    storage_class = ?, headers_json = ?, extents = ?, encryption_json = ?, state_json = ?
    WHERE bucket_id = ? AND key = ? AND seq = ?"""
_DELETE = "DELETE FROM versions WHERE bucket_id = ? AND key = ? AND seq = ?"

_SEQ_AFTER_ALL = (1 << 63) - 1
_UNSIGNED_64 = (1 << 64) - 1

_KINDS = {member.value: member for member in VersionKind}
_CLASSES = {member.value: member for member in StorageClass}
_ACLS = {member.value: member for member in Acl}

_decode_extents = msgspec.json.Decoder(tuple[Extent, ...]).decode
_decode_origin = msgspec.json.Decoder(Origin).decode
_encode = msgspec.json.Encoder().encode

_VersionRow = tuple[
    int,
    str,
    int,
    str,
    str,
    int,
    str,
    int,
    int,
    str,
    str,
    str,
    str,
    str,
    str,
    str,
    str,
    str | None,
    str,
]


def version_of_row(row: Row) -> ObjectVersion:
    """The entry in a row of ``VERSION_COLUMNS``."""
    (
        bucket_id, key, seq, version_id, kind, size, etag, crc64, modified, class_, acl, owner,
        headers, tags, extents, encryption, symlink, origin, state,
    ) = cast(_VersionRow, row)  # fmt: skip
    return ObjectVersion(
        bucket_id=bucket_id,
        key=key,
        seq=seq,
        version_id=version_id,
        kind=_KINDS[kind],
        size_bytes=size,
        etag=etag,
        crc64=crc64 & _UNSIGNED_64,
        modified_ms=modified,
        storage_class=_CLASSES[class_],
        acl=_ACLS[acl],
        owner_uid=owner,
        headers_json=headers,
        tags_json=tags,
        extents=_decode_extents(extents) if extents else (),
        encryption_json=encryption,
        symlink_target=symlink,
        origin=None if origin is None else _decode_origin(origin),
        state_json=state,
    )


def row_of_version(version: ObjectVersion, *, listed: bool) -> Row:
    """The values of ``INSERT_VERSION``."""
    return (
        version.bucket_id,
        version.key,
        version.seq,
        version.version_id,
        version.kind.value,
        version.size_bytes,
        version.etag,
        _signed(version.crc64),
        version.modified_ms,
        version.storage_class.value,
        version.acl.value,
        version.owner_uid,
        version.headers_json,
        version.tags_json,
        _extents_text(version),
        version.encryption_json,
        version.symlink_target,
        None if version.origin is None else _encode(version.origin).decode(),
        version.state_json,
        1 if listed else 0,
    )


def _signed(crc64: int) -> int:
    return crc64 - (1 << 64) if crc64 >> 63 else crc64


def _common_len(some: tuple[Extent, ...], others: tuple[Extent, ...]) -> int:
    """How many extents two lists have in common at their beginning."""
    for index, (one, other) in enumerate(zip(some, others, strict=False)):
        if one != other:
            return index
    return min(len(some), len(others))


def _extents_text(version: ObjectVersion) -> str:
    return _encode(version.extents).decode() if version.extents else ""


class VersionReads(BlobReads, Statements):
    """Reading stacks; see ``domain.ports.MetaView``."""

    def _one(self, statement: str, values: tuple[int | str, ...]) -> ObjectVersion | None:
        row = self._run(statement, values).fetchone()
        return None if row is None else version_of_row(row)

    def _many(self, statement: str, values: tuple[int | str, ...]) -> list[ObjectVersion]:
        return [version_of_row(row) for row in self._run(statement, values).fetchall()]

    def current_version(self, bucket_id: int, key: str) -> ObjectVersion | None:
        """The newest entry of the key's stack, which may be a delete marker."""
        return self._one(_CURRENT, (bucket_id, key))

    def version(self, bucket_id: int, key: str, version_id: str) -> ObjectVersion | None:
        """The entry with this version id; ``"null"`` finds the null version."""
        if version_id == NULL_VERSION_ID:
            current = self._one(_CURRENT, (bucket_id, key))
            if current is None or current.version_id == NULL_VERSION_ID:
                return current
            return self._one(_NULL, (bucket_id, key))
        seq = seq_of_version_id(version_id)
        if seq is not None and seq <= _SEQ_AFTER_ALL:
            found = self._one(_BY_SEQ, (bucket_id, key, seq))
            if found is not None and found.version_id == version_id:
                return found
        return self._one(_REPLICA, (bucket_id, key, version_id))

    def version_by_seq(self, bucket_id: int, key: str, seq: int) -> ObjectVersion | None:
        """The entry at this place of the stack."""
        return self._one(_BY_SEQ, (bucket_id, key, seq))

    def versions_of(
        self, bucket_id: int, key: str, *, below_seq: int | None = None, limit: int = 1000
    ) -> list[ObjectVersion]:
        """The key's stack, newest first, optionally only entries older than ``below_seq``."""
        below = _SEQ_AFTER_ALL if below_seq is None else below_seq
        return self._many(_OF_KEY, (bucket_id, key, below, limit))

    def listed_objects(
        self, bucket_id: int, *, start: str, inclusive: bool, end: str | None, limit: int
    ) -> list[ObjectVersion]:
        """Current versions that are no delete markers, by key, from ``start`` to before ``end``."""
        first = start if inclusive else _following(start)
        if end is None:
            return self._many(_LISTED, (bucket_id, first, limit))
        return self._many(_LISTED_BEFORE, (bucket_id, first, end, limit))

    def version_entries(
        self, bucket_id: int, *, start: str, below_seq: int | None, end: str | None, limit: int
    ) -> list[ObjectVersion]:
        """All entries by key, newest first within a key; see ``domain.ports.MetaView``."""
        found: list[ObjectVersion] = []
        first = start
        if below_seq is not None:
            first = _following(start)
            if below_seq > 0 and (end is None or start < end):
                found = self.versions_of(bucket_id, start, below_seq=below_seq, limit=limit)
        left = limit - len(found)
        if left <= 0:
            return found
        if end is None:
            return found + self._many(_ENTRIES, (bucket_id, first, left))
        return found + self._many(_ENTRIES_BEFORE, (bucket_id, first, end, left))


def _following(key: str) -> str:
    """The smallest text greater than ``key``."""
    return key + "\0"


class VersionWrites(VersionReads, BlobWrites):
    """Changing stacks; see ``domain.ports.MetaTx``."""

    def insert_version(self, version: ObjectVersion, *, shares_blobs: bool, listed: bool) -> None:
        """Add an entry to a stack; see ``domain.ports.MetaTx``."""
        if not (shares_blobs or version.is_delete_marker):
            self.require_space()
        if shares_blobs:
            self.share_blobs(version.extents)
        self._run(INSERT_VERSION, row_of_version(version, listed=listed))
        self.counted.add_version(version, 1)

    def set_listed(self, version: ObjectVersion, *, listed: bool) -> None:
        """Say whether ListObjects shows this entry."""
        place = (1 if listed else 0, version.bucket_id, version.key, version.seq)
        self._run(_SET_LISTED, place)

    def update_version(self, version: ObjectVersion, *, acl: Acl, tags_json: str) -> None:
        """Change ACL and tags of an entry in place; content and modification time stay."""
        place = (acl.value, tags_json, version.bucket_id, version.key, version.seq)
        self._run(_UPDATE, place)

    def rewrite_version(self, version: ObjectVersion, *, shares_blobs: bool = False) -> None:
        """Store another content or state of an entry in place; see ``domain.ports.MetaTx``."""
        before = self.version_by_seq(version.bucket_id, version.key, version.seq)
        assert before is not None, "an entry that is gone"
        if version.extents != before.extents:
            same = _common_len(before.extents, version.extents)
            if shares_blobs:  # first: what is given up may be among it
                self.share_blobs(version.extents[same:])
            self.release_blobs(before.extents[same:])
        self.counted.add_version(before, -1)
        self.counted.add_version(version, 1)
        self._run(
            _REWRITE,
            (
                version.kind.value,
                version.size_bytes,
                version.etag,
                _signed(version.crc64),
                version.modified_ms,
                version.storage_class.value,
                version.headers_json,
                _extents_text(version),
                version.encryption_json,
                version.state_json,
                version.bucket_id,
                version.key,
                version.seq,
            ),
        )

    def delete_version(self, version: ObjectVersion) -> None:
        """Remove an entry and count its blobs as used once less; unused blobs are collected."""
        self._run(_DELETE, (version.bucket_id, version.key, version.seq))
        self.counted.add_version(version, -1)
        self.release_blobs(version.extents)
