"""Buckets in SQLite."""

from __future__ import annotations

from typing import cast

from emulator.domain.model import Acl, Bucket, Redundancy, StorageClass, Versioning
from emulator.domain.ports import NewBucket
from emulator.storage.sqlite.statements import Changing, Row, Statements

_COLUMNS = """id, name, owner_uid, region, created_ms, acl, storage_class, redundancy,
    versioning, policy, setting_names,
    EXISTS (SELECT 1 FROM replication_rules AS rule
            WHERE rule.source_bucket_id = buckets.id AND rule.state <> 'closing')"""
_BY_NAME = f"SELECT {_COLUMNS} FROM buckets WHERE name = ?"  # noqa: S608 - constants only
_BY_ID = f"SELECT {_COLUMNS} FROM buckets WHERE id = ?"  # noqa: S608 - constants only
_OF_OWNER = f"""SELECT {_COLUMNS} FROM buckets
    WHERE owner_uid = ? AND name > ? AND name >= ? AND name < ?
    ORDER BY name LIMIT ?"""  # noqa: S608 - constants only
_COUNT = "SELECT count(*) FROM buckets WHERE owner_uid = ? AND region = ?"
_ANY_VERSION = "SELECT 1 FROM versions WHERE bucket_id = ? LIMIT 1"
_ANY_UPLOAD = "SELECT 1 FROM uploads WHERE bucket_id = ? LIMIT 1"

_INSERT = """INSERT INTO buckets
    (name, owner_uid, region, created_ms, acl, storage_class, redundancy)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_DELETE = "DELETE FROM buckets WHERE id = ?"
_SET_ACL = "UPDATE buckets SET acl = ? WHERE id = ?"
_SET_VERSIONING = "UPDATE buckets SET versioning = ? WHERE id = ?"
_SET_POLICY = "UPDATE buckets SET policy = ? WHERE id = ?"

_AFTER_ALL = "\U0010ffff"

_ACLS = {member.value: member for member in Acl}
_CLASSES = {member.value: member for member in StorageClass}
_REDUNDANCIES = {member.value: member for member in Redundancy}
_VERSIONINGS = {member.value: member for member in Versioning}

_BucketRow = tuple[int, str, str, str, int, str, str, str, str, str, str, int]
_NO_SETTINGS: frozenset[str] = frozenset()


def _bucket(row: Row) -> Bucket:
    (
        id_,
        name,
        owner,
        region,
        created,
        acl,
        class_,
        redundancy,
        versioning,
        policy,
        names,
        records,
    ) = cast(_BucketRow, row)
    return Bucket(
        id=id_,
        name=name,
        owner_uid=owner,
        region=region,
        created_ms=created,
        acl=_ACLS[acl],
        storage_class=_CLASSES[class_],
        redundancy=_REDUNDANCIES[redundancy],
        versioning=_VERSIONINGS[versioning],
        policy=policy,
        setting_names=frozenset(names.split()) if names else _NO_SETTINGS,
        records_changes=records == 1,
    )


class BucketReads(Statements):
    """Reading buckets; see ``domain.ports.MetaView``."""

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of this name."""
        row = self._run(_BY_NAME, (name,)).fetchone()
        return None if row is None else _bucket(row)

    def bucket_by_id(self, bucket_id: int) -> Bucket | None:
        """The bucket of this id."""
        row = self._run(_BY_ID, (bucket_id,)).fetchone()
        return None if row is None else _bucket(row)

    def buckets_of(
        self, owner_uid: str, *, prefix: str = "", marker: str = "", limit: int = 1000
    ) -> list[Bucket]:
        """Buckets of an account by name: those after ``marker`` that start with ``prefix``."""
        bounds = (owner_uid, marker, prefix, prefix + _AFTER_ALL, limit)
        return [_bucket(row) for row in self._run(_OF_OWNER, bounds).fetchall()]

    def bucket_count(self, owner_uid: str, region: str) -> int:
        """How many buckets an account has in a region."""
        (count,) = cast(tuple[int], self._run(_COUNT, (owner_uid, region)).fetchone())
        return count

    def bucket_is_empty(self, bucket_id: int) -> bool:
        """Whether the bucket has neither versions nor delete markers nor unfinished uploads."""
        return (
            self._run(_ANY_VERSION, (bucket_id,)).fetchone() is None
            and self._run(_ANY_UPLOAD, (bucket_id,)).fetchone() is None
        )


class BucketWrites(BucketReads, Changing):
    """Changing buckets; see ``domain.ports.MetaTx``."""

    def insert_bucket(self, new: NewBucket) -> Bucket:
        """Store a new bucket; the name must be free."""
        values = (
            new.name,
            new.owner_uid,
            new.region,
            new.created_ms,
            str(new.acl),
            str(new.storage_class),
            str(new.redundancy),
        )
        bucket_id = self._run(_INSERT, values).lastrowid
        assert bucket_id is not None
        bucket = self.bucket_by_id(bucket_id)
        assert bucket is not None
        return bucket

    def delete_bucket(self, bucket_id: int) -> None:
        """Remove an empty bucket."""
        self._run(_DELETE, (bucket_id,))
        self.counted.drop_bucket(bucket_id)

    def set_bucket_acl(self, bucket_id: int, acl: Acl) -> None:
        """Change the bucket ACL."""
        self._run(_SET_ACL, (acl.value, bucket_id))

    def set_bucket_versioning(self, bucket_id: int, versioning: Versioning) -> None:
        """Change the versioning state."""
        self._run(_SET_VERSIONING, (versioning.value, bucket_id))

    def set_bucket_policy(self, bucket_id: int, policy: str) -> None:
        """Change the bucket policy; ``""`` removes it."""
        self._run(_SET_POLICY, (policy, bucket_id))
