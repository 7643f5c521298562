"""The documentation's replication set-ups, made with the RAM clients on the emulator's own port.

The server knows two accounts and their keys and nothing else; then one thing at a time is taken
away with the client its owner would use, and given back. Numbers are those of the behaviours.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import DELETE, GET, LIST, PUT, Lab, allow, content, fresh
from tests.support.process import UID_A, EmulatorProcess
from tests.support.ram_setups import (
    ACCOUNTS_ONLY,
    AT_DESTINATION,
    FAMILIES,
    KEY,
    RULE_CLIENTS,
    Kind,
    Lack,
    Part,
    RamSetup,
    Services,
    lacks_of,
    right_of,
    rows_of,
    start_accounts,
)
from tests.support.rpc import Keys

pytestmark = pytest.mark.conformance

WHOLE = list(itertools.product(Kind, FAMILIES, RULE_CLIENTS))
LACKING = list(rows_of((kind, lack) for kind in Kind for lack in lacks_of(kind)))


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """Two accounts and their keys, in memory, on a virtual clock."""
    with start_accounts() as process:
        process.load_world(json.dumps(ACCOUNTS_ONLY))
        yield process
        assert process.errors() == ""  # nothing failed behind an answer


@pytest.fixture(scope="module")
def services(server: EmulatorProcess) -> Iterator[Services]:
    """The clients of RAM and STS."""
    made = Services(server)
    yield made
    made.close()


def built(lab: Lab, services: Services, kind: Kind, family: str = "core") -> RamSetup:
    """A whole set-up, but for the rule."""
    setup = RamSetup(lab, services.client(family), kind)
    setup.build()
    return setup


def check_well(setup: RamSetup) -> None:
    """Nothing is missing and nothing is left to do."""
    note = setup.note()
    assert (note["standing"], note["refusal"], note["missing"]) == ("completed", None, [])
    assert note["tasks"] == []


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject", "DeleteObject", "GetObject")
@pytest.mark.parametrize(
    ("kind", "family", "client"), WHOLE, ids=[f"{k.value} {f} {c}" for k, f, c in WHOLE]
)
def test_whole_setup(lab: Lab, services: Services, kind: Kind, family: str, client: str) -> None:
    setup = built(lab, services, kind, family)
    setup.source.put_object("history", b"old")
    setup.add_rule(client)
    lab.settle()
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert content(setup.destination, "history") == b"old"
    assert content(setup.destination, KEY) == b"new"
    check_well(setup)
    setup.source.delete_object(KEY)
    lab.settle()
    assert not setup.is_there()
    entries = setup.audited(0)
    assert entries
    assert all(each["decision"] == "Allow" for each in entries)
    asked = {right_of(each) for each in entries if each["key"] in ("", KEY)}
    sides = [("source", a) for a in (LIST, GET)] + [("destination", a) for a in AT_DESTINATION]
    assert asked == {(action, setup.resource(side, action)) for side, action in sides}


def remedy_of(setup: RamSetup, lack: Lack) -> str:
    """What the cure has to name besides the right."""
    match lack.part:
        case Part.BUCKET_ACTION:
            return f"assumed-role/{setup.role.lower()}/*"
        case Part.CASE:
            return "in lower case"
        case Part.TRUST:
            return "oss.aliyuncs.com"
        case _:
            return setup.role


def check_named(setup: RamSetup, lack: Lack, after_seq: int) -> None:
    """``explain`` and the audit log name what was taken, and nothing else."""
    note = setup.note()
    missing = setup.missing(lack)
    named = [(each["action"], each["resource"]) for each in note["missing"]]
    assert sorted(named) == sorted(missing)
    refusal = note["refusal"]
    stopped_by = (refusal["action"], refusal["resource"])
    assert stopped_by in missing
    assert remedy_of(setup, lack) in refusal["remedy"]
    denied = [(each["action"], each["resource"]) for each in note["checks"] if not each["allowed"]]
    assert sorted(denied) == sorted(missing)
    audited = setup.audited(after_seq, decision="deny")
    assert {right_of(each) for each in audited} == {stopped_by}
    assert all(setup.role in each["principal"] for each in audited)


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject", "DeleteObject", "GetObject")
@pytest.mark.parametrize(
    ("kind", "lack", "family", "client"),
    LACKING,
    ids=[f"{kind.value}: {lack}, {family} {client}" for kind, lack, family, client in LACKING],
)
def test_one_thing_taken(
    lab: Lab, services: Services, kind: Kind, lack: Lack, family: str, client: str
) -> None:
    setup = built(lab, services, kind, family)
    deletes, lists = lack.action == DELETE, lack.action == LIST
    if deletes or lists:
        setup.source.put_object(KEY, b"history")
    if lists:  # a right to read history has to be gone before the rule
        setup.take(lack)
    after_seq = setup.audit_seq()
    rule_id = setup.add_rule(client)
    lab.settle()
    if not lists:
        assert setup.is_there() is deletes
        setup.take(lack)
        if deletes:
            setup.source.delete_object(KEY)
        else:
            setup.source.put_object(KEY, b"new")
        lab.settle()
    assert setup.is_there() is deletes
    check_named(setup, lack, after_seq)

    after_seq = setup.audit_seq()
    setup.give(lack)
    lab.settle()
    assert setup.is_there() is not deletes
    check_well(setup)
    assert setup.audited(after_seq, decision="deny") == []
    assert setup.audited(after_seq, decision="allow") != []
    rules = setup.source.get_bucket_replication().rule_list
    assert [rule.rule_id for rule in rules] == [rule_id]


@covers("PutBucketReplication", "PutObject")
@pytest.mark.parametrize("family", FAMILIES)
def test_b63_objects_fail_without_the_right_to_put(
    lab: Lab, services: Services, family: str
) -> None:
    setup = built(lab, services, Kind.SAME_CUSTOM, family)
    setup.add_rule(action="PUT")
    lab.settle()
    lack = Lack(part=Part.ROLE_ACTION, side="destination", action=PUT)
    setup.take(lack)
    setup.source.put_object(KEY, b"failed")
    lab.settle()
    assert not setup.is_there()
    assert setup.note()["standing"] == "failed"
    setup.give(lack)
    setup.source.put_object("later", b"later")
    lab.settle()
    assert content(setup.destination, "later") == b"later"
    assert content(setup.destination, KEY) == b"failed"


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject")
def test_b64_a_bucket_policy_of_the_same_account_does_not_stop_it(
    lab: Lab, services: Services
) -> None:
    setup = built(lab, services, Kind.SAME_CUSTOM)
    name = setup.destination.bucket_name
    statement = {
        "Effect": "Deny",
        "Action": ["oss:*"],
        "Principal": [f"arn:sts::{UID_A}:assumed-role/{setup.role.lower()}/*"],
        "Resource": [f"acs:oss:*:{UID_A}:{name}", f"acs:oss:*:{UID_A}:{name}/*"],
    }
    setup.destination.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))
    setup.add_rule()
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert setup.is_there()
    check_well(setup)


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject")
def test_b65_a_role_policy_does_not_reach_the_other_account(lab: Lab, services: Services) -> None:
    setup = built(lab, services, Kind.CROSS_CUSTOM)
    foreign = {"Version": "1", "Statement": [allow(AT_DESTINATION, setup.destination)]}
    name = fresh("foreign")
    setup.ram("CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(foreign))
    setup.ram("AttachPolicyToRole", RoleName=setup.role, PolicyType="Custom", PolicyName=name)
    setup.destination.delete_bucket_policy()
    setup.add_rule()
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert not setup.is_there()
    note = setup.note()
    wanted = [(action, setup.resource("destination", action)) for action in AT_DESTINATION]
    missing = [(each["action"], each["resource"]) for each in note["missing"]]
    assert sorted(missing) == sorted(wanted)
    assert "bucket policy" in note["refusal"]["remedy"]
    setup.write_bucket_policy()
    lab.settle()
    assert setup.is_there()


@covers("PutBucketReplication", "DeleteObject")
@pytest.mark.parametrize(
    ("action", "granted", "gone"),
    [("PUT", True, False), ("ALL", False, False), ("ALL", True, True)],
    ids=["strategy without deletion", "right missing", "both"],
)
def test_b66_deletions_take_the_strategy_and_the_right(
    lab: Lab, services: Services, action: str, granted: bool, gone: bool
) -> None:
    setup = built(lab, services, Kind.SAME_CUSTOM)
    if not granted:
        setup.take(Lack(part=Part.ROLE_ACTION, side="destination", action=DELETE))
    setup.source.put_object(KEY, b"x")
    setup.add_rule(action=action)
    lab.settle()
    assert setup.is_there()
    setup.source.delete_object(KEY)
    lab.settle()
    assert setup.is_there() is not gone


@covers("PutBucketReplication")
@pytest.mark.parametrize("family", FAMILIES)
def test_b67_who_names_a_sync_role_needs_the_right_to_replicate(
    lab: Lab, services: Services, family: str
) -> None:
    setup = built(lab, services, Kind.SAME_CUSTOM, family)
    name, policy = fresh("operator"), fresh("may-make-rules")
    setup.ram("CreateUser", UserName=name)
    made = setup.ram("CreateAccessKey", UserName=name)["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["AccessKeySecret"])
    assert keys.key_id.startswith("LTAI")
    actions = ["oss:PutBucketReplication"]
    document = {"Version": "1", "Statement": [allow(actions, setup.source)]}
    setup.ram("CreatePolicy", PolicyName=policy, PolicyDocument=json.dumps(document))
    setup.ram("AttachPolicyToUser", UserName=name, PolicyType="Custom", PolicyName=policy)
    http = oss2.Session()
    bucket = oss2.Bucket(
        oss2.Auth(keys.key_id, keys.secret),
        lab.server.endpoint,
        setup.source.bucket_name,
        session=http,
    )
    rule = lab.rule_of(setup.destination, sync_role_name=setup.role)
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket.put_bucket_replication(rule)
    denied: Any = lab.server.control("GET", f"audit?principal={name}&decision=deny")["entries"]
    assert [each["action"] for each in denied] == [GET]
    actions.append(GET)
    document = {"Version": "1", "Statement": [allow(actions, setup.source)]}
    setup.ram(
        "CreatePolicyVersion",
        PolicyName=policy,
        PolicyDocument=json.dumps(document),
        SetAsDefault=True,
    )
    result = bucket.put_bucket_replication(rule)
    http.session.close()
    lab._made(setup.source, str(result.headers["x-oss-replication-rule-id"]))


@covers("PutBucketReplication")
@pytest.mark.parametrize("client", RULE_CLIENTS)
def test_b68_a_role_that_does_not_trust_oss_is_no_sync_role(
    lab: Lab, services: Services, client: str
) -> None:
    setup = built(lab, services, Kind.SAME_CUSTOM)
    for service in ("ecs.aliyuncs.com", "oss.aliyuncs.com.example.com"):
        setup.trust(service)
        with pytest.raises(Exception, match="NoPermission"):
            setup.add_rule(client)
    setup.trust("oss.aliyuncs.com")
    setup.add_rule(client)
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert setup.is_there()
