"""Blobs in SQLite: how often each is used, where it is, and the bytes of the small ones.

An object may have ten thousand extents: what is asked of many blobs takes a few statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

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

_LISTED = "(SELECT value FROM json_each(?))"
_BY_IDS = f"SELECT id, size_bytes, home, file FROM blobs WHERE id IN {_LISTED}"  # noqa: S608 - constants
_SHARE_MANY = f"UPDATE blobs SET refs = refs + ? WHERE id IN {_LISTED}"  # noqa: S608 - constants only
_USES_MANY = f"SELECT id, refs, file FROM blobs WHERE id IN {_LISTED}"  # noqa: S608 - constants only
_DELETE_MANY = f"DELETE FROM blobs WHERE id IN {_LISTED}"  # noqa: S608 - constants only
_DELETE_DATA_MANY = f"DELETE FROM blob_data WHERE blob_id IN {_LISTED}"  # noqa: S608 - constants only

_MANY = 4  # from so many on one statement about all of them is faster

_INLINE = BlobHome.INLINE.value
_IN_FILE = BlobHome.FILE.value
_HOMES = {member.value: member for member in BlobHome}

_encode = msgspec.json.Encoder().encode


class BlobReads(Statements):
    """Reading blobs; see ``domain.ports.MetaView``."""

    def blob(self, blob_id: int) -> Blob | None:
        """Where a blob is."""
        row = self._run(_BY_ID, (blob_id,)).fetchone()
        if row is None:
            return None
        size, home, file = cast(tuple[int, str, str], row)
        return Blob(id=blob_id, size_bytes=size, home=_HOMES[home], file=file)

    def blobs(self, blob_ids: Sequence[int]) -> dict[int, Blob]:
        """Where the blobs are that there are, by id."""
        if len(blob_ids) < _MANY:
            singles = ((blob_id, self.blob(blob_id)) for blob_id in blob_ids)
            return {blob_id: blob for blob_id, blob in singles if blob is not None}
        rows = self._run(_BY_IDS, (_id_list(blob_ids),)).fetchall()
        return {
            blob_id: Blob(id=blob_id, size_bytes=size, home=_HOMES[home], file=file)
            for blob_id, size, home, file in cast(list[tuple[int, int, str, str]], rows)
        }

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
            assert len(staged.data) >= size
            self._run(_INSERT, (blob_id, size, _INLINE, ""))
            self._run(_INSERT_DATA, (blob_id, staged.data))
            self.inline_bytes += len(staged.data)
        return Extent(blob_id, 0, size)

    def share_blobs(self, extents: Sequence[Extent]) -> None:
        """Count one more use of the blob of each extent."""
        if len(extents) < _MANY:
            shared = sum(self._run(_SHARE, (each.blob_id,)).rowcount for each in extents)
        else:
            shared = self._change_uses(Counter(each.blob_id for each in extents), 1)
        assert shared == len(extents), "an extent of a blob that is gone"

    def release_blobs(self, extents: Sequence[Extent]) -> None:
        """Count one use less of the blob of each extent and collect those without any."""
        if len(extents) >= _MANY:
            self._release_many(Counter(each.blob_id for each in extents))
            return
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

    def _release_many(self, released: Counter[int]) -> None:
        rows = cast(
            list[tuple[int, int, str]],
            self._run(_USES_MANY, (_id_list(released),)).fetchall(),
        )
        assert len(rows) == len(released), "an extent of a blob that is gone"
        gone = [blob_id for blob_id, refs, _ in rows if refs == released[blob_id]]
        files = [file for blob_id, refs, file in rows if file and refs == released[blob_id]]
        if len(gone) < len(rows):
            self._change_uses(released - Counter({each: released[each] for each in gone}), -1)
        if gone:
            self._run(_DELETE_MANY, (_id_list(gone),))
        if len(files) < len(gone):
            self._run(_DELETE_DATA_MANY, (_id_list(gone),))
        self.unused_files += files

    def _change_uses(self, uses: Counter[int], sign: int) -> int:
        """Count so many uses more (1) or less (-1) of each blob; how many uses were counted."""
        by_number: dict[int, list[int]] = {}
        for blob_id, number in uses.items():
            by_number.setdefault(number, []).append(blob_id)
        return sum(
            number * self._run(_SHARE_MANY, (sign * number, _id_list(ids))).rowcount
            for number, ids in by_number.items()
        )


def _id_list(blob_ids: Iterable[int]) -> str:
    """The text that ``json_each`` takes apart."""
    return _encode(list(blob_ids)).decode()
