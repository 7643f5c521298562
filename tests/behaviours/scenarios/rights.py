"""Who has to allow what."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial

import oss2

from tests.behaviours.looking import FAILED, note_of, now, refused, statuses
from tests.behaviours.registry import behaviour, variation
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
from tests.support.process import UID_A

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


@behaviour("R54")
@covers("PutBucketPolicy", "PutBucketReplication", "PutObject")
def r54_bucket_policies_do_not_count_inside_one_account(lab: Lab) -> None:
    for denied in ("source", "destination"):
        _, destination = pair_with_denial(lab, denied)
        assert arrived(lab, destination), denied


@variation("R54", "repl.same_account_bucket_policy")
def r54_older_reading_of_bucket_policies(lab: Lab) -> None:
    for denied in ("source", "destination"):
        source, destination = pair_with_denial(lab, denied)
        lab.settle()
        lab.server.advance(31)  # past the lag
        assert not arrived(lab, destination)
        note = note_of(lab, source, "k")
        assert note["refusal"]["reason"] == f"{denied}-read-denied"
        bucket = source if denied == "source" else destination
        assert bucket.bucket_name in note["refusal"]["statement"]


@behaviour("R55")
@covers("PutBucketPolicy", "PutObject")
def r55_bucket_policy_names_the_role_in_lower_case(lab: Lab) -> None:
    for is_lower in (True, False):
        role = fresh("AliyunOssDrsRole")
        source, destination = across_accounts(lab, role)
        spelled = role.lower() if is_lower else role
        destination.put_bucket_policy(bucket_policy(destination, ALL_FOUR, spelled))
        source.put_object("k", b"x")
        assert arrived(lab, destination) is is_lower
        if not is_lower:
            note = note_of(lab, source, "k")
            assert (note["standing"], note["refusal"]["reason"]) == (
                FAILED,
                "destination-read-denied",
            )
            assert "in lower case" in note["refusal"]["remedy"]


@behaviour("R56")
@covers("PutObject", "PutBucketPolicy", "GetBucketReplication")
def r56_bucket_policy_given_later_is_enough(lab: Lab) -> None:
    role = fresh("Role")
    source, destination = across_accounts(lab, role)
    source.put_object("k", b"x")
    assert not arrived(lab, destination)
    note = note_of(lab, source, "k")
    assert (note["standing"], note["refusal"]["reason"]) == (FAILED, "destination-read-denied")
    before = statuses(source)
    assert list(before.values()) == ["doing"]
    destination.put_bucket_policy(bucket_policy(destination, ALL_FOUR, role.lower()))
    assert arrived(lab, destination)
    assert statuses(source) == before


@behaviour("R57")
@covers("PutBucketReplication", "PutObject", "DeleteObject")
def r57_copies_without_deletions_need_no_right_to_delete(lab: Lab) -> None:
    for versioned in (False, True):
        source, destination = lab.pair(versioned=versioned)
        role = lab.role([allow([LIST, GET], source), allow([LIST, GET, PUT], destination)])
        lab.add_rule(source, destination, sync_role_name=role, action_list=["PUT"])
        source.put_object("k", b"x")
        assert arrived(lab, destination)
        if versioned:
            source.delete_object("k")  # a delete marker is written, not deleted
            assert not arrived(lab, destination)


@behaviour("R58")
@covers(
    "PutBucketReplication", "PutObject", "DeleteObject", "GetObject", "GetBucketReplicationProgress"
)
def r58_deletion_without_the_right_waits_and_holds_the_watermark(lab: Lab) -> None:
    source, destination = lab.pair()
    role = lab.role([allow([LIST, GET], source), allow([LIST, GET, PUT], destination)])
    rule_id = lab.add_rule(source, destination, sync_role_name=role, action_list=["ALL"])
    source.put_object("k", b"x")
    assert arrived(lab, destination)
    lab.server.advance(2)
    deleted_at = now(lab)
    source.delete_object("k")
    lab.server.advance(5)
    counts = lab.settle()
    assert content(destination, "k") == b"x"
    assert counts["failed"] == 1
    note = note_of(lab, source, "k")
    assert [task["state"] for task in note["tasks"]] == ["failed"]
    assert note["standing"] == FAILED
    assert note["refusal"]["reason"] == "destination-delete-denied"
    progress = source.get_bucket_replication_progress(rule_id).progress
    assert progress.status == "doing"
    assert datetime.fromisoformat(progress.new_object_progress) <= deleted_at


@behaviour("R59")
@covers("PutBucketReplication")
def r59_role_that_does_not_trust_oss(lab: Lab) -> None:
    source, destination = lab.pair()
    role = lab.role([allow(["oss:*"], "*")], trust=TRUSTS_ANOTHER)
    for name in (role, fresh("missing-role")):
        wanted = lab.rule_of(destination, sync_role_name=name)
        error = refused(partial(source.put_bucket_replication, wanted))
        assert (error.status, error.code) == (403, "NoPermission")
    lab.put_role(role, [allow(["oss:*"], "*")])
    lab.add_rule(source, destination, sync_role_name=role)
