"""A statement that misses by one part is named by ``explain``, the audit log and the simulator.

Across accounts, everything made by clients: one part of one policy is wrong, nothing arrives, and
the answer says which statement of which policy, which part of it, what it has and what was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.covers import covers
from tests.support.lab import DELETE, GET, LIST, PUT, Lab, content
from tests.support.process import UID_A, UID_B, EmulatorProcess
from tests.support.ram_setups import (
    ACCOUNTS_ONLY,
    KEY,
    Kind,
    RamSetup,
    Services,
    start_accounts,
)
from tests.support.rpc import Keys, TeaClient

pytestmark = pytest.mark.conformance

HOME = {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}
PLAIN = {"Bool": {"acs:SecureTransport": "false"}}
OUTSIDE = {"StringEquals": {"sts:ExternalId": "outside"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How to spoil a part, and the words of the message and of the cure; both may name the
    ``{role}``, its policy ``{policy}`` and the two buckets ``{source}`` and ``{destination}``."""

    name: str
    spoil: Callable[[RamSetup], None]
    action: str
    said: str
    cure: str


def role_policy(setup: RamSetup, condition: dict[str, Any]) -> None:
    """The role's policy with a condition on its one statement."""
    document = json.loads(setup.document())
    document["Statement"][0]["Condition"] = condition
    setup.ram(
        "CreatePolicyVersion",
        PolicyName=setup.policy,
        PolicyDocument=json.dumps(document),
        SetAsDefault=True,
    )


def bucket_policy(setup: RamSetup, **elements: Any) -> None:
    """The destination's policy with other elements in its one statement."""
    name = setup.destination.bucket_name
    statement = {
        "Effect": "Allow",
        "Action": [LIST, GET, PUT, DELETE],
        "Principal": [f"arn:sts::{UID_A}:assumed-role/{setup.role.lower()}/*"],
        "Resource": [f"acs:oss:*:{UID_B}:{name}", f"acs:oss:*:{UID_B}:{name}/*"],
        **elements,
    }
    text = json.dumps({"Version": "1", "Statement": [statement]})
    setup.destination.put_bucket_policy(text)


def resources_of(setup: RamSetup, uid: str) -> list[str]:
    """The destination as if it were an account's."""
    name = setup.destination.bucket_name
    return [f"acs:oss:*:{uid}:{name}", f"acs:oss:*:{uid}:{name}/*"]


def trust_policy(setup: RamSetup, **elements: Any) -> None:
    """The role's trust policy with other elements in its one statement."""
    principal = {"Service": ["oss.aliyuncs.com"]}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **elements}
    document = json.dumps({"Version": "1", "Statement": [statement]})
    setup.ram("UpdateRole", RoleName=setup.role, NewAssumeRolePolicyDocument=document)


