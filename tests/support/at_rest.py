"""What lies in a data folder, byte for byte, and the secrets that must not lie there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from emulator.access.policy.cache import PolicyCache
from emulator.domain.encryption import encryption_of
from emulator.domain.model import BlobHome
from emulator.kms.frames import HEAD_BYTES
from emulator.kms.object_keys import KeyUser, open_data_key
from emulator.kms.vault import Vault
from emulator.storage.blobs import BLOBS_FOLDER
from emulator.storage.folder import LOCK_NAME
from emulator.storage.root_key import ROOT_KEY_NAME
from emulator.storage.sqlite.connections import DATABASE_NAME
from emulator.storage.sqlite.store import SqliteStore

MARKER_BYTES = 16
_WINDOW_BYTES = 8
_SEEN_BYTES_MIN = 2 * _WINDOW_BYTES - 1  # so long a stretch has a whole window wherever it lies
_LEFT_OUT = (ROOT_KEY_NAME, LOCK_NAME)  # the one secret there is, and the number of a process
_ITSELF = KeyUser(principal=None, policies=PolicyCache(), now_ms=0)

Secret = tuple[str, bytes]


def new_marker() -> bytes:
    """A marker of its own for each object."""
    return os.urandom(MARKER_BYTES)


def marked(marker: bytes, size_bytes: int) -> bytes:
    """Content that is nothing but the marker."""
    return (marker * (size_bytes // MARKER_BYTES + 1))[:size_bytes]


def files_of(folder: Path) -> list[bytes]:
    """Every byte of a folder, of its log and of its temporary files, but of the root key."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in _LEFT_OUT)
    return [_bytes(path) for path in paths]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a temporary file that was there a moment ago
        return b""


class Needles:
    """Secrets to look for: any 15 bytes of one, as they are, in hexadecimal digits or in base64.

    All windows of 8 bytes of the needles are kept; of the hay every eighth is looked at.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._windows: dict[int, tuple[str, bytes, int]] = {}
        for name, secret in secrets:
            for form in _forms(secret if len(secret) > MARKER_BYTES else secret * 7):
                for at in range(len(form) - _WINDOW_BYTES + 1):
                    window = int.from_bytes(form[at : at + _WINDOW_BYTES], sys.byteorder)
                    # Of a window that comes again and again, one with something on both sides.
                    if self._windows.get(window, ("", b"", 0))[2] < _WINDOW_BYTES:
                        self._windows[window] = (name, form, at)

    def found_in(self, files: Iterable[bytes]) -> set[str]:
        """The names of the secrets that lie there."""
        found: set[str] = set()
        for stored in files:
            whole = stored + bytes(-len(stored) % _WINDOW_BYTES)
            for window in self._windows.keys() & set(memoryview(whole).cast("Q")):
                name, form, at = self._windows[window]
                starts = range(max(0, at - _WINDOW_BYTES + 1), at + 1)
                around = {form[start : start + _SEEN_BYTES_MIN] for start in starts}
                if any(len(one) == _SEEN_BYTES_MIN and one in stored for one in around):
                    found.add(name)
        return found


def _forms(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):  # wherever it begins in what is encoded
        text = base64.b64encode(bytes(shift) + secret)
        inner = text[4 if shift else 0 : -4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    """What a statement finds in the database of a folder that nobody uses."""
    database = sqlite3.connect(folder / DATABASE_NAME)
    try:
        return list(database.execute(statement))
    finally:
        database.close()


def without_plain_objects(folder: Path, copy: Path) -> list[bytes]:
    """Every byte of the folder but the content of versions and parts that are not encrypted.

    They are taken out of a copy, which is packed, so that nothing freed is left of them.
    """
    shutil.copytree(folder, copy)
    database = sqlite3.connect(copy / DATABASE_NAME, isolation_level=None)
    plain = _blob_ids(database, "encryption_json NOT LIKE '%\"data_key\"%'")
    assert not plain & _blob_ids(database, "encryption_json LIKE '%\"data_key\"%'")
    for blob_id in plain:
        row = database.execute("SELECT file FROM blobs WHERE id = ?", (blob_id,)).fetchone()
        database.execute("DELETE FROM blob_data WHERE blob_id = ?", (blob_id,))
        if row[0]:
            next((copy / BLOBS_FOLDER).rglob(row[0])).unlink()
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return files_of(copy)


def _blob_ids(database: sqlite3.Connection, where: str) -> set[int]:
    statement = f"""
        SELECT json_extract(value, '$[0]') FROM versions, json_each(extents)
        WHERE extents <> '' AND {where}
        UNION
        SELECT json_extract(value, '$[0]') FROM parts JOIN uploads ON uploads.id = parts.upload,
            json_each(parts.extents)
        WHERE parts.extents <> '' AND {where}"""  # noqa: S608 - conditions of this module
    return {blob_id for (blob_id,) in database.execute(statement)}


async def secrets_of(folder: Path) -> list[Secret]:
    """Every key of a folder that nobody uses: its root key and those that are derived from it, the
    material of keys, private keys of imports, data keys and the keys of blobs."""
    root_key = (folder / ROOT_KEY_NAME).read_bytes()
    vault = Vault(root_key, os.urandom)
    found = [("root key", root_key), ("fingerprint key", vault._digest_key)]
    found.append(("wrapping key", vault._wrapping_key))
    store = SqliteStore.open(folder)
    try:
        sealed = rows(folder, "SELECT id, id, sealed FROM kms_versions WHERE length(sealed) > 0")
        sealed += rows(folder, "SELECT key_id, 'import ' || key_id, sealed FROM kms_tickets")
        for key_id, name, secret in sealed:
            assert isinstance(secret, bytes)
            kind = "material" if name == key_id else "import"
            found.append((f"{kind} of {key_id}", vault.unseal(str(name), secret)))
        kept = rows(
            folder,
            """SELECT key, encryption_json, extents FROM versions UNION
            SELECT key, encryption_json, coalesce(parts.extents, '') FROM uploads
            LEFT JOIN parts ON parts.upload = uploads.id""",
        )
        with store.read() as view:
            for key, encryption_json, extents in kept:
                encryption = encryption_of(str(encryption_json))
                if encryption is not None and encryption.data_key:
                    opened = open_data_key(view, vault, str(encryption_json), _ITSELF)
                    found.append((f"data key of {key}", opened))
                    found += _blob_keys(folder, str(key), opened, str(extents))
    finally:
        await store.close()
    return found


def _blob_keys(folder: Path, key: str, data_key: bytes, extents: str) -> Iterator[Secret]:
    for blob_id, *_ in json.loads(extents or "[]"):
        ((home, data, file),) = rows(
            folder,
            f"""SELECT home, data, file FROM blobs LEFT JOIN blob_data ON blob_id = id
            WHERE id = {blob_id:d}""",  # noqa: S608 - a number
        )
        if home == BlobHome.INLINE.value:
            assert isinstance(data, bytes)
            head = data[:HEAD_BYTES]
        else:
            head = next((folder / BLOBS_FOLDER).rglob(str(file))).read_bytes()[:HEAD_BYTES]
        yield f"blob key of {key}", hmac.digest(data_key, b"ossemu blob: " + head, hashlib.sha256)
