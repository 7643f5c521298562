"""Keys of the key service in SQLite; see ``kms.ports``."""

from __future__ import annotations

from typing import cast

import msgspec

from emulator.kms.model import Alias, ImportTicket, Key, KeyVersion
from emulator.storage.sqlite.statements import Row, Statements, Values

_ROOT = "SELECT fingerprint FROM kms_root"
_SEALED_OBJECTS = """SELECT encryption_json FROM (
    SELECT modified_ms AS at_ms, encryption_json FROM versions
    UNION ALL SELECT initiated_ms, encryption_json FROM uploads)
    WHERE encryption_json LIKE '%"data_key"%' AND encryption_json NOT LIKE '%"algorithm":"KMS"%'
    ORDER BY at_ms DESC LIMIT 100"""
_KEY = "SELECT document FROM kms_keys WHERE id = ?"
_KEY_OF_VERSION = """SELECT k.document FROM kms_versions v JOIN kms_keys k ON k.id = v.key_id
    WHERE v.id = ?"""
_KEYS = """SELECT document FROM kms_keys WHERE account_uid = ? AND region = ?
    ORDER BY created_ms DESC, id"""
_VERSION = "SELECT id, key_id, created_ms, sealed, digest FROM kms_versions WHERE id = ?"
_VERSIONS = """SELECT id, key_id, created_ms, sealed, digest FROM kms_versions WHERE key_id = ?
    ORDER BY created_ms DESC, rowid DESC"""
_ALIAS = """SELECT account_uid, region, name, key_id FROM kms_aliases
    WHERE account_uid = ? AND region = ? AND name = ?"""
_ALIASES = """SELECT account_uid, region, name, key_id FROM kms_aliases
    WHERE account_uid = ? AND region = ? ORDER BY name"""
_ALIASES_OF_KEY = """SELECT account_uid, region, name, key_id FROM kms_aliases
    WHERE key_id = ? ORDER BY name"""
_TICKET = "SELECT key_id, token, algorithm, sealed, expires_ms FROM kms_tickets WHERE key_id = ?"
_DUE = """SELECT document FROM kms_keys WHERE due_ms > 0 AND due_ms <= ? ORDER BY due_ms LIMIT ?"""
_NEXT_DUE = "SELECT min(due_ms) FROM kms_keys WHERE due_ms > 0"

_KEEP_ROOT = "INSERT OR IGNORE INTO kms_root (one, fingerprint) VALUES (1, ?)"
_PUT_KEY = """INSERT INTO kms_keys (id, account_uid, region, created_ms, due_ms, document)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
    SET due_ms = excluded.due_ms, document = excluded.document"""
_DELETE_KEY = "DELETE FROM kms_keys WHERE id = ?"
_PUT_VERSION = """INSERT INTO kms_versions (id, key_id, created_ms, sealed, digest)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
    SET sealed = excluded.sealed, digest = excluded.digest"""
_PUT_ALIAS = "REPLACE INTO kms_aliases (account_uid, region, name, key_id) VALUES (?, ?, ?, ?)"
_DELETE_ALIAS = "DELETE FROM kms_aliases WHERE account_uid = ? AND region = ? AND name = ?"
_PUT_TICKET = """REPLACE INTO kms_tickets (key_id, token, algorithm, sealed, expires_ms)
    VALUES (?, ?, ?, ?, ?)"""
_DELETE_TICKET = "DELETE FROM kms_tickets WHERE key_id = ?"

_READ_KEY = msgspec.json.Decoder(Key)