ROLES, BUCKETS, TRUSTS = (
    "Allow statement 0 of RAM policy {policy} would, but its ",
    "Allow statement 0 of bucket policy {destination} would, but its ",
    "Allow statement 0 of trust policy {role} would, but its ",
)
ROWS = [
    Row(
        name="role policy, condition on the address",
        spoil=lambda setup: role_policy(setup, HOME),
        action=GET,
        said=ROLES + "condition IpAddress acs:SourceIp [10.0.0.0/8] does not hold: replication "
        "has no acs:SourceIp",
        cure="Remove or change the Condition of Allow statement 0 of RAM policy {policy}.",
    ),
    Row(
        name="role policy, condition on the connection",
        spoil=lambda setup: role_policy(setup, PLAIN),
        action=GET,
        said=ROLES + "condition Bool acs:SecureTransport [false] does not hold: replication has "
        "true",
        cure="Remove or change the Condition of Allow statement 0 of RAM policy {policy}.",
    ),
    Row(
        name="bucket policy, condition",
        spoil=lambda setup: bucket_policy(setup, Condition=HOME),
        action=GET,
        said=BUCKETS + "condition IpAddress acs:SourceIp",
        cure="Remove or change the Condition of Allow statement 0 of bucket policy {destination}.",
    ),
    Row(
        name="bucket policy, principal of another account",
        spoil=lambda setup: bucket_policy(
            setup, Principal=[f"arn:sts::{UID_B}:assumed-role/{setup.role.lower()}/*"]
        ),
        action=GET,
        said=BUCKETS + f"Principal has arn:sts::{UID_B}:assumed-role/",
        cure="Correct the Principal of Allow statement 0 of bucket policy {destination}.",
    ),
    Row(
        name="bucket policy, principal in mixed case",
        spoil=lambda setup: bucket_policy(
            setup, Principal=[f"arn:sts::{UID_A}:assumed-role/{setup.role}/*"]
        ),
        action=GET,
        said=BUCKETS + f"Principal has arn:sts::{UID_A}:assumed-role/{{role}}/*, asked was",
        cure="Write the role's name in lower case in the bucket policy of {destination}",
    ),
    Row(
        name="trust policy, condition",
        spoil=lambda setup: trust_policy(setup, Condition=OUTSIDE),
        action="sts:AssumeRole",
        said=TRUSTS + "condition StringEquals sts:ExternalId [outside] does not hold: OSS has no "
        "sts:ExternalId",
        cure="Remove or change the Condition of Allow statement 0 of trust policy {role}.",
    ),
    Row(
        name="trust policy, another service",
        spoil=lambda setup: trust_policy(setup, Principal={"Service": ["ecs.aliyuncs.com"]}),
        action="sts:AssumeRole",
        said=TRUSTS + "Principal has ecs.aliyuncs.com, asked was oss.aliyuncs.com",
        cure="Correct the Principal of Allow statement 0 of trust policy {role}.",
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """Two accounts and their keys, in memory, on a virtual clock."""
    with start_accounts() as process:
        process.load_world(json.dumps(ACCOUNTS_ONLY))
        yield process
        assert process.errors() == ""  # nothing failed behind an answer


@pytest.fixture
def setup(server: EmulatorProcess) -> Iterator[RamSetup]:
    """A whole set-up across accounts, with a rule that is at work."""
    services, lab = Services(server), Lab(server)
    made = RamSetup(lab, services.client("tea"), Kind.CROSS_CUSTOM)
    made.build()
    made.add_rule()
    lab.settle()
    yield made
    lab.clear()
    services.close()


def simulated(setup: RamSetup, row: Row) -> dict[str, Any]:
    """The same question, asked of the simulator."""
    of_trust = row.action == "sts:AssumeRole"
    bucket = setup.source if row.name.startswith("role policy") else setup.destination
    question = {
        "principal": "oss.aliyuncs.com" if of_trust else setup.role_arn,
        "action": row.action,
        "resource": setup.role_arn if of_trust else f"{bucket.bucket_name}/{KEY}",
    }
    return dict(setup.lab.server.control("POST", "simulate", question))


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject")
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_what_misses_is_named(setup: RamSetup, row: Row) -> None:
    names = {
        "role": setup.role,
        "policy": setup.policy,
        "source": setup.source.bucket_name,
        "destination": setup.destination.bucket_name,
    }
    said, cure = row.said.format(**names), row.cure.format(**names)
    after_seq = setup.audit_seq()
    row.spoil(setup)
    setup.source.put_object(KEY, b"new")
    setup.lab.settle()
    assert not setup.is_there()

    note = setup.note()
    assert note["refusal"]["action"] == row.action
    for words in (note["message"], note["refusal"]["message"]):
        assert said in words
    assert cure in note["message"]
    assert cure in note["refusal"]["remedy"]
    denied = [check for check in note["checks"] if not check["allowed"]]
    assert all(said in check["refusal"]["message"] for check in denied)
    assert row.action in [check["action"] for check in denied]
    assert len(note["missing"]) == len(denied)
    audited = setup.audited(after_seq, decision="deny")
    assert audited
    assert all(said in each["reason"] for each in audited)
    (task,) = setup.lab.server.control(
        "GET", f"replication/tasks?bucket={setup.source.bucket_name}"
    )["tasks"]
    assert said in task["message"]
    answer = simulated(setup, row)
    assert answer["decision"] == "Deny"
    assert said in answer["message"] or said in answer["reason"]

    setup.write_bucket_policy()
    setup.trust("oss.aliyuncs.com")
    setup.replace_policy()
    setup.lab.settle()
    assert content(setup.destination, KEY) == b"new"
    assert simulated(setup, row)["decision"] == "Allow"


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject")
def test_another_account_in_the_resource(setup: RamSetup) -> None:
    bucket_policy(setup, Resource=resources_of(setup, UID_A))
    setup.source.put_object(KEY, b"new")
    setup.lab.settle()
    assert not setup.is_there()
    note = setup.note()
    name = setup.destination.bucket_name
    assert (
        f"its Resource has acs:oss:*:{UID_A}:{name}/*, asked was acs:oss:oss-cn-shanghai:{UID_B}:"
        f"{name}/{KEY} (another account)"
    ) in note["message"]
    cure = f"Correct the Resource of Allow statement 0 of bucket policy {name}. Otherwise: Add"
    assert cure in note["message"]


@covers("PutBucketReplication", "PutObject")
def test_other_keys_are_told_their_own(setup: RamSetup) -> None:
    """What is settled once for a rule does not hide that objects miss by different parts."""
    document = json.loads(setup.document())
    (statement,) = document["Statement"]
    name = setup.source.bucket_name
    statements = [
        {**statement, "Resource": f"acs:oss:*:*:{name}/a/*", "Condition": HOME},
        {**statement, "Resource": f"acs:oss:*:*:{name}/b/*"},
    ]
    setup.ram(
        "CreatePolicyVersion",
        PolicyName=setup.policy,
        PolicyDocument=json.dumps({"Version": "1", "Statement": statements}),
        SetAsDefault=True,
    )
    for key in ("a/1", "b/1", "c/1"):
        setup.source.put_object(key, b"x")
    setup.lab.settle()

    def said(key: str) -> str:
        (note,) = setup.lab.server.explain(name, key)["rules"]
        return str(note["message"])

    assert "statement 0 " in said("a/1")
    assert "its condition IpAddress" in said("a/1")
    assert content(setup.destination, "b/1") == b"x"
    assert f"statement 1 of RAM policy {setup.policy} would, but its Resource has" in said("c/1")


@covers("PutBucketReplication")
def test_an_assume_role_that_misses_is_in_the_audit_log(
    server: EmulatorProcess, setup: RamSetup
) -> None:
    name = setup.role.lower()
    setup.ram("CreateUser", UserName=name)
    key = setup.ram("CreateAccessKey", UserName=name)["AccessKey"]
    setup.ram(
        "AttachPolicyToUser",
        UserName=name,
        PolicyType="System",
        PolicyName="AliyunSTSAssumeRoleAccess",
    )
    user = {"RAM": [f"acs:ram::{UID_A}:user/{name}"]}
    trust_policy(setup, Principal=user, Condition=OUTSIDE)
    client = TeaClient(server, Keys(key["AccessKeyId"], key["AccessKeySecret"]))
    asked = {"RoleArn": setup.role_arn, "RoleSessionName": "one"}
    with pytest.raises(Exception, match="NoPermission"):
        client("sts", "AssumeRole", **asked)
    client("sts", "AssumeRole", ExternalId="outside", **asked)
    refused, allowed = server.control("GET", f"audit?action=sts:AssumeRole&principal={name}")[
        "entries"
    ]
    assert (refused["decision"], allowed["decision"]) == ("Deny", "Allow")
    assert refused["reason"].endswith(
        f"Allow statement 0 of trust policy {setup.role} would, but its condition StringEquals "
        "sts:ExternalId [outside] does not hold: the call has no sts:ExternalId"
    )
