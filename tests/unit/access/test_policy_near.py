"""Which statement misses a request by one part, and which of several is the nearest."""

from __future__ import annotations

import pytest

from emulator.access.assume import judge_assume
from emulator.access.audit import Audit, AuditFilter, Origin
from emulator.access.identity import Role
from emulator.access.policy.evaluate import PolicyRequest
from emulator.access.policy.near import NearMisses, near_miss
from emulator.access.policy.records import Caller, NamedPolicy, PolicyKind
from emulator.access.policy.trace import Mismatch
from emulator.access.trust import OSS_SERVICE, may_assume, nearly_trusted
from tests.unit.access.build import (
    OWNER,
    TRUSTS_OSS,
    Json,
    a_user,
    allow,
    bucket_policy,
    deny,
    document,
    named,
    ram,
    trust,
)

GET, SOURCE = "oss:ReplicateGet", "acs:oss:*:1000:src/*"
ROLE = "arn:sts::1000:assumed-role/syncrole/s"
AT_HOME = {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}
CALLER = Caller(names=("1000",), role=ROLE)


def nearest(*policies: NamedPolicy, resource: str = "acs:oss:oss-cn-x:1000:src/k") -> str:
    """What of which statement misses, ``""`` if none is near."""
    found = near_miss(policies, PolicyRequest(GET, resource, caller=CALLER), "replication")
    return "" if found is None else f"{found.part.value} {found.statement.index} {found.why}"


ROWS: list[tuple[str, list[Json], str]] = [
    ("nothing", [], ""),
    ("a Deny is no miss", [deny("oss:Put*", SOURCE)], ""),
    ("two parts", [allow("oss:Put*", SOURCE, Condition=AT_HOME)], ""),
    ("another service", [allow("kms:*")], ""),
    ("another bucket", [allow(GET, "acs:oss:*:*:elsewhere/*")], ""),
    ("another service's resource", [allow(GET, "acs:kms:*:*:src/*")], ""),
    ("a resource without all its parts", [allow(GET, "acs:oss:*:src")], ""),
    (
        "two conditions are one part",
        [allow(GET, SOURCE, Condition=AT_HOME | {"Bool": {"acs:SecureTransport": "true"}})],
        "condition 0 its condition IpAddress acs:SourceIp [10.0.0.0/8] does not hold: replication "
        "has no acs:SourceIp, and Bool acs:SecureTransport [true] does not hold: replication has "
        "no acs:SecureTransport",
    ),
    (
        "region",
        [allow(GET, ["acs:oss:oss-cn-y:*:src", "acs:oss:oss-cn-y:*:src/*"])],
        "resource 0 its Resource has acs:oss:oss-cn-y:*:src/*, asked was "
        "acs:oss:oss-cn-x:1000:src/k (another region)",
    ),
    (
        "region and account",
        [allow(GET, "acs:oss:oss-cn-y:77:src/*")],
        "resource 0 its Resource has acs:oss:oss-cn-y:77:src/*, asked was "
        "acs:oss:oss-cn-x:1000:src/k (another region and account)",
    ),
    (
        "the bucket alone",
        [allow(GET, "acs:oss:*:*:src")],
        "resource 0 its Resource has acs:oss:*:*:src, asked was acs:oss:oss-cn-x:1000:src/k "
        "(the bucket is named, its objects are not)",
    ),
    (
        "other objects",
        [allow(GET, "acs:oss:*:*:src/logs/*")],
        "resource 0 its Resource has acs:oss:*:*:src/logs/*, asked was acs:oss:oss-cn-x:1000:src/k",
    ),
    (
        "not these objects",
        [{"Effect": "Allow", "Action": GET, "NotResource": SOURCE}],
        "resource 0 its NotResource has acs:oss:*:1000:src/*, asked was "
        "acs:oss:oss-cn-x:1000:src/k",
    ),
    (
        "not this action",
        [{"Effect": "Allow", "NotAction": GET, "Resource": SOURCE}],
        "action 0 its NotAction has oss:ReplicateGet, asked was oss:ReplicateGet",
    ),
    (
        "the nearest of several",
        [allow("oss:ReplicateList", SOURCE), allow(GET, SOURCE, Condition=AT_HOME)],
        "condition 1 its condition IpAddress acs:SourceIp [10.0.0.0/8] does not hold: replication "
        "has no acs:SourceIp",
    ),
    (
        "the first of equals",
        [allow("oss:ReplicateList", SOURCE), allow("oss:ReplicatePut", SOURCE)],
        "action 0 its Action has oss:ReplicateList, asked was oss:ReplicateGet",
    ),
]


