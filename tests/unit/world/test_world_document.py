"""World files: the two that come with the emulator, and what is said about broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.domain.model import Acl, Redundancy, StorageClass, Versioning
from emulator.world.document import (
    AccountSpec,
    BucketSpec,
    KeySpec,
    PolicySpec,
    RoleSpec,
    SessionSpec,
    UserSpec,
    World,
    WorldError,
    read_world,
)

FIXTURES = Path(__file__).parents[3] / "fixtures"
EXAMPLE = FIXTURES / "every-field.yaml"
WORLDS = sorted(set(FIXTURES.glob("*.yaml")) - {EXAMPLE})


def fixture(name: str) -> World:
    return read_world((FIXTURES / name).read_text("utf-8"), name).world


def test_there_are_two_worlds() -> None:
    assert [path.name for path in WORLDS] == ["cross-account.yaml", "same-account.yaml"]
    assert EXAMPLE.is_file()


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.stem)
def test_both_worlds_have_the_accounts_and_roles_of_the_documents(path: Path) -> None:
    world = fixture(path.name)
    assert [(each.uid, each.keys) for each in world.accounts] == [
        ("1000000000000001", [KeySpec(id="LTAIemulatorA", secret="emulatorSecretA")]),
        ("2000000000000002", [KeySpec(id="LTAIemulatorB", secret="emulatorSecretB")]),
    ]
    roles = {role.name: role for role in world.accounts[0].roles}
    assert list(roles) == ["roleNameTest", "AliyunOSSRole", "AliyunOssDrsRole"]
    assert roles["AliyunOSSRole"].policies == ["AliyunOSSFullAccess"]
    assert roles["AliyunOssDrsRole"].policies == ["AliyunOSSFullAccess"]
    own = [policy.name for policy in world.accounts[0].policies]
    assert roles["roleNameTest"].policies == own


@pytest.mark.parametrize(
    ("name", "places"),
    [
        (
            "cross-account.yaml",
            {
                "src-bucket": ("1000000000000001", "cn-hangzhou", False),
                "dest-bucket": ("2000000000000002", "cn-shanghai", True),
            },
        ),
        (
            "same-account.yaml",
            {
                "src-bucket": ("1000000000000001", "cn-hangzhou", False),
                "dest-bucket": ("1000000000000001", "cn-hangzhou", False),
            },
        ),
    ],
)
def test_where_the_buckets_are_and_whether_they_have_a_policy(
    name: str, places: dict[str, tuple[str, str, bool]]
) -> None:
    found = {
        bucket.name: (account.uid, bucket.region, bool(bucket.policy))
        for account in fixture(name).accounts
        for bucket in account.buckets
    }
    assert found == places


EVERYTHING = """
accounts:
  - uid: "1"
    name: one
    keys: [{id: k, secret: s}]
    users:
      - {name: u, uid: "20", keys: [{id: k2, secret: s2}], policies: [p]}
    policies:
      - {name: p, document: '{"Version": "1", "Statement": []}'}
    roles:
      - name: r
        trust: {Version: "1"}
        policies: [p]
        sessions: [{name: n, key: {id: k3, secret: s3}, token: t, expires_in_s: 60}]
    buckets:
      - name: b
        region: cn-hangzhou
        acl: public-read
        storage_class: IA
        redundancy: ZRS
        versioning: Enabled
        policy: {Version: "1"}
