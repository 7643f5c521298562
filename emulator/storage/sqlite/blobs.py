"""Blobs in SQLite: how often each is used, where it is, and the bytes of the small ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from emulator.domain.model import Blob, BlobHome, Extent, StagedBlob
from emulator.storage.sqlite.statements import Changing, Statements

_BY_ID = "SELECT size_bytes, home, file FROM blobs WHERE id = ?"
_DATA = "SELECT data FROM blob_data WHERE blob_id = ?"
_FILE = "SELECT 1 FROM blobs WHERE file = ? AND file <> ''"

_INSERT = "INSERT INTO blobs (id, refs, size_bytes, home, file) VALUES (?, 1, ?, ?, ?)"
_INSERT_DATA = "INSERT INTO blob_data (blob_id, data) VALUES (?, ?)"
_SHARE = "UPDATE blobs SET refs = refs + 1 WHERE id = ?"
_USES = "SELECT refs, file FROM blobs WHERE id = ?"
_RELEASE = "UPDATE blobs SET refs = refs - 1 WHERE id = ?"
_DELETE = "DELETE FROM blobs WHERE id = ?"
_DELETE_DATA = "DELETE FROM blob_data WHERE blob_id = ?"

_INLINE = BlobHome.INLINE.value
_IN_FILE = BlobHome.FILE.value
_HOMES = {member.value: member for member in BlobHome}


class BlobReads(Statements):
    """Reading blobs; see ``domain.ports.MetaView``."""

    def blob(self, blob_id: int) -> Blob | None:
        """Where a blob is."""
        row = self._run(_BY_ID, (blob_id,)).fetchone()
        if row is None:
            return None
        size, home, file = cast(tuple[int, str, str], row)
        return Blob(id=blob_id, size_bytes=size, home=_HOMES[home], file=file)

    def inline_data(self, blob_id: int) -> bytes | None:
        """The bytes of an inline blob."""
        row = self._run(_DATA, (blob_id,)).fetchone()
        return None if row is None else cast(tuple[bytes], row)[0]

    def known_files(self, files: Iterable[str]) -> set[str]:
        """Those of the blob files that have a row."""
        return {file for file in files if self._run(_FILE, (file,)).fetchone() is not None}


class BlobWrites(BlobReads, Changing):
    """Adding blobs and counting their uses; see ``domain.ports.MetaTx``."""

    def add_blob(self, staged: StagedBlob) -> Extent:
        """Record staged content, counted as used once, and return the extent that covers it."""
        self.require_space()
        blob_id = self.next_seq()
        size = staged.size_bytes
        if staged.file:
            self._run(_INSERT, (blob_id, size, _IN_FILE, staged.file))
        else:
            assert len(staged.data) == size
            self._run(_INSERT, (blob_id, size, _INLINE, ""))
            self._run(_INSERT_DATA, (blob_id, staged.data))
            self.inline_bytes += size
        return Extent(blob_id, 0, size)

    def share_blobs(self, extents: Iterable[Extent]) -> None:
        """Count one more use of the blob of each extent."""
        for extent in extents:
            shared = self._run(_SHARE, (extent.blob_id,))
            assert shared.rowcount == 1, "an extent of a blob that is gone"

    def release_blobs(self, extents: Iterable[Extent]) -> None:
        """Count one use less of the blob of each extent and collect those without any."""
        for extent in extents:
            blob_id = extent.blob_id
            row = self._run(_USES, (blob_id,)).fetchone()
            assert row is not None, "an extent of a blob that is gone"
            refs, file = cast(tuple[int, str], row)
            if refs > 1:
                self._run(_RELEASE, (blob_id,))
                continue
            self._run(_DELETE, (blob_id,))
            if file:
                self.unused_files.append(file)
            else:
                self._run(_DELETE_DATA, (blob_id,))
