"""Who has to allow what: R54 to R59."""

from __future__ import annotations

import json
from datetime import datetime

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import (
    DELETE,
    GET,
    LIST,
    PUT,
    SHANGHAI,
    Lab,
    allow,
    bucket_policy,
    content,
    fresh,
)
from tests.support.process import UID_A, EmulatorProcess

pytestmark = pytest.mark.conformance

ALL_FOUR = (LIST, GET, PUT, DELETE)
# Another service, so that OSS cannot take the role on.
TRUSTS_ANOTHER = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": ["ecs.aliyuncs.com"]},
        }
    ],
}


def arrived(lab: Lab, destination: oss2.Bucket, key: str = "k") -> bool:
    """Whether the object is at the destination once everything is quiet."""
    lab.settle()
    return content(destination, key) is not None


def across_accounts(lab: Lab, role: str) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A rule from account A to account B; the role may read the source."""
    source, destination = lab.pair(account="b", region=SHANGHAI)
    lab.put_role(role, [allow([LIST, GET], source)])
    lab.add_rule(source, destination, sync_role_name=role)
    return source, destination


def pair_with_denial(lab: Lab, denied: str) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A rule inside account A; the policy of one bucket denies replication to everybody."""
    source, destination = lab.pair()
    role = lab.role([allow([LIST, GET], source), allow(ALL_FOUR, destination)])
    bucket = source if denied == "source" else destination
    resources = [f"acs:oss:*:{UID_A}:{bucket.bucket_name}{rest}" for rest in ("", "/*")]
    statement = {
        "Effect": "Deny",
        "Action": ["oss:Replicate*"],
        "Principal": ["*"],
        "Resource": resources,
    }
    bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))
    lab.add_rule(source, destination, sync_role_name=role)
    source.put_object("k", b"x")
    return source, destination


@pytest.mark.parametrize("denied", ["source", "destination"])
def test_r54_bucket_policies_do_not_count_inside_one_account(lab: Lab, denied: str) -> None:
    _, destination = pair_with_denial(lab, denied)
    assert arrived(lab, destination)


def test_r54_older_reading_of_bucket_policies_can_be_set() -> None:
    settings = ("repl.same_account_bucket_policy=deny-wins",)
    with EmulatorProcess(settings=settings) as server:
        lab = Lab(server)
        for denied in ("source", "destination"):
            source, destination = pair_with_denial(lab, denied)
            assert not arrived(lab, destination)
            note = server.explain(source.bucket_name, "k")["rules"][0]
            assert note["refusal"]["reason"] == f"{denied}-read-denied"
            bucket = source if denied == "source" else destination
            assert bucket.bucket_name in note["refusal"]["statement"]
        lab.clear()


@covers("PutBucketPolicy", "PutObject")
@pytest.mark.parametrize("lower", [True, False], ids=["lower-case", "as-written"])
def test_r55_bucket_policy_names_the_role_in_lower_case(lab: Lab, lower: bool) -> None:
    role = fresh("AliyunOssDrsRole")
    source, destination = across_accounts(lab, role)
    spelled = role.lower() if lower else role
    destination.put_bucket_policy(bucket_policy(destination, ALL_FOUR, spelled))
    source.put_object("k", b"x")
    assert arrived(lab, destination) is lower


@covers("PutObject", "PutBucketPolicy", "GetBucketReplication")
def test_r56_bucket_policy_given_later_is_enough(lab: Lab) -> None:
    role = fresh("Role")
    source, destination = across_accounts(lab, role)
    source.put_object("k", b"x")
    assert not arrived(lab, destination)
    rules = source.get_bucket_replication().rule_list
    assert [rule.status for rule in rules] == ["doing"]
    destination.put_bucket_policy(bucket_policy(destination, ALL_FOUR, role.lower()))
    assert arrived(lab, destination)
    again = source.get_bucket_replication().rule_list
    assert [rule.rule_id for rule in again] == [rules[0].rule_id]


@covers("PutBucketReplication", "PutObject", "DeleteObject")
@pytest.mark.parametrize("versioned", [False, True], ids=["U/U", "V/V"])
def test_r57_copies_without_deletions_need_no_right_to_delete(lab: Lab, versioned: bool) -> None:
    source, destination = lab.pair(versioned=versioned)
    role = lab.role([allow([LIST, GET], source), allow([LIST, GET, PUT], destination)])
    lab.add_rule(source, destination, sync_role_name=role, action_list=["PUT"])
    source.put_object("k", b"x")
    assert arrived(lab, destination)
    if versioned:
        source.delete_object("k")  # a delete marker is written, not deleted
        assert not arrived(lab, destination)


@covers(
    "PutBucketReplication", "PutObject", "DeleteObject", "GetObject", "GetBucketReplicationProgress"
)
def test_r58_deletion_without_the_right_waits_and_holds_the_watermark(lab: Lab) -> None:
    source, destination = lab.pair()
    role = lab.role([allow([LIST, GET], source), allow([LIST, GET, PUT], destination)])
    rule_id = lab.add_rule(source, destination, sync_role_name=role, action_list=["ALL"])
    source.put_object("k", b"x")
    assert arrived(lab, destination)
    lab.server.advance(2)
    deleted_at = datetime.fromisoformat(lab.server.control("GET", "clock")["now"])
    source.delete_object("k")
    lab.server.advance(5)
    counts = lab.settle()
    assert content(destination, "k") == b"x"
    assert counts["failed"] == 1
    note = lab.server.explain(source.bucket_name, "k")["rules"][0]
    assert [task["state"] for task in note["tasks"]] == ["failed"]
    assert note["standing"] == "failed"
    assert note["refusal"]["reason"] == "destination-delete-denied"
    progress = source.get_bucket_replication_progress(rule_id).progress
    assert progress.status == "doing"
    assert datetime.fromisoformat(progress.new_object_progress) <= deleted_at


@covers("PutBucketReplication")
def test_r59_role_that_does_not_trust_oss(lab: Lab) -> None:
    source, destination = lab.pair()
    role = lab.role([allow(["oss:*"], "*")], trust=TRUSTS_ANOTHER)
    for name in (role, fresh("missing-role")):
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            lab.add_rule(source, destination, sync_role_name=name)
        assert (caught.value.status, caught.value.code) == (403, "NoPermission")
    lab.put_role(role, [allow(["oss:*"], "*")])
    lab.add_rule(source, destination, sync_role_name=role)