"""


def test_everything_a_world_can_say() -> None:
    account = AccountSpec(
        uid="1",
        name="one",
        keys=[KeySpec(id="k", secret="s")],
        users=[UserSpec(name="u", uid="20", keys=[KeySpec(id="k2", secret="s2")], policies=["p"])],
        policies=[PolicySpec(name="p", document='{"Version": "1", "Statement": []}')],
        roles=[
            RoleSpec(
                name="r",
                trust={"Version": "1"},
                policies=["p"],
                sessions=[
                    SessionSpec(
                        name="n", key=KeySpec(id="k3", secret="s3"), token="t", expires_in_s=60
                    )
                ],
            )
        ],
        buckets=[
            BucketSpec(
                name="b",
                region="cn-hangzhou",
                acl=Acl.PUBLIC_READ,
                storage_class=StorageClass.IA,
                redundancy=Redundancy.ZRS,
                versioning=Versioning.ENABLED,
                policy={"Version": "1"},
            )
        ],
    )
    assert read_world(EVERYTHING, "w.yaml").world == World(accounts=[account])


def test_what_a_world_may_leave_out() -> None:
    file = read_world('accounts: [{uid: "1", buckets: [{name: b, region: r}]}]', "w.yaml")
    world = file.world
    bucket = world.accounts[0].buckets[0]
    assert (bucket.acl, bucket.storage_class) == (Acl.PRIVATE, StorageClass.STANDARD)
    assert (bucket.redundancy, bucket.versioning) == (Redundancy.LRS, Versioning.NEVER)
    assert bucket.policy == ""
    assert world.accounts[0].roles == []


def changed(old: str, new: str) -> str:
    assert EVERYTHING.count(old) == 1
    return EVERYTHING.replace(old, new)


# A text, and what its error must contain: the line, the field, the problem.
BROKEN = [
    (changed('uid: "1"', "uid: 1"), 3, "accounts[0].uid", "got `int`; write it in quotes"),
    (
        changed("name: one", "nmae: one"),
        4,
        "accounts[0].nmae",
        "unknown field `nmae`; did you mean `name`? "
        "known here: uid, name, keys, users, policies, roles, buckets",
    ),
    (changed('- uid: "1"', "- other: 1"), 3, "accounts[0].other", "`other`; known here: uid"),
    (
        changed("    keys: [{id: k, secret: s}]", "    key:\n      - {id: k, secret: s}"),
        5,
        "accounts[0].key",
        "did you mean `keys`?",
    ),
    (changed("name: one", "5: one"), 3, "accounts[0]", "the name of a field must be text"),
    (changed("[{id: k, secret: s}]", "{}"), 5, "accounts[0].keys", "Expected `array`"),
    (changed("{id: k, secret: s}", "{id: k}"), 5, "accounts[0].keys[0]", "field `secret`"),
    (changed('uid: "20"', "uid: 20"), 7, "accounts[0].users[0].uid", "Expected `str`"),
    (
        changed("secret: s2", "secret: [s2]"),
        7,
        "accounts[0].users[0].keys[0].secret",
        "Expected `str`, got `array`",
    ),
    (
        changed('trust: {Version: "1"}', "trust: 5"),
        12,
        "accounts[0].roles[0].trust",
        "Expected `str | object`",
    ),
    (
        changed("expires_in_s: 60", "expires_in_s: soon"),
        14,
        "accounts[0].roles[0].sessions[0].expires_in_s",
        "Expected `int`",
    ),
    (changed("region: cn-hangzhou", "Regoin: x"), 17, "accounts[0].buckets[0].Regoin", "`region`"),
    (
        changed("public-read", "publik"),
        18,
        "accounts[0].buckets[0].acl",
        "'publik'; choose one of private, public-read, public-read-write",
    ),
    (
        changed(" IA", " Cold"),
        19,
        "accounts[0].buckets[0].storage_class",
        "'Cold'; choose one of Standard, IA, Archive, ColdArchive, DeepColdArchive",
    ),
    (
        changed(" ZRS", " XRS"),
        20,
        "accounts[0].buckets[0].redundancy",
        "'XRS'; choose one of LRS, ZRS",
    ),
    (
        changed(" Enabled", " enabled"),
        21,
        "accounts[0].buckets[0].versioning",
        "Invalid enum value 'enabled'; choose one of Enabled, Suspended",
    ),
    (
        changed(" Enabled", " on"),
        21,
        "accounts[0].buckets[0].versioning",
        "got `bool`; choose one of Enabled, Suspended",
    ),
    ("accounts:\n", 1, "accounts", "Expected `array`, got `null`"),
    ("accounts: [1]", 1, "accounts[0]", "Expected `object`, got `int`"),
    ("accounts: []\nbuckets: []", 2, "buckets", "unknown field `buckets`; known here: accounts"),
    ("{}", 1, "the file", "field `accounts`"),
    ("[]", 1, "the file", "Expected `object`, got `array`"),
    ("text", 1, "the file", "Expected `object`, got `str`"),
]


@pytest.mark.parametrize(("text", "line", "field", "problem"), BROKEN, ids=range(len(BROKEN)))
def test_an_error_names_line_field_and_problem(
    text: str, line: int, field: str, problem: str
) -> None:
    with pytest.raises(WorldError) as refusal:
        read_world(text, "w.yaml")
    where, _, what = str(refusal.value).partition(": ")
    name, _, number = where.partition(":")
    assert name == "w.yaml"
    assert int(number) == line
    assert what.startswith(f"{field}: ")
    assert problem in what.removeprefix(field)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "w.yaml: the file is empty"),
        ("# nothing\n", "w.yaml: the file is empty"),
        ("accounts: [\n", "w.yaml:2: this is no valid YAML"),
        ("accounts:\n\t- a", "w.yaml:2: this is no valid YAML"),
        ("a: b: c", "w.yaml:1: this is no valid YAML"),
        ("accounts: *nobody", "w.yaml:1: this is no valid YAML"),
        ("accounts: []\n---\naccounts: []", "w.yaml:2: this is no valid YAML"),
        ("accounts: !!python/name:os.system ''", "w.yaml:1: this is no valid YAML"),
        ("accounts: []\n\0", "w.yaml: this is no valid YAML"),
    ],
)
def test_a_text_that_is_no_yaml_is_said_to_be_none(text: str, start: str) -> None:
    with pytest.raises(WorldError) as refusal:
        read_world(text, "w.yaml")
    assert str(refusal.value).startswith(start)
