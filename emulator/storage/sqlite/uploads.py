"""Multipart uploads and their parts in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from emulator.domain.model import Extent, Origin, StorageClass
from emulator.domain.uploads.records import Part, PartTotals, Upload
from emulator.storage.sqlite.blobs import BlobWrites
from emulator.storage.sqlite.statements import Row, Statements

_UPLOAD_COLUMNS = """bucket_id, key, upload_id, id, initiated_ms, initiator_uid, storage_class,
    headers_json, tags_json, encryption_json, retention_json, is_sequential, has_hash_context,
    origin"""
_SELECT_UPLOAD = f"SELECT {_UPLOAD_COLUMNS} FROM uploads"  # noqa: S608 - constants only
_UPLOAD = f"{_SELECT_UPLOAD} WHERE bucket_id = ? AND key = ? AND upload_id = ?"
_ENTRIES = f"""{_SELECT_UPLOAD} WHERE bucket_id = ? AND (key, upload_id) > (?, ?)
    ORDER BY key, upload_id LIMIT ?"""
_ENTRIES_BEFORE = f"""{_SELECT_UPLOAD} WHERE bucket_id = ? AND (key, upload_id) > (?, ?)
    AND key < ? ORDER BY key, upload_id LIMIT ?"""
_INSERT_UPLOAD = f"""INSERT INTO uploads ({_UPLOAD_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants only
_DELETE_UPLOAD = "DELETE FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id = ?"

_PART_COLUMNS = "number, seq, size_bytes, etag, crc64, modified_ms, extents"
_SELECT_PART = f"SELECT {_PART_COLUMNS} FROM parts"  # noqa: S608 - constants only
_PART = f"{_SELECT_PART} WHERE upload = ? AND number = ?"
_PARTS = f"{_SELECT_PART} WHERE upload = ? AND number > ? ORDER BY number LIMIT ?"
_LAST_NUMBER = "SELECT number FROM parts WHERE upload = ? ORDER BY number DESC LIMIT 1"
_TOTALS = """SELECT count(*), coalesce(sum(size_bytes), 0), coalesce(max(seq), 0)
    FROM parts WHERE upload = ?"""
_PUT_PART = f"""INSERT OR REPLACE INTO parts (upload, {_PART_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - constants only
_DELETE_PARTS = "DELETE FROM parts WHERE upload = ?"

_UNSIGNED_64 = (1 << 64) - 1
_CLASSES = {member.value: member for member in StorageClass}

_decode_extents = msgspec.json.Decoder(tuple[Extent, ...]).decode
_decode_origin = msgspec.json.Decoder(Origin).decode
_encode = msgspec.json.Encoder().encode

_UploadRow = tuple[int, str, str, int, int, str, str, str, str, str, str, int, int, str | None]
_PartRow = tuple[int, int, int, str, int, int, str]


def _upload(row: Row) -> Upload:
    (
        bucket_id, key, upload_id, id_, initiated, initiator, class_, headers, tags, encryption,
        retention, sequential, hash_context, origin,
    ) = cast(_UploadRow, row)  # fmt: skip
    return Upload(
        id=id_,
        bucket_id=bucket_id,
        key=key,
        upload_id=upload_id,
        initiated_ms=initiated,
        initiator_uid=initiator,
        storage_class=_CLASSES[class_],
        headers_json=headers,
        tags_json=tags,
        encryption_json=encryption,
        retention_json=retention,
        is_sequential=sequential == 1,
        has_hash_context=hash_context == 1,
        origin=None if origin is None else _decode_origin(origin),
    )


def _part(row: Row) -> Part:
    number, seq, size, etag, crc64, modified, extents = cast(_PartRow, row)
    return Part(
        number=number,
        seq=seq,
        size_bytes=size,
        etag=etag,
        crc64=crc64 & _UNSIGNED_64,
        modified_ms=modified,
        extents=_decode_extents(extents) if extents else (),
    )


def _part_row(upload: Upload, part: Part) -> Row:
    return (
        upload.id,
        part.number,
        part.seq,
        part.size_bytes,
        part.etag,
        part.crc64 - (1 << 64) if part.crc64 >> 63 else part.crc64,
        part.modified_ms,
        _encode(part.extents).decode() if part.extents else "",
    )


class UploadReads(Statements):
    """Reading uploads and parts; see ``domain.ports.MetaView``."""

    def upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        """The upload of this id, if it is one of this key."""
        row = self._run(_UPLOAD, (bucket_id, key, upload_id)).fetchone()
        return None if row is None else _upload(row)

    def upload_entries(
        self, bucket_id: int, *, start: str, after_id: str, end: str | None, limit: int
    ) -> list[Upload]:
        """Uploads by key and id; see ``domain.ports.MetaView``."""
        if end is None:
            rows = self._run(_ENTRIES, (bucket_id, start, after_id, limit)).fetchall()
        else:
            rows = self._run(_ENTRIES_BEFORE, (bucket_id, start, after_id, end, limit)).fetchall()
        return [_upload(row) for row in rows]

    def part(self, upload: Upload, number: int) -> Part | None:
        """The part of this number."""
        row = self._run(_PART, (upload.id, number)).fetchone()
        return None if row is None else _part(row)

    def parts_of(self, upload: Upload, *, after: int = 0, limit: int) -> list[Part]:
        """Parts by number, those beyond ``after``."""
        return [_part(row) for row in self._run(_PARTS, (upload.id, after, limit)).fetchall()]

    def last_part_number(self, upload: Upload) -> int:
        """The highest number a part has, 0 when there is none."""
        row = self._run(_LAST_NUMBER, (upload.id,)).fetchone()
        return 0 if row is None else cast(tuple[int], row)[0]

    def part_totals(self, upload: Upload) -> PartTotals:
        """How many parts there are, their bytes, and the newest ``seq``."""
        return PartTotals(*cast(tuple[int, int, int], self._run(_TOTALS, (upload.id,)).fetchone()))


class UploadWrites(UploadReads, BlobWrites):
    """Changing uploads and parts; see ``domain.ports.MetaTx``."""

    def insert_upload(self, upload: Upload) -> None:
        """Store a new upload."""
        if upload.origin is None:  # what replicates is let through, as replicas of objects are
            self.require_space()
        self._run(
            _INSERT_UPLOAD,
            (
                upload.bucket_id,
                upload.key,
                upload.upload_id,
                upload.id,
                upload.initiated_ms,
                upload.initiator_uid,
                upload.storage_class.value,
                upload.headers_json,
                upload.tags_json,
                upload.encryption_json,
                upload.retention_json,
                1 if upload.is_sequential else 0,
                1 if upload.has_hash_context else 0,
                None if upload.origin is None else _encode(upload.origin).decode(),
            ),
        )
        self.counted.add_upload(upload.bucket_id, 1)

    def put_part(self, upload: Upload, part: Part, *, shares_blobs: bool) -> None:
        """Store a part in place of the one of its number; see ``domain.ports.MetaTx``."""
        if upload.origin is None or not shares_blobs:
            self.require_space()
        if shares_blobs:
            self.share_blobs(part.extents)
        before = self.part(upload, part.number)
        self._run(_PUT_PART, _part_row(upload, part))
        self._count_parts(upload, 1, part.size_bytes)
        if before is not None:
            self._count_parts(upload, -1, -before.size_bytes)
            self.release_blobs(before.extents)

    def delete_upload(self, upload: Upload, released: Sequence[Extent]) -> None:
        """Remove an upload and all its parts; see ``domain.ports.MetaTx``."""
        totals = self.part_totals(upload)
        self._run(_DELETE_PARTS, (upload.id,))
        self._run(_DELETE_UPLOAD, (upload.bucket_id, upload.key, upload.upload_id))
        self._count_parts(upload, -totals.parts, -totals.size_bytes)
        self.counted.add_upload(upload.bucket_id, -1)
        self.release_blobs(released)

    def _count_parts(self, upload: Upload, entries: int, size_bytes: int) -> None:
        self.counted.add_parts(upload.bucket_id, upload.storage_class, entries, size_bytes)