@pytest.mark.parametrize(("statements", "said"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_ram_policies(statements: list[Json], said: str) -> None:
    assert nearest(*([ram(*statements)] if statements else [])) == said


def test_a_slip_in_the_name_of_a_bucket() -> None:
    policy = ram(allow(GET, "acs:oss:*:*:secret-dest/*"))
    assert nearest(policy, resource="acs:oss:*:1:secret-dst/k").startswith("resource 0 ")
    assert nearest(policy, resource="acs:oss:*:1:public-web/k") == ""


def test_the_bucket_itself() -> None:
    found = nearest(ram(allow(GET, SOURCE)), resource="acs:oss:*:1000:src")
    assert found.endswith("(the objects are named, the bucket is not)")


def test_the_principal_most_like_the_caller() -> None:
    one = allow(GET, SOURCE, Principal=["arn:sts::77:assumed-role/another/*", "1001"])
    other = allow(GET, SOURCE, Principal=["arn:sts::1000:assumed-role/sync/*"])
    assert nearest(bucket_policy(one, other)).startswith("principal 1 its Principal has arn:sts")
    cased = allow(GET, SOURCE, Principal=["arn:sts::1000:assumed-role/SyncRole/*"])
    assert nearest(bucket_policy(other, cased)).startswith("principal 1 ")


def test_every_key_policy_names_its_account() -> None:
    def found(*names: str) -> str:
        policy = named(PolicyKind.KEY, allow("kms:*", "*", Principal={"RAM": list(names)}))
        caller = Caller(names=("acs:ram::1000:role/sync",))
        asked = PolicyRequest("kms:Decrypt", "acs:kms:x:1000:key/k", caller=caller)
        near = near_miss([policy], asked, "the request")
        return "" if near is None else near.why

    assert found("acs:ram::1000:*") == ""
    assert "acs:ram::1001:role/sync" in found("acs:ram::1000:*", "acs:ram::1001:role/sync")


def test_long_texts_are_cut() -> None:
    policy = ram(allow(GET, [f"acs:oss:*:*:src/{each}{'x' * 900}" for each in range(5)]))
    assert len(nearest(policy)) < 400


def test_prepared_misses_follow_the_resource() -> None:
    statements = allow(GET, SOURCE, Condition=AT_HOME), allow(GET, "acs:oss:*:*:src/a/*")
    misses = NearMisses((ram(*statements),), PolicyRequest(GET, ""), "replication")
    assert misses.of("acs:oss:*:1000:src/b") is not None
    assert misses.of("acs:oss:*:1000:other/b") is None


TRUSTS: list[tuple[Json, Mismatch, str]] = [
    (
        TRUSTS_OSS | {"Condition": {"StringEquals": {"sts:ExternalId": "x"}}},
        Mismatch.CONDITION,
        "StringEquals sts:ExternalId [x] does not hold: OSS has no sts:ExternalId",
    ),
    (
        TRUSTS_OSS | {"Principal": {"Service": ["ecs.aliyuncs.com"]}},
        Mismatch.PRINCIPAL,
        "ecs.aliyuncs.com, asked was oss.aliyuncs.com",
    ),
    (TRUSTS_OSS | {"Action": "sts:TagSession"}, Mismatch.ACTION, "asked was sts:AssumeRole"),
]


@pytest.mark.parametrize(("statement", "part", "said"), TRUSTS)
def test_trust_policies(statement: Json, part: Mismatch, said: str) -> None:
    assert may_assume(trust(statement), OSS_SERVICE).statement is None
    near = nearly_trusted(trust(statement), OSS_SERVICE)
    assert near is not None
    assert (near.part, near.statement.describe()) == (
        part,
        "Allow statement 0 of trust policy role",
    )
    assert near.why.endswith(said)
    assert nearly_trusted(trust(statement), f"acs:ram::{OWNER}:root") is None


def test_an_assume_role_that_is_refused_says_so_in_the_audit_log() -> None:
    statement = TRUSTS_OSS | {
        "Principal": {"RAM": [f"acs:ram::{OWNER}:user/alice"]},
        "Condition": {"StringEquals": {"sts:ExternalId": "x"}},
    }
    role = Role(account_uid=OWNER, name="role", role_id="1", trust_policy=document(statement))
    alice = a_user(ram(allow("sts:AssumeRole")))
    verdict = judge_assume(alice, role, trust(statement), {}, sets_source=False)
    assert not verdict.allowed
    assert "ExternalId" not in verdict.reason
    audit = Audit()
    audit.record(Origin(0, alice, "AssumeRole"), verdict.action, role.arn, verdict)
    (entry,) = audit.page(AuditFilter(), None, 1).entries
    assert entry.reason == (
        f"{verdict.reason}; Allow statement 0 of trust policy role would, but its condition "
        "StringEquals sts:ExternalId [x] does not hold: the call has no sts:ExternalId"
    )
    assert entry.statement == ""


def test_of_other_services_only_like_names_are_near() -> None:
    def found(action: str, has: str, asked: str) -> bool:
        request = PolicyRequest(action, asked)
        return near_miss([ram(allow(action, has))], request, "the call") is not None

    one, other = "key/5f1b8c2e-9d3a-4b61", "key/0a7e64d9-2c88-4f10"
    assert not found("kms:Decrypt", f"acs:kms:*:*:{one}", f"acs:kms:x:1000:{other}")
    assert found("kms:Decrypt", f"acs:kms:*:77:{one}", f"acs:kms:x:1000:{one}")
    assert found("sts:AssumeRole", "acs:ram::1:role/reader", "acs:ram::1:role/readers")


def test_the_callers_own_policies_are_told_of_first() -> None:
    role = Role(account_uid=OWNER, name="role", role_id="1", trust_policy=document(TRUSTS_OSS))
    alice = a_user(ram(allow("sts:AssumeRole", f"acs:ram::77:role/{role.name}")))
    verdict = judge_assume(alice, role, trust(TRUSTS_OSS), {}, sets_source=False)
    assert verdict.near is not None
    assert verdict.near.why.endswith("(another account)")


REMEDIES: list[tuple[Json, str]] = [
    (allow("oss:ReplicatePut", SOURCE), "Add it."),
    (
        allow(GET, SOURCE, Condition=AT_HOME),
        "Remove or change the Condition of Allow statement 0 of RAM policy p. Otherwise: Add it.",
    ),
    (
        allow(GET, "acs:oss:*:77:src/*"),
        "Correct the Resource of Allow statement 0 of RAM policy p. Otherwise: Add it.",
    ),
]


@pytest.mark.parametrize(("statement", "remedy"), REMEDIES)
def test_remedies(statement: Json, remedy: str) -> None:
    near = near_miss([ram(statement)], PolicyRequest(GET, "acs:oss:x:1000:src/k"), "replication")
    assert near is not None
    assert near.remedy("Add it.") == remedy
    assert near.describe() == f"Allow statement 0 of RAM policy p would, but {near.why}"
