"""What a new rule may say, and what is made of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import oss2

from tests.behaviours.looking import add_refused, refused, statuses
from tests.behaviours.registry import behaviour, variation
from tests.support.covers import covers
from tests.support.lab import (
    HANGZHOU,
    Lab,
    fresh,
    get_text,
    rule_xml,
    set_versioning,
    tag_filter_xml,
)

MIXED = "repl.allow_mixed_versioning=true"
UNSUITABLE = (400, "InvalidBucketStatus", "0031-00000053")


@behaviour("R15")
@covers("PutBucketReplication", "GetBucketReplication")
def r15_ten_prefixes_and_no_more(lab: Lab) -> None:
    source, destination = lab.pair()
    prefixes = [f"p{number:02}/" for number in range(11)]
    error = refused(lambda: lab.add_rule(source, destination, prefix_list=prefixes))
    assert (error.status, error.code) == (400, "TooManyPrefixes")
    lab.add_rule(source, destination, prefix_list=prefixes[:10])
    assert source.get_bucket_replication().rule_list[0].prefix_list == prefixes[:10]


@variation("R15", "repl.max_prefixes")
def r15_as_many_prefixes_as_set(lab: Lab) -> None:
    source, destination = lab.pair()
    prefixes = ["a/", "b/", "c/"]
    error = refused(lambda: lab.add_rule(source, destination, prefix_list=prefixes))
    assert (error.status, error.code) == (400, "TooManyPrefixes")
    lab.add_rule(source, destination, prefix_list=prefixes[:2])


def _element_refused(lab: Lab, inner: str, ec: str) -> None:
    source, destination = lab.pair()
    error = add_refused(source, rule_xml(destination, HANGZHOU, inner))
    assert (error.status, error.ec) == (400, ec)
    assert refused(source.get_bucket_replication).code == "NoSuchReplicationConfiguration"


@behaviour("R16")
@covers("PutBucketReplication", "GetBucketReplication")
def r16_overlapping_prefixes(lab: Lab) -> None:
    overlapping = "<PrefixSet><Prefix>source</Prefix><Prefix>source/video</Prefix></PrefixSet>"
    _element_refused(lab, overlapping, "0031-00000019")


@behaviour("R17")
@covers("PutBucketReplication", "GetBucketReplication")
def r17_actions(lab: Lab) -> None:
    for action in ("SET", "PUT,SET"):
        _element_refused(lab, f"<Action>{action}</Action>", "0031-00000023")
    for actions in (["PUT"], ["PUT", "DELETE"], ["PUT", "DELETE", "ABORT"]):
        source, destination = lab.pair()
        lab.add_rule(source, destination, action_list=actions)
        assert source.get_bucket_replication().rule_list[0].action_list == actions


@behaviour("R18")
@covers("PutBucketReplication", "GetBucketReplication")
def r18_history_is_enabled_or_disabled(lab: Lab) -> None:
    history = "<HistoricalObjectReplication>open</HistoricalObjectReplication>"
    _element_refused(lab, history, "0031-00000011")


def _pair_of(lab: Lab, source_state: str, destination_state: str) -> list[oss2.Bucket]:
    pair = list(lab.pair())
    for bucket, state in zip(pair, (source_state, destination_state), strict=True):
        if state:
            set_versioning(bucket, "Enabled")
            set_versioning(bucket, state)
    return pair


ONE_SIDE_ONLY = [("Enabled", ""), ("", "Enabled")]
SUSPENDED = [
    ("Suspended", "Enabled"),
    ("Enabled", "Suspended"),
    ("Suspended", "Suspended"),
    ("Suspended", ""),
]


@behaviour("R19")
@covers("PutBucketVersioning", "PutBucketReplication")
def r19_versioning_on_one_side_only(lab: Lab) -> None:
    for states in ONE_SIDE_ONLY:
        pair = _pair_of(lab, *states)
        error = refused(partial(lab.add_rule, *pair))
        assert (error.status, error.code, error.ec) == UNSUITABLE, states


@behaviour("R20")
@covers("PutBucketVersioning", "PutBucketReplication")
def r20_suspended_versioning(lab: Lab) -> None:
    for states in SUSPENDED:
        pair = _pair_of(lab, *states)
        error = refused(partial(lab.add_rule, *pair))
        assert (error.status, error.code, error.ec) == UNSUITABLE, states


@variation("R19", "repl.allow_mixed_versioning", MIXED)
def r19_unequal_states_can_be_allowed(lab: Lab) -> None:
    for states in ONE_SIDE_ONLY:
        lab.add_rule(*_pair_of(lab, *states))


@variation("R20", "repl.allow_mixed_versioning", MIXED)
def r20_suspended_states_can_be_allowed(lab: Lab) -> None:
    for states in SUSPENDED:
        lab.add_rule(*_pair_of(lab, *states))


@behaviour("R21")
@covers(
    "PutBucketReplication",
    "DeleteBucketReplication",
    "PutBucketVersioning",
    "GetBucketReplication",
    "GetBucketVersioning",
)
def r21_versioning_is_locked_until_the_rule_is_gone(lab: Lab) -> None:
    for role in ("source", "destination"):
        for versioned, status in ((False, "Enabled"), (True, "Suspended")):
            _locked_until_gone(lab, role, versioned=versioned, status=status)


def _locked_until_gone(lab: Lab, role: str, *, versioned: bool, status: str) -> None:
    source, destination = lab.pair(versioned=versioned)
    bucket = source if role == "source" else destination
    rule_id = lab.add_rule(source, destination)
    error = refused(lambda: set_versioning(bucket, status))
    assert (error.status, error.code) == (409, "InvalidBucketStatus")
    assert rule_id in error.message
    lab.settle()
    assert refused(lambda: set_versioning(bucket, status)).status == 409
    source.delete_bucket_replication(rule_id)
    assert statuses(source) == {rule_id: "closing"}
    assert refused(lambda: set_versioning(bucket, status)).status == 409
    lab.settle()
    set_versioning(bucket, status)
    assert bucket.get_bucket_versioning().status == status


@variation("R21", "repl.allow_mixed_versioning", MIXED)
def r21_versioning_is_free_where_states_may_differ(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination)
    for bucket in (source, destination):
        set_versioning(bucket, "Enabled")


@behaviour("R26")
@covers("PutBucketReplication", "GetBucketReplication")
def r26_a_bucket_is_part_of_100_rules_at_most(lab: Lab) -> None:
    _at_most(lab, 100)


@variation("R26", "repl.max_rules")
def r26_as_many_rules_as_set(lab: Lab) -> None:
    _at_most(lab, 3)


def _at_most(lab: Lab, limit: int) -> None:
    for side, code in (
        ("source", "TooManyOutgoingReplication"),
        ("destination", "TooManyIncomingReplication"),
    ):
        one = lab.create("hub")
        for number in range(limit + 1):
            other = lab.create("spoke")
            ends = (one, other) if side == "source" else (other, one)
            add = partial(lab.add_rule, *ends, is_enable_historical_object_replication=False)
            if number < limit:
                add()
                continue
            error = refused(add)
            assert (error.status, error.code) == (400, code)


@behaviour("R31")
@covers("PutBucketReplication")
def r31_tag_filter_and_deletions_exclude_each_other(lab: Lab) -> None:
    for action in ("", "<Action>ALL</Action>", "<Action>PUT,DELETE</Action>"):
        source, destination = lab.pair()
        inner = action + tag_filter_xml("AND", {"k": "v"})
        error = add_refused(source, rule_xml(destination, HANGZHOU, inner))
        assert (error.status, error.code) == (400, "InvalidArgument"), action


ROLE = "<SyncRole>AliyunOSSRole</SyncRole>"
TAGGED = ROLE + "<Action>PUT</Action>" + tag_filter_xml("AND", {"k": "v"})


@variation("R31", "repl.tags_require_versioning")
def r31_tag_filters_can_be_kept_to_versioned_buckets(lab: Lab) -> None:
    source, destination = lab.pair()
    error = add_refused(source, rule_xml(destination, HANGZHOU, TAGGED))
    assert (error.status, error.code) == (400, "InvalidBucketStatus")
    source, destination = lab.pair(versioned=True)
    lab.add_xml(source, rule_xml(destination, HANGZHOU, TAGGED))


@variation("R31", "repl.tag_filter_blocked_regions")
def r31_regions_can_be_without_tag_filters(lab: Lab) -> None:
    region = "cn-zhangjiakou"
    source, destination = (
        lab.create(label, region=region, versioned=True) for label in ("source", "target")
    )
    error = add_refused(source, rule_xml(destination, region, TAGGED))
    assert (error.status, error.code) == (400, "InvalidArgument")


def kms_fields(status: str) -> dict[str, Any]:
    """The KMS fields of a rule as oss2 names them."""
    return {"sse_kms_encrypted_objects_status": status, "replica_kms_keyid": "a-key"}


@behaviour("R51")
@covers("PutBucketReplication", "GetBucketReplication")
def r51_kms_fields_without_a_role_are_dropped(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, sync_role_name=None, **kms_fields("Enabled"))
    text = get_text(source, replication="")
    assert "SourceSelectionCriteria" not in text
    assert "EncryptionConfiguration" not in text


@behaviour("R52")
@covers("PutBucketReplication", "GetBucketReplication")
def r52_the_key_is_kept_only_while_kms_objects_are_copied(lab: Lab) -> None:
    for status, key in (("Disabled", None), ("Enabled", "a-key")):
        source, destination = lab.pair()
        lab.add_rule(source, destination, **kms_fields(status))
        rule = source.get_bucket_replication().rule_list[0]
        assert rule.sse_kms_encrypted_objects_status == status
        assert rule.replica_kms_keyid == key
        assert rule.sync_role_name == "AliyunOSSRole"


@variation("R52", "repl.get_syncrole_only_for_kms")
def r52_the_role_can_be_shown_for_kms_rules_alone(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, rule_id=fresh("rule"))
    assert source.get_bucket_replication().rule_list[0].sync_role_name is None
    source, destination = lab.pair()
    lab.add_rule(source, destination, **kms_fields("Disabled"))
    assert source.get_bucket_replication().rule_list[0].sync_role_name == "AliyunOSSRole"
