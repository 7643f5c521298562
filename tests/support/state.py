"""Everything a server keeps in its folder, as digests: two readings are equal or something changed.

Every table of the database counts, also those that are made later, and every blob file.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from emulator.storage.blobs import BLOBS_FOLDER
from emulator.storage.sqlite.connections import DATABASE_NAME

_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
# Numbers are reserved in blocks: where the reservation stands says nothing.
_ROWS = {"counters": "SELECT * FROM counters NOT INDEXED WHERE name <> 'seq'"}
_FILES_S_MAX = 3.0  # files without a row go shortly after the commit that took the row

State = dict[str, str]


class StoredState:
    """Reads the folder of a running server beside it.

    ``settle`` lets what is due be done; it is called only when something was committed since the
    last reading, so that a reading is cheap where requests are refused.
    """

    def __init__(self, folder: Path, settle: Callable[[], object]) -> None:
        self._blobs = folder / BLOBS_FOLDER
        self._settle = settle
        self._database = sqlite3.connect(
            f"file:{folder / DATABASE_NAME}?mode=ro", uri=True, isolation_level=None
        )
        self._version = -1
        self._tables: State = {}
        self._named: set[str] = set()

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    def read(self) -> State:
        """A digest of each table, and the names of the blob files."""
        if self._data_version() != self._version:
            self._settle()
            self._version = self._data_version()
            self._read_tables()
        return {**self._tables, "files": " ".join(sorted(self._files()))}

    def _data_version(self) -> int:
        """Another number after every commit of another connection."""
        (version,) = self._database.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _read_tables(self) -> None:
        run = self._database.execute
        run("BEGIN")
        try:
            names = [name for (name,) in run(_TABLES).fetchall()]
            self._tables = {name: _digest(self._database, name) for name in names}
            files = run("SELECT file FROM blobs WHERE file <> ''").fetchall()
        finally:
            run("COMMIT")
        self._named = {file for (file,) in files}

    def _files(self) -> set[str]:
        """The blob files; waits for those that are about to go."""
        deadline = time.monotonic() + _FILES_S_MAX
        while True:
            found = {path.name for path in self._blobs.rglob("*") if path.is_file()}
            if found == self._named or time.monotonic() > deadline:
                return found
            time.sleep(0.005)


def _digest(database: sqlite3.Connection, table: str) -> str:
    """Of all rows, in the order of the table itself."""
    digest = hashlib.blake2b(digest_size=16)
    select = _ROWS.get(table, f'SELECT * FROM "{table}" NOT INDEXED')  # noqa: S608 - from the schema
    for row in database.execute(select):
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
