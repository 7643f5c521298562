"""The replication operations as a client meets them: R1 to R26, R31, R51, R52."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import (
    BEIJING,
    GET,
    HANGZHOU,
    LIST,
    SHANGHAI,
    Lab,
    allow,
    fresh,
    get_text,
    keys_of,
    post,
    rule_xml,
    set_versioning,
    tag_filter_xml,
)

pytestmark = pytest.mark.conformance

NO_BUCKET_EC = "0015-00000101"
UNRELATED_ID = "no-such-rule"


def refused(call: Callable[[], object]) -> oss2.exceptions.ServerError:
    """The error the server answers a call with."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call()
    return caught.value


def add_to(bucket: oss2.Bucket, body: str) -> oss2.exceptions.ServerError:
    """The error that adding a rule from XML is answered with."""
    return refused(lambda: post(bucket, {"replication": "", "comp": "add"}, body))


def statuses(bucket: oss2.Bucket) -> dict[str, str]:
    """Every rule of the bucket with its status."""
    return {rule.rule_id: rule.status for rule in bucket.get_bucket_replication().rule_list}


@covers("GetBucketReplication")
def test_r1_bucket_without_rules(lab: Lab) -> None:
    error = refused(lab.create("plain").get_bucket_replication)
    assert (error.status, error.code) == (404, "NoSuchReplicationConfiguration")
    assert error.message == "The bucket you specified does not have replication configuration"


CALLS: dict[str, Callable[[oss2.Bucket], object]] = {
    "add": lambda bucket: bucket.put_bucket_replication(
        oss2.models.ReplicationRule(
            target_bucket_name="dest-bucket", target_bucket_location="oss-cn-shanghai"
        )
    ),
    "get": lambda bucket: bucket.get_bucket_replication(),
    "progress": lambda bucket: bucket.get_bucket_replication_progress("r"),
    "location": lambda bucket: bucket.get_bucket_replication_location(),
    "delete": lambda bucket: bucket.delete_bucket_replication("r"),
}


@covers(
    "PutBucketReplication",
    "GetBucketReplication",
    "GetBucketReplicationProgress",
    "GetBucketReplicationLocation",
    "DeleteBucketReplication",
)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_r2_missing_source_bucket(lab: Lab, call: Callable[[oss2.Bucket], object]) -> None:
    bucket = lab.client(fresh("missing"))
    error = refused(lambda: call(bucket))
    assert (error.status, error.code, error.ec) == (404, "NoSuchBucket", NO_BUCKET_EC)
    assert error.message == "The specified bucket does not exist."


