"""Buckets in the metadata store."""

from __future__ import annotations

import sqlite3

import pytest

from emulator.domain.model import Acl, Bucket, Redundancy, StorageClass, Versioning
from emulator.replication.model import RuleSpec
from emulator.replication.ports import NewRule
from emulator.storage.sqlite.store import SqliteStore
from tests.contract.building import make_bucket, new_bucket, put


async def test_bucket_is_found_by_name_and_id_with_all_its_fields(store: SqliteStore) -> None:
    made = await make_bucket(store)
    with store.read() as view:
        assert view.bucket("bucket") == made
        assert view.bucket_by_id(made.id) == made
        assert view.bucket("other") is None
        assert view.bucket_by_id(made.id + 1) is None
    assert made == Bucket(
        id=made.id,
        name="bucket",
        owner_uid="1",
        region="cn-hangzhou",
        created_ms=1_000,
        acl=Acl.PRIVATE,
        storage_class=StorageClass.STANDARD,
        redundancy=Redundancy.LRS,
        versioning=Versioning.NEVER,
    )


async def test_settings_of_a_bucket_change(store: SqliteStore) -> None:
    made = await make_bucket(store)
    await store.write(lambda tx: tx.set_bucket_acl(made.id, Acl.PUBLIC_READ))
    await store.write(lambda tx: tx.set_bucket_versioning(made.id, Versioning.SUSPENDED))
    await store.write(lambda tx: tx.set_bucket_policy(made.id, '{"Version":"1"}'))
    with store.read() as view:
        now = view.bucket("bucket")
    assert now is not None
    assert (now.acl, now.versioning, now.policy) == (
        Acl.PUBLIC_READ,
        Versioning.SUSPENDED,
        '{"Version":"1"}',
    )


async def test_a_name_is_taken_once(store: SqliteStore) -> None:
    made = await make_bucket(store)
    with pytest.raises(sqlite3.IntegrityError):
        await make_bucket(store)
    with store.read() as view:
        assert view.bucket("bucket") == made


async def test_a_bucket_made_again_has_another_id(store: SqliteStore) -> None:
    first = await make_bucket(store)
    await store.write(lambda tx: tx.delete_bucket(first.id))
    with store.read() as view:
        assert view.bucket("bucket") is None
    assert (await make_bucket(store)).id > first.id


@pytest.mark.parametrize(
    ("prefix", "marker", "limit", "names"),
    [
        ("", "", 1000, ["a1", "a2", "b1"]),
        ("", "a1", 1000, ["a2", "b1"]),
        ("a", "", 1000, ["a1", "a2"]),
        ("a", "a1", 1000, ["a2"]),
        ("", "", 2, ["a1", "a2"]),
        ("c", "", 1000, []),
    ],
)
async def test_buckets_of_an_account_come_by_name(
    store: SqliteStore, prefix: str, marker: str, limit: int, names: list[str]
) -> None:
    for name in ("b1", "a2", "a1"):
        await make_bucket(store, name)
    await store.write(lambda tx: tx.insert_bucket(new_bucket("a3", owner_uid="2")))
    with store.read() as view:
        found = view.buckets_of("1", prefix=prefix, marker=marker, limit=limit)
    assert [bucket.name for bucket in found] == names


async def test_buckets_are_counted_by_account_and_region(store: SqliteStore) -> None:
    await make_bucket(store, "one")
    await store.write(lambda tx: tx.insert_bucket(new_bucket("two", region="cn-shanghai")))
    await store.write(lambda tx: tx.insert_bucket(new_bucket("three", owner_uid="2")))
    with store.read() as view:
        assert view.bucket_count("1", "cn-hangzhou") == 1
        assert view.bucket_count("1", "cn-beijing") == 0


async def test_a_bucket_is_empty_until_it_has_an_entry(store: SqliteStore) -> None:
    made = await make_bucket(store)
    with store.read() as view:
        assert view.bucket_is_empty(made.id)
    await store.write(lambda tx: put(tx, made.id, "key", listed=False))
    with store.read() as view:
        assert not view.bucket_is_empty(made.id)


async def test_a_bucket_records_changes_while_a_rule_reads_them(store: SqliteStore) -> None:
    made = await make_bucket(store)
    spec = RuleSpec(rule_id="r", destination_bucket="d", destination_location="oss-cn-shanghai")
    new = NewRule(
        source_bucket_id=made.id,
        spec=spec,
        created_ms=1,
        starts_ms=1,
        cursor_seq=0,
        bound_seq=0,
    )
    assert not made.records_changes
    rule = await store.write(lambda tx: tx.insert_rule(new))
    with store.read() as view:
        live = view.bucket("bucket")
        assert live is not None
        assert live.records_changes
    await store.write(lambda tx: tx.close_rule(rule.uid, closes_ms=2, last_seq=0))
    with store.read() as view:
        closing = view.bucket("bucket")
        assert closing is not None
        assert not closing.records_changes
