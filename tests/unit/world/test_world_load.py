"""Applying worlds: once is enough, edits count, and what cannot be applied is named by line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.access.identity import PolicyRef, PolicyType
from emulator.domain.buckets import set_policy
from emulator.domain.model import Versioning
from emulator.replication.model import RuleSpec
from emulator.replication.ports import NewRule
from emulator.storage.sqlite.store import SqliteStore
from emulator.storage.sqlite.view import SqliteTx
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
    with pytest.raises(WorldError) as refused:
        await load(store, stolen)
    assert str(refused.value) == (
        "w.yaml:1: accounts[0].buckets[0].name: the bucket src-bucket belongs to account "
        "1000000000000001 already; rename it, or give another --data folder"
    )


BUCKET = "{name: abc, region: cn-hangzhou}"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("region", "cn-shanghai", "exists with cn-hangzhou, which cannot become cn-shanghai"),
        ("storage_class", "IA", "exists with Standard, which cannot become IA"),
        ("redundancy", "ZRS", "exists with LRS, which cannot become ZRS"),
    ],
)
async def test_what_a_bucket_cannot_become_is_named(
    store: SqliteStore, field: str, value: str, problem: str
) -> None:
    def world(**fields: str) -> str:
        lines = "".join(f"        {name}: {each}\n" for name, each in fields.items())
        return f'accounts:\n  - uid: "3"\n    buckets:\n      -\n{lines}'

    plain = {"name": "abc", "region": "cn-hangzhou"}
    await load(store, world(**plain))
    line = 6 if field == "region" else 7
    where = rf"^w.yaml:{line}: accounts\[0\].buckets\[0\].{field}: the bucket abc {problem}; "
    with pytest.raises(WorldError, match=where):
        await load(store, world(**{**plain, field: value}))


TWO = """
accounts:
  - uid: "1"
    keys: [{id: k1, secret: s}]
    users:
      - {name: u1, uid: "11", keys: [{id: k2, secret: s}]}
      - {name: u2, uid: "12"}
    policies:
      - {name: p1, document: &grants GRANTS}
      - {name: p2, document: *grants}
    roles:
      - &role {name: r1, trust: &trust TRUST}
      - name: r2
        trust: *trust
        sessions: [{name: n, key: {id: k3, secret: s}, token: t}]
    buckets:
      - {name: abc, region: cn-hangzhou}
  - uid: "2"
    keys:
      - {id: k4, secret: s}
      - {id: k5, secret: s}
    users: [{name: u1, uid: "13"}]
    roles: [*role]
    buckets:
      - {name: abd, region: cn-hangzhou}
"""
TWO = TWO.replace(
    "GRANTS", "{Version: '1', Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}"
).replace(
    "TRUST",
    "{Version: '1', Statement: [{Effect: Allow, Action: 'sts:AssumeRole', "
    "Principal: {Service: [oss.aliyuncs.com]}}]}",
)


async def test_names_of_one_account_may_be_used_in_another(store: SqliteStore) -> None:
    applied, _ = await load(store, TWO)
    assert applied == ("account 1", "bucket abc", "account 2", "bucket abd")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("id: k5", "id: k4", "21: accounts[1].keys[1].id: the key id k4 _ 20"),
        ("id: k5", "id: k1", "21: accounts[1].keys[1].id: the key id k1 _ 4"),
        ("id: k5", "id: k2", "21: accounts[1].keys[1].id: the key id k2 _ 6"),
        ("id: k5", "id: k3", "21: accounts[1].keys[1].id: the key id k3 _ 15"),
        ("id: k3", "id: k1", "15: accounts[0].roles[1].sessions[0].key.id: the key id k1 _ 4"),
        ("id: k2", "id: k1", "6: accounts[0].users[0].keys[0].id: the key id k1 _ 4"),
        ('uid: "2"', 'uid: "1"', "18: accounts[1].uid: the account uid 1 _ 3"),
        ("name: abd", "name: abc", "25: accounts[1].buckets[0].name: the bucket abc _ 17"),
        ('uid: "13"', 'uid: "11"', "22: accounts[1].users[0].uid: the user uid 11 _ 6"),
        ("name: u2", "name: U1", "7: accounts[0].users[1].name: the user u1 _ 6"),
        ("name: p2", "name: P1", "10: accounts[0].policies[1].name: the policy p1 _ 9"),
        ("name: r2", "name: R1", "13: accounts[0].roles[1].name: the role r1 _ 12"),
    ],
)
async def test_what_may_be_there_once_is_not_taken_twice(
    store: SqliteStore, old: str, new: str, fault: str
) -> None:
    assert TWO.count(old) == 1
    with pytest.raises(WorldError) as refused:
        await load(store, TWO.replace(old, new))
    said = fault.replace(" _ ", " is in this file twice, before in line ")
    assert str(refused.value) == f"w.yaml:{said}"


async def test_a_bucket_cannot_have_the_acl_of_objects(store: SqliteStore) -> None:
    world = f'accounts: [{{uid: "3", buckets: [{BUCKET[:-1]}, acl: default}}]}}]'
    with pytest.raises(
        WorldError, match=r"buckets\[0\].acl: .* private, public-read, public-read-"
    ):
        await load(store, world)


async def test_versioning_cannot_be_switched_off(store: SqliteStore) -> None:
    bucket = "{name: abc, region: cn-hangzhou, versioning: Enabled}"
    world = f'accounts: [{{uid: "3", buckets: [{bucket}]}}]'
    await load(store, world)
    with pytest.raises(WorldError, match="only be suspended"):
        await load(store, world.replace(", versioning: Enabled", ""))


async def test_a_key_of_another_account_is_not_taken_over(store: SqliteStore) -> None:
    await load(store, CROSS)
    thief = 'accounts: [{uid: "3", keys: [{id: LTAIemulatorA, secret: mine}]}]'
    with pytest.raises(
        WorldError, match=r"accounts\[0\].keys\[0\].id: .* 1000000000000001 already"
    ):
        await load(store, thief)


async def test_versioning_is_locked_while_a_rule_lives(store: SqliteStore) -> None:
    await load(store, CROSS)
    spec = RuleSpec(
        rule_id="r-1", destination_bucket="dest-bucket", destination_location="oss-cn-shanghai"
    )

    def add_rule(tx: SqliteTx) -> None:
        bucket = tx.bucket("src-bucket")
        assert bucket is not None
        tx.insert_rule(
            NewRule(
                source_bucket_id=bucket.id,
                spec=spec,
                created_ms=NOW_MS,
                starts_ms=NOW_MS,
                cursor_seq=0,
                bound_seq=0,
            )
        )

    await store.write(add_rule)
    versioned = CROSS.replace(
        "{name: src-bucket, region: cn-hangzhou}",
        "{name: src-bucket, region: cn-hangzhou, versioning: Enabled}",
    )
    with pytest.raises(WorldError, match=r"buckets\[0\].versioning: .*replication rule r-1"):
        await load(store, versioned)
