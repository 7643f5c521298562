"""Data folders as releases before this one left them: their tables, rows and blob files."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import fastcrc

from emulator.storage.blobs import BLOBS_FOLDER
from emulator.storage.sqlite import connections
from emulator.storage.sqlite.connections import DATABASE_NAME
from tests.support.process import KEY_A, SECRET_A, UID_A

APPLICATION_ID = 0x4F535352
BUCKET_ID, UPLOAD_ID = 1, "0" * 31 + "1"
_MADE_MS = 1_700_000_000_000
_BEFORE_STATS = 7  # later formats count what is written: rows are added before


class EarlyFolder:
    """A folder of format ``number`` with account A and the bucket ``early``, still open."""

    def __init__(self, folder: Path, number: int) -> None:
        folder.mkdir(parents=True)
        self._blobs = folder / BLOBS_FOLDER
        self._seq = 0
        self._database = sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._number = number
        self._migrate(0, min(number, _BEFORE_STATS))
        self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._database.execute(f"PRAGMA user_version = {number}")
        self._add("accounts", uid=UID_A, display_name="account-a")
        self._add(
            "access_keys",
            access_key_id=KEY_A,
            secret=SECRET_A,
            account_uid=UID_A,
            user_name="",
            active=1,
        )
        self._add(
            "buckets",
            id=BUCKET_ID,
            name="early",
            owner_uid=UID_A,
            region="cn-hangzhou",
            created_ms=_MADE_MS,
            acl="private",
            storage_class="Standard",
            redundancy="LRS",
        )

    def close(self) -> None:
        """Done with it: a server may open the folder."""
        self._migrate(_BEFORE_STATS, self._number)
        self._database.execute("UPDATE counters SET value = ? WHERE name = 'seq'", (self._seq,))
        self._database.close()

    def _migrate(self, beyond: int, number: int) -> None:
        for path in sorted(Path(connections.__file__).with_name("migrations").glob("*.sql")):
            if beyond < int(path.name.partition("_")[0]) <= number:
                self._database.executescript(path.read_text(encoding="utf-8"))

    def put(self, key: str, body: bytes, encryption_json: str = "", kind: str = "Normal") -> None:
        """An object, its content as it was stored then: in the clear whatever is said of it."""
        self._add(
            "versions",
            bucket_id=BUCKET_ID,
            key=key,
            seq=self._next(),
            version_id="null",
            kind=kind,
            acl="default",
            owner_uid=UID_A,
            storage_class="Standard",
            headers_json=json.dumps({"content-type": "text/plain"}),
            tags_json="",
            encryption_json=encryption_json,
            symlink_target="",
            listed=1,
            **self._content(body),
        )

    def upload(self, key: str, part: bytes, encryption_json: str) -> None:
        """An upload that is not completed, with one part."""
        upload = self._next()
        self._add(
            "uploads",
            bucket_id=BUCKET_ID,
            key=key,
            upload_id=UPLOAD_ID,
            id=upload,
            initiated_ms=_MADE_MS,
            initiator_uid=UID_A,
            storage_class="Standard",
            headers_json=json.dumps({"content-type": "text/plain"}),
            tags_json="",
            encryption_json=encryption_json,
            retention_json="",
            is_sequential=0,
            has_hash_context=0,
        )
        self._add("parts", upload=upload, number=1, seq=self._next(), **self._content(part))

    def _content(self, body: bytes) -> dict[str, object]:
        crc64 = fastcrc.crc64.xz(body)
        return {
            "size_bytes": len(body),
            "etag": hashlib.md5(body, usedforsecurity=False).hexdigest().upper(),
            "crc64": crc64 - (1 << 64) if crc64 >> 63 else crc64,
            "modified_ms": _MADE_MS,
            "extents": json.dumps([[self._blob(body), 0, len(body)]]) if body else "",
        }

    def _blob(self, body: bytes) -> int:
        blob_id, file = self._next(), ""
        if len(body) > 64 * 1024:
            file = hashlib.sha256(b"%d" % blob_id).hexdigest()[:32]
            (self._blobs / file[:2]).mkdir(parents=True, exist_ok=True)
            (self._blobs / file[:2] / file).write_bytes(body)
        else:
            self._add("blob_data", blob_id=blob_id, data=body)
        home = "file" if file else "inline"
        self._add("blobs", id=blob_id, refs=1, size_bytes=len(body), home=home, file=file)
        return blob_id

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _add(self, table: str, **row: object) -> None:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names from here
        self._database.execute(statement, tuple(row.values()))
