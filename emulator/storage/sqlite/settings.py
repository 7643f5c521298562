"""Settings of buckets and accounts in SQLite."""

from __future__ import annotations

from typing import cast

from emulator.domain.model import Bucket
from emulator.storage.sqlite.buckets import BucketReads, BucketWrites

_OF_BUCKET = "SELECT document FROM bucket_settings WHERE bucket_id = ? AND name = ? AND item = ?"
_ITEMS = """SELECT item, document FROM bucket_settings WHERE bucket_id = ? AND name = ?
    ORDER BY item"""
_WITH = "SELECT DISTINCT bucket_id FROM bucket_settings WHERE name = ? ORDER BY bucket_id"
_OF_ACCOUNT = "SELECT document FROM account_settings WHERE account_uid = ? AND name = ?"

_PUT = """INSERT INTO bucket_settings (bucket_id, name, item, document) VALUES (?, ?, ?, ?)
    ON CONFLICT (bucket_id, name, item) DO UPDATE SET document = excluded.document"""
_DELETE = "DELETE FROM bucket_settings WHERE bucket_id = ? AND name = ? AND item = ?"
_NAMES = """UPDATE buckets SET setting_names = coalesce((SELECT group_concat(name, ' ') FROM
    (SELECT DISTINCT name FROM bucket_settings WHERE bucket_id = ? ORDER BY name)), '')
    WHERE id = ?"""
_PUT_ACCOUNT = """INSERT INTO account_settings (account_uid, name, document) VALUES (?, ?, ?)
    ON CONFLICT (account_uid, name) DO UPDATE SET document = excluded.document"""
_DELETE_ACCOUNT = "DELETE FROM account_settings WHERE account_uid = ? AND name = ?"


class SettingReads(BucketReads):
    """Reading settings; see ``domain.ports.MetaView``."""

    def bucket_setting(self, bucket: Bucket, name: str, item: str = "") -> str:
        """A setting's document, ``""`` when there is none."""
        if name not in bucket.setting_names:
            return ""
        row = self._run(_OF_BUCKET, (bucket.id, name, item)).fetchone()
        return "" if row is None else cast(tuple[str], row)[0]

    def bucket_setting_items(self, bucket: Bucket, name: str) -> list[tuple[str, str]]:
        """Item and document of every setting of this name, by item."""
        if name not in bucket.setting_names:
            return []
        return cast(list[tuple[str, str]], self._run(_ITEMS, (bucket.id, name)).fetchall())

    def buckets_with_setting(self, name: str) -> list[Bucket]:
        """Every bucket that has a setting of this name."""
        rows = cast(list[tuple[int]], self._run(_WITH, (name,)).fetchall())
        found = [self.bucket_by_id(bucket_id) for (bucket_id,) in rows]
        return [bucket for bucket in found if bucket is not None]

    def account_setting(self, account_uid: str, name: str) -> str:
        """A setting's document, ``""`` when there is none."""
        row = self._run(_OF_ACCOUNT, (account_uid, name)).fetchone()
        return "" if row is None else cast(tuple[str], row)[0]


class SettingWrites(SettingReads, BucketWrites):
    """Changing settings; see ``domain.ports.MetaTx``."""

    def put_bucket_setting(self, bucket_id: int, name: str, document: str, item: str = "") -> None:
        """Store a setting's document in place of the one that was there."""
        self._run(_PUT, (bucket_id, name, item, document))
        self._run(_NAMES, (bucket_id, bucket_id))

    def delete_bucket_setting(self, bucket_id: int, name: str, item: str = "") -> None:
        """Remove a setting; one that is not there is no error."""
        self._run(_DELETE, (bucket_id, name, item))
        self._run(_NAMES, (bucket_id, bucket_id))

    def put_account_setting(self, account_uid: str, name: str, document: str) -> None:
        """Store an account's setting; ``""`` removes it."""
        if document:
            self._run(_PUT_ACCOUNT, (account_uid, name, document))
        else:
            self._run(_DELETE_ACCOUNT, (account_uid, name))