@covers("PutBucketReplication", "GetBucketReplication")
def test_r3_rule_without_id_gets_one(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    assert str(uuid.UUID(rule_id)) == rule_id
    assert list(statuses(source)) == [rule_id]


@covers("PutBucketReplication", "GetBucketReplication", "GetBucketReplicationProgress")
@pytest.mark.parametrize("rule_id", ["~!@#$%^&*()<>:;\"',./?", "规则 1", "x" * 255])
def test_r4_id_of_any_printable_characters(lab: Lab, rule_id: str) -> None:
    source, destination = lab.pair()
    assert lab.add_rule(source, destination, rule_id=rule_id) or not rule_id.isascii()
    assert list(statuses(source)) == [rule_id]
    assert source.get_bucket_replication_progress(rule_id).progress.rule_id == rule_id


@covers("PutBucketReplication", "GetBucketReplication")
def test_r5_defaults_of_a_new_rule(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_xml(source, rule_xml(destination, HANGZHOU, "<ID>r</ID>"))
    rule = source.get_bucket_replication().rule_list[0]
    assert (rule.rule_id, rule.status, rule.action_list) == ("r", "starting", ["ALL"])
    assert (rule.target_bucket_name, rule.target_bucket_location) == (
        destination.bucket_name,
        "oss-cn-hangzhou",
    )
    assert rule.is_enable_historical_object_replication is True
    text = get_text(source, replication="")
    for tag in ("PrefixSet", "TransferType", "RTC", "SyncRole", "UserTaggings"):
        assert f"<{tag}" not in text


@covers("PutBucketReplication", "DeleteBucketReplication", "GetBucketReplicationProgress")
@pytest.mark.parametrize("status", ["starting", "closing"])
def test_r6_no_progress_before_and_after_doing(lab: Lab, status: str) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    if status == "closing":
        lab.settle()
        source.delete_bucket_replication(rule_id)
    text = get_text(source, replicationProgress="", **{"rule-id": rule_id})
    assert f"<Status>{status}</Status>" in text
    assert "<Progress>" not in text


@covers("PutBucketReplication", "GetBucketReplicationProgress", "GetBucketReplication")
def test_r7_progress_without_history_shows_only_new_objects(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination, is_enable_historical_object_replication=False)
    lab.settle()
    text = get_text(source, replicationProgress="", **{"rule-id": rule_id})
    assert "<HistoricalObject>" not in text
    found = re.search(r"<NewObject>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)</NewObject>", text)
    assert found is not None, text
    now = datetime.fromisoformat(lab.server.control("GET", "clock")["now"])
    # Whole seconds, as the service shows them, and never later than what is done.
    assert timedelta(0) <= now - datetime.fromisoformat(found[1]) < timedelta(seconds=1)


@covers("PutBucketReplication", "PutObject", "GetBucketReplicationProgress")
@pytest.mark.parametrize(("copied", "ratio"), [(0, 0.0), (1, 0.25), (3, 0.75), (4, 1.0)])
def test_r8_progress_with_history_is_the_share_that_is_done(
    lab: Lab, copied: int, ratio: float
) -> None:
    source, destination = lab.pair()
    for number in range(4):
        source.put_object(f"k{number}", b"x")
    objects = [f"acs:oss:*:*:{destination.bucket_name}/k{number}" for number in range(copied)]
    rights = {"Effect": "Allow", "Action": "oss:Replicate*"}
    bucket_itself = f"acs:oss:*:*:{destination.bucket_name}"
    statements: list[dict[str, object]] = [
        allow([LIST, GET], source),
        {**rights, "Resource": [bucket_itself, *objects]},
    ]
    rule_id = lab.add_rule(source, destination, sync_role_name=lab.role(statements))
    lab.settle()
    progress = source.get_bucket_replication_progress(rule_id).progress
    assert (progress.status, progress.historical_object_progress) == ("doing", ratio)
    assert progress.new_object_progress is not None


@covers("PutBucketReplication", "GetBucketReplicationProgress")
@pytest.mark.parametrize("rule_id", [None, ""], ids=["absent", "empty"])
def test_r9_progress_of_all_rules(lab: Lab, rule_id: str | None) -> None:
    source, first = lab.pair()
    second = lab.create("target", region=BEIJING)
    made = [lab.add_rule(source, target) for target in (first, second)]
    asked = {} if rule_id is None else {"rule-id": rule_id}
    text = get_text(source, replicationProgress="", **asked)
    assert sorted(re.findall(r"<ID>(.*?)</ID>", text)) == sorted(made)


@covers("GetBucketReplicationProgress", "PutBucketReplication")
def test_r9_progress_of_all_rules_with_the_second_client(lab: Lab) -> None:
    source, first = lab.pair()
    second = lab.create("target", region=BEIJING)
    made = [lab.add_rule(source, target) for target in (first, second)]
    answer = v2_client_of(lab.server).get_bucket_replication_progress(
        oss_v2.GetBucketReplicationProgressRequest(bucket=source.bucket_name, rule_id="")
    )
    assert sorted(rule.id for rule in answer.replication_progress.rules) == sorted(made)


@covers("PutBucketReplication", "GetBucketReplicationProgress")
@pytest.mark.parametrize("has_rules", [False, True])
def test_r10_progress_of_an_unknown_rule(lab: Lab, has_rules: bool) -> None:
    source, destination = lab.pair()
    if has_rules:
        lab.add_rule(source, destination)
    error = refused(lambda: source.get_bucket_replication_progress(UNRELATED_ID))
    assert (error.status, error.code) == (404, "NoSuchReplicationRule")
    assert error.message == "The BucketReplicationRule you specified does not exist"


@covers("PutBucketReplication", "GetBucketReplication")
def test_r11_second_rule_for_the_same_pair(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination, rule_id="one", prefix_list=["a/"])
    again = lab.rule_of(destination, rule_id="two", prefix_list=["b/"])
    error = refused(lambda: source.put_bucket_replication(again))
    assert (error.status, error.code) == (400, "BucketReplicationAlreadyExist")
    assert error.ec == "0031-00000044"
    assert list(statuses(source)) == [rule_id]


@covers("PutBucketReplication")
@pytest.mark.parametrize(
    ("inner", "status", "code"),
    [
        ("<Rule>{rule}</Rule><Rule>{rule}</Rule>", 400, "TooManyReplicationRules"),
        ("", 400, "NoReplicationRule"),
    ],
    ids=["two", "none"],
)
def test_r12_exactly_one_rule_in_a_request(lab: Lab, inner: str, status: int, code: str) -> None:
    source, destination = lab.pair()
    rule = rule_xml(destination, HANGZHOU, "").partition("<Rule>")[2].partition("</Rule>")[0]
    body = inner.format(rule=rule)
    error = add_to(source, f"<ReplicationConfiguration>{body}</ReplicationConfiguration>")
    assert (error.status, error.code) == (status, code)


@covers("PutBucketReplication")
def test_r13_destination_that_is_the_source_or_missing(lab: Lab) -> None:
    source = lab.create("source")
    for name in (source.bucket_name, fresh("missing")):
        error = add_to(source, rule_xml(lab.client(name), HANGZHOU, ""))
        assert (error.status, error.code) == (400, "InvalidTargetBucket"), name


@covers("PutBucketReplication")
@pytest.mark.parametrize("region", [SHANGHAI, "cn-zhengzhou"])
def test_r14_destination_is_not_where_the_rule_says(lab: Lab, region: str) -> None:
    source, destination = lab.pair(region=BEIJING)
    error = add_to(source, rule_xml(destination, region, ""))
    assert (error.status, error.code) == (400, "InvalidTargetLocation")
    beginning = "The target bucket you specified does not locate in the target location"
    assert error.message.startswith(beginning)


@covers("PutBucketReplication", "GetBucketReplication")
def test_r15_ten_prefixes_and_no_more(lab: Lab) -> None:
    source, destination = lab.pair()
    prefixes = [f"p{number:02}/" for number in range(11)]
    error = refused(lambda: lab.add_rule(source, destination, prefix_list=prefixes))
    assert (error.status, error.code) == (400, "TooManyPrefixes")
    lab.add_rule(source, destination, prefix_list=prefixes[:10])
    assert source.get_bucket_replication().rule_list[0].prefix_list == prefixes[:10]


# Row, element, the EC of its refusal (OSS error codes; documented).
@covers("PutBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize(
    ("inner", "ec"),
    [
        pytest.param(
            "<PrefixSet><Prefix>source</Prefix><Prefix>source/video</Prefix></PrefixSet>",
            "0031-00000019",
            id="r16-overlapping-prefixes",
        ),
        pytest.param("<Action>SET</Action>", "0031-00000023", id="r17-action"),
        pytest.param("<Action>PUT,SET</Action>", "0031-00000023", id="r17-one-of-two-actions"),
        pytest.param(
            "<HistoricalObjectReplication>open</HistoricalObjectReplication>",
            "0031-00000011",
            id="r18-history",
        ),
    ],
)
def test_r16_r17_r18_refused_elements(lab: Lab, inner: str, ec: str) -> None:
    source, destination = lab.pair()
    error = add_to(source, rule_xml(destination, HANGZHOU, inner))
    assert (error.status, error.ec) == (400, ec)
    assert refused(source.get_bucket_replication).code == "NoSuchReplicationConfiguration"


@covers("PutBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize("actions", [["PUT"], ["PUT", "DELETE"], ["PUT", "DELETE", "ABORT"]])
def test_r17_accepted_actions_are_echoed(lab: Lab, actions: list[str]) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, action_list=actions)
    assert source.get_bucket_replication().rule_list[0].action_list == actions


# The states of source and destination, and the row that says such a rule is refused.
@covers("PutBucketVersioning", "PutBucketReplication")
@pytest.mark.parametrize(
    ("source_state", "destination_state"),
    [
        pytest.param("Enabled", "", id="r19-only-source"),
        pytest.param("", "Enabled", id="r19-only-destination"),
        pytest.param("Suspended", "Enabled", id="r20-source-suspended"),
        pytest.param("Enabled", "Suspended", id="r20-destination-suspended"),
        pytest.param("Suspended", "Suspended", id="r20-both-suspended"),
        pytest.param("Suspended", "", id="r20-suspended-and-never"),
    ],
)
def test_r19_r20_versioning_states_that_do_not_go_together(
    lab: Lab, source_state: str, destination_state: str
) -> None:
    source, destination = lab.pair()
    for bucket, state in ((source, source_state), (destination, destination_state)):
        if state:
            set_versioning(bucket, "Enabled")
            set_versioning(bucket, state)
    error = refused(lambda: lab.add_rule(source, destination))
    assert (error.status, error.code, error.ec) == (400, "InvalidBucketStatus", "0031-00000053")


@covers(
    "PutBucketReplication",
    "DeleteBucketReplication",
    "PutBucketVersioning",
    "GetBucketReplication",
    "GetBucketVersioning",
)
@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize(
    ("versioned", "status"), [(False, "Enabled"), (True, "Suspended")], ids=["enable", "suspend"]
)
def test_r21_versioning_is_locked_until_the_rule_is_gone(
    lab: Lab, role: str, versioned: bool, status: str
) -> None:
    source, destination = lab.pair(versioned=versioned)
    bucket = source if role == "source" else destination
    rule_id = lab.add_rule(source, destination)
    error = refused(lambda: set_versioning(bucket, status))
    assert (error.status, error.code) == (409, "InvalidBucketStatus")
    lab.settle()
    assert refused(lambda: set_versioning(bucket, status)).status == 409
    source.delete_bucket_replication(rule_id)
    assert statuses(source) == {rule_id: "closing"}
    assert refused(lambda: set_versioning(bucket, status)).status == 409
    lab.settle()
    set_versioning(bucket, status)
    assert bucket.get_bucket_versioning().status == status


@covers("PutBucketReplication", "GetBucketReplication", "DeleteBucketReplication")
def test_r22_deletion_goes_through_closing(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    lab.settle()
    assert source.delete_bucket_replication(rule_id).status == 200
    assert statuses(source) == {rule_id: "closing"}
    assert source.delete_bucket_replication(rule_id).status == 204
    # The pair is not free while its rule is closing.
    again = refused(lambda: lab.add_rule(source, destination))
    assert again.code == "BucketReplicationAlreadyExist"
    lab.settle()
    error = refused(source.get_bucket_replication)
    assert (error.status, error.code) == (404, "NoSuchReplicationConfiguration")
    lab.add_rule(source, destination)


@covers("DeleteBucketReplication")
def test_r23_deletion_where_there_are_no_rules(lab: Lab) -> None:
    assert lab.create("plain").delete_bucket_replication(UNRELATED_ID).status == 200


@covers("PutBucketReplication", "GetBucketReplication", "DeleteBucketReplication")
def test_r23_deletion_of_an_unknown_rule_beside_others(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    error = refused(lambda: source.delete_bucket_replication(UNRELATED_ID))
    assert (error.status, error.code) == (404, "NoSuchReplicationRule")
    assert statuses(source) == {rule_id: "starting"}


@covers("PutBucketReplication", "GetBucketReplication", "DeleteBucketReplication")
@pytest.mark.parametrize("body", ["<ID></ID>", ""], ids=["empty", "missing"])
def test_r24_deletion_without_an_id(lab: Lab, body: str) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    params = {"replication": "", "comp": "delete"}
    document = f"<ReplicationRules>{body}</ReplicationRules>"
    error = refused(lambda: post(source, params, document))
    assert (error.status, error.code) == (400, "InvalidArgument")
    assert statuses(source) == {rule_id: "starting"}


@covers("PutBucketReplication", "PutObject", "DeleteBucketReplication", "GetBucketReplication")
def test_r25_closing_rule_copies_nothing_new(lab: Lab) -> None:
    source, destination = lab.replicate()
    source.put_object("before", b"x")
    rule_id = next(iter(statuses(source)))
    source.delete_bucket_replication(rule_id)
    source.put_object("after", b"x")
    lab.settle()
    assert destination.object_exists("before")
    assert not destination.object_exists("after")


@covers("PutBucketReplication", "PutObject", "DeleteBucketReplication", "ListObjectsV2")
def test_r25_other_rules_of_the_bucket_go_on(lab: Lab) -> None:
    source, first = lab.pair()
    second = lab.create("target")
    rule_id = lab.add_rule(source, first)
    lab.add_rule(source, second)
    lab.settle()
    source.put_object("before", b"x")
    source.delete_bucket_replication(rule_id)
    source.put_object("after", b"x")
    lab.settle()
    assert keys_of(first) == ["before"]
    assert keys_of(second) == ["after", "before"]


@covers("PutBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize(
    ("side", "code"),
    [("source", "TooManyOutgoingReplication"), ("destination", "TooManyIncomingReplication")],
)
def test_r26_a_bucket_is_part_of_100_rules_at_most(lab: Lab, side: str, code: str) -> None:
    one = lab.create("hub")
    others = [lab.create("spoke") for _ in range(101)]

    def add(other: oss2.Bucket) -> None:
        ends = (one, other) if side == "source" else (other, one)
        lab.add_rule(*ends, is_enable_historical_object_replication=False)

    for other in others[:100]:
        add(other)
    error = refused(lambda: add(others[100]))
    assert (error.status, error.code) == (400, code)


@covers("PutBucketReplication")
@pytest.mark.parametrize("action", ["", "<Action>ALL</Action>", "<Action>PUT,DELETE</Action>"])
def test_r31_tag_filter_and_deletions_exclude_each_other(lab: Lab, action: str) -> None:
    source, destination = lab.pair()
    inner = action + tag_filter_xml("AND", {"k": "v"})
    error = add_to(source, rule_xml(destination, HANGZHOU, inner))
    assert (error.status, error.code) == (400, "InvalidArgument")


def kms_fields(status: str) -> dict[str, Any]:
    """The KMS fields of a rule as oss2 names them."""
    return {"sse_kms_encrypted_objects_status": status, "replica_kms_keyid": "a-key"}


@covers("PutBucketReplication", "GetBucketReplication")
def test_r51_kms_fields_without_a_role_are_dropped(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, sync_role_name=None, **kms_fields("Enabled"))
    text = get_text(source, replication="")
    assert "SourceSelectionCriteria" not in text
    assert "EncryptionConfiguration" not in text


@covers("PutBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize(("status", "key"), [("Disabled", None), ("Enabled", "a-key")])
def test_r52_the_key_is_kept_only_while_kms_objects_are_copied(
    lab: Lab, status: str, key: str | None
) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, **kms_fields(status))
    rule = source.get_bucket_replication().rule_list[0]
    assert rule.sse_kms_encrypted_objects_status == status
    assert rule.replica_kms_keyid == key
    assert rule.sync_role_name == "AliyunOSSRole"


@covers("PutBucketReplication")
def test_pairs_of_accounts_need_a_role(lab: Lab) -> None:
    source = lab.create("source")
    destination = lab.create("target", account="b")
    error = refused(lambda: lab.add_rule(source, destination, sync_role_name=None))
    assert (error.status, error.code) == (400, "InvalidTargetBucket")
    lab.add_rule(source, destination)