class KeyReads(Statements):
    """Reading; see ``kms.ports.KeyView``."""

    def kms_root_fingerprint(self) -> str:
        """That of the folder's root key, ``""`` while none is kept."""
        row = self._run(_ROOT, ()).fetchone()
        return "" if row is None else cast(tuple[str], row)[0]

    def newest_sealed_objects(self) -> list[str]:
        """The ``encryption_json`` of the newest objects and uploads with SSE-OSS and a data key.

        Reads through all of them: for folders that keep no fingerprint yet.
        """
        rows = cast(list[tuple[str]], self._run(_SEALED_OBJECTS, ()).fetchall())
        return [encryption_json for (encryption_json,) in rows]

    def kms_key(self, key_id: str) -> Key | None:
        """The key of this id, of whatever account."""
        return self._one_key(_KEY, (key_id,))

    def kms_key_of_version(self, version_id: str) -> Key | None:
        """The key that has this version."""
        return self._one_key(_KEY_OF_VERSION, (version_id,))

    def kms_keys(self, account_uid: str, region: str) -> list[Key]:
        """Every key of an account in a region, the newest first."""
        return self._all_keys(_KEYS, (account_uid, region))

    def kms_version(self, version_id: str) -> KeyVersion | None:
        """The version of this id."""
        row = self._run(_VERSION, (version_id,)).fetchone()
        return None if row is None else _version(row)

    def kms_versions(self, key_id: str) -> list[KeyVersion]:
        """Every version of a key, the newest first."""
        return [_version(row) for row in self._run(_VERSIONS, (key_id,)).fetchall()]

    def kms_alias(self, account_uid: str, region: str, name: str) -> Alias | None:
        """The alias of this name."""
        row = self._run(_ALIAS, (account_uid, region, name)).fetchone()
        return None if row is None else Alias(*row)

    def kms_aliases(self, account_uid: str, region: str) -> list[Alias]:
        """Every alias of an account in a region, by name."""
        rows = self._run(_ALIASES, (account_uid, region)).fetchall()
        return [Alias(*row) for row in rows]

    def kms_aliases_of_key(self, key_id: str) -> list[Alias]:
        """Every alias of a key, by name."""
        return [Alias(*row) for row in self._run(_ALIASES_OF_KEY, (key_id,)).fetchall()]

    def kms_ticket(self, key_id: str) -> ImportTicket | None:
        """The newest parameters for an import into the key."""
        row = self._run(_TICKET, (key_id,)).fetchone()
        if row is None:
            return None
        key, token, algorithm, sealed, expires_ms = cast(tuple[str, str, str, bytes, int], row)
        return ImportTicket(
            key_id=key, token=token, algorithm=algorithm, sealed=sealed, expires_ms=expires_ms
        )

    def kms_due(self, now_ms: int, *, limit: int) -> list[Key]:
        """Keys whose ``due_ms`` has come, the earliest first."""
        return self._all_keys(_DUE, (now_ms, limit))

    def kms_next_due_ms(self) -> int | None:
        """The earliest ``due_ms`` of all keys."""
        (due_ms,) = cast(tuple[int | None], self._run(_NEXT_DUE, ()).fetchone())
        return due_ms

    def _one_key(self, statement: str, values: Values) -> Key | None:
        row = self._run(statement, values).fetchone()
        return None if row is None else _READ_KEY.decode(cast(tuple[str], row)[0])

    def _all_keys(self, statement: str, values: Values) -> list[Key]:
        rows = cast(list[tuple[str]], self._run(statement, values).fetchall())
        return [_READ_KEY.decode(document) for (document,) in rows]


class KeyWrites(KeyReads):
    """Changing; see ``kms.ports.KeyTx``."""

    def put_kms_key(self, key: Key) -> None:
        """Store a key, in place of the one of its id."""
        owner = (key.id, key.account_uid, key.region, key.created_ms)
        self._run(_PUT_KEY, (*owner, key.due_ms, msgspec.json.encode(key).decode()))

    def delete_kms_key(self, key_id: str) -> None:
        """Remove a key with its versions, aliases and tickets."""
        self._run(_DELETE_KEY, (key_id,))

    def keep_kms_root(self, fingerprint: str) -> None:
        """Keep the root key's fingerprint; the first one stays."""
        self._run(_KEEP_ROOT, (fingerprint,))

    def put_kms_version(self, version: KeyVersion, root: str) -> None:
        """Store a version, in place of the one of its id; ``root`` is kept with the first."""
        self.keep_kms_root(root)
        owner = (version.id, version.key_id, version.created_ms)
        self._run(_PUT_VERSION, (*owner, version.sealed, version.digest))

    def put_kms_alias(self, alias: Alias) -> None:
        """Store an alias, in place of the one of its name."""
        self._run(_PUT_ALIAS, (alias.account_uid, alias.region, alias.name, alias.key_id))

    def delete_kms_alias(self, alias: Alias) -> None:
        """Remove an alias; one that is not there is no error."""
        self._run(_DELETE_ALIAS, (alias.account_uid, alias.region, alias.name))

    def put_kms_ticket(self, ticket: ImportTicket) -> None:
        """Store the parameters for an import, in place of earlier ones."""
        made = (ticket.key_id, ticket.token, ticket.algorithm)
        self._run(_PUT_TICKET, (*made, ticket.sealed, ticket.expires_ms))

    def delete_kms_ticket(self, key_id: str) -> None:
        """Remove the parameters for an import; none is no error."""
        self._run(_DELETE_TICKET, (key_id,))


def _version(row: Row) -> KeyVersion:
    version_id, key_id, created_ms, sealed, digest = cast(tuple[str, str, int, bytes, str], row)
    return KeyVersion(
        id=version_id, key_id=key_id, created_ms=created_ms, sealed=sealed, digest=digest
    )
