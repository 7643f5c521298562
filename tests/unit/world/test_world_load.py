"""Applying worlds: once is enough, edits count, and what cannot be applied is named by line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.access.identity import PolicyRef, PolicyType
from emulator.domain.buckets import set_policy
from emulator.domain.model import Versioning
from emulator.storage.sqlite.store import SqliteStore
from emulator.world.document import WorldError, read_world
from emulator.world.load import load_world

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
CROSS = (FIXTURES / "cross-account.yaml").read_text("utf-8")
NOW_MS = 1_000_000


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(":memory:")
    yield opened
    await opened.close()


async def load(store: SqliteStore, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    loaded = await load_world(store, read_world(text, "w.yaml"), NOW_MS)
    return loaded.applied, loaded.unchanged


PARTS = (
    "account 1000000000000001",
    "bucket src-bucket",
    "account 2000000000000002",
    "bucket dest-bucket",
)


async def test_loading_twice_changes_nothing(store: SqliteStore) -> None:
    assert await load(store, CROSS) == (PARTS, ())
    with store.read() as view:
        version = view.identities.identity_version()
    assert await load(store, CROSS) == ((), PARTS)
    with store.read() as view:
        assert view.identities.identity_version() == version


async def test_what_clients_changed_since_then_stays(store: SqliteStore) -> None:
    await load(store, CROSS)
    with store.read() as view:
        bucket = view.bucket("dest-bucket")
    assert bucket is not None
    await store.write(lambda tx: set_policy(tx, bucket, ""))
    await load(store, CROSS)
    with store.read() as view:
        again = view.bucket("dest-bucket")
    assert again is not None
    assert again.policy == ""


async def test_an_edited_part_is_applied_again(store: SqliteStore) -> None:
    await load(store, CROSS)
    edited = CROSS.replace(
        "{name: src-bucket, region: cn-hangzhou}",
        "{name: src-bucket, region: cn-hangzhou, versioning: Enabled}",
    ).replace("policies: [replicate-src-bucket]", "policies: []")
    applied, _ = await load(store, edited)
    assert applied == ("account 1000000000000001", "bucket src-bucket")
    with store.read() as view:
        bucket = view.bucket("src-bucket")
        role = view.identities.role("1000000000000001", "roleNameTest")
    assert bucket is not None
    assert bucket.versioning is Versioning.ENABLED
    assert role is not None
    assert role.policies == ()


async def test_system_and_custom_policies_are_attached_by_name(store: SqliteStore) -> None:
    await load(store, CROSS)
    with store.read() as view:
        service = view.identities.role("1000000000000001", "AliyunOSSRole")
        custom = view.identities.role("1000000000000001", "rolenametest")
    assert service is not None
    assert service.policies == (PolicyRef(PolicyType.SYSTEM, "AliyunOSSFullAccess"),)
    assert custom is not None
    assert custom.policies == (PolicyRef(PolicyType.CUSTOM, "replicate-src-bucket"),)


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("{name: src-bucket,", "{name: Src_Bucket,", "buckets[0].name", "no bucket name"),
        ("region: cn-hangzhou}", "region: oss-cn-hangzhou}", "buckets[0].region", "no region"),
        (
            "policies: [replicate-src-bucket]",
            "policies: [replicate-src]",
            "roles[0].policies[0]",
            "neither a system policy nor",
        ),
        ('uid: "2000000000000002"', 'uid: "account-b"', "accounts[1].uid", "number"),
        ('Action: "sts:AssumeRole"', "Action: 5", "roles[0].trust", "Statement[0].Action"),
        ('Version: "1"', 'Version: "2"', "policies[0].document", "Version"),
        ("arn:sts::1000000000000001", "acs:ram::1", "buckets[0].policy", "Principal"),
    ],
)
async def test_faults_name_line_and_field(
    store: SqliteStore, old: str, new: str, where: str, problem: str
) -> None:
    text = CROSS.replace(old, new, 1)
    assert text != CROSS
    with pytest.raises(WorldError) as refused:
        await load(store, text)
    place, _, message = str(refused.value).partition(": ")
    assert message.startswith("accounts[")
    assert where in message
    assert problem in message
    line = int(place.removeprefix("w.yaml:"))
    fault_line = text[: text.index(new)].count("\n") + 1
    assert fault_line - 10 < line <= fault_line  # its own line, or where its policy begins
    with store.read() as view:  # all of it or nothing
        assert view.identities.accounts() == ()
        assert view.bucket("dest-bucket") is None


async def test_a_bucket_of_somebody_else_is_refused(store: SqliteStore) -> None:
    await load(store, CROSS)
    stolen = 'accounts: [{uid: "3", buckets: [{name: src-bucket, region: cn-hangzhou}]}]'
    with pytest.raises(WorldError, match=r"^w.yaml:1: accounts\[0\].buckets\[0\]: BucketAlready"):
        await load(store, stolen)


async def test_versioning_cannot_be_switched_off(store: SqliteStore) -> None:
    bucket = "{name: abc, region: cn-hangzhou, versioning: Enabled}"
    world = f'accounts: [{{uid: "3", buckets: [{bucket}]}}]'
    await load(store, world)
    with pytest.raises(WorldError, match="only be suspended"):
        await load(store, world.replace(", versioning: Enabled", ""))
