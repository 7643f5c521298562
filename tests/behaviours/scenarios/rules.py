"""Rules as a client adds, reads and deletes them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import alibabacloud_oss_v2 as oss_v2
import oss2

from tests.behaviours.looking import add_refused, now, refused, statuses
from tests.behaviours.registry import behaviour, variation
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
    content,
    fresh,
    get_text,
    keys_of,
    post,
    rule_xml,
)

NO_BUCKET_EC = "0015-00000101"
UNRELATED_ID = "no-such-rule"


@behaviour("R1")
@covers("GetBucketReplication")
def r1_bucket_without_rules(lab: Lab) -> None:
    error = refused(lab.create("plain").get_bucket_replication)
    assert (error.status, error.code) == (404, "NoSuchReplicationConfiguration")
    assert error.message == "The bucket you specified does not have replication configuration"


_RTC = b"<ReplicationRule><RTC><Status>enabled</Status></RTC><ID>r</ID></ReplicationRule>"
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
    "rtc": lambda bucket: bucket._do("PUT", bucket.bucket_name, "", params={"rtc": ""}, data=_RTC),
}


@behaviour("R2")
@covers(
    "PutBucketReplication",
    "GetBucketReplication",
    "GetBucketReplicationProgress",
    "GetBucketReplicationLocation",
    "DeleteBucketReplication",
    "PutBucketRtc",
)
def r2_missing_source_bucket(lab: Lab) -> None:
    bucket = lab.client(fresh("missing"))
    for name, call in CALLS.items():
        error = refused(partial(call, bucket))
        said = (error.status, error.code, error.ec)
        assert said == (404, "NoSuchBucket", NO_BUCKET_EC), name
        assert error.message == "The specified bucket does not exist.", name


@behaviour("R3")
@covers("PutBucketReplication", "GetBucketReplication")
def r3_rule_without_id_gets_one(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    assert len(rule_id) == 36
    assert str(uuid.UUID(rule_id)) == rule_id
    assert list(statuses(source)) == [rule_id]


@behaviour("R4")
@covers("PutBucketReplication", "GetBucketReplication", "GetBucketReplicationProgress")
def r4_id_of_any_printable_characters(lab: Lab) -> None:
    for rule_id in ("~!@#$%^&*()<>:;\"',./?", "规则 1", "x" * 255):
        source, destination = lab.pair()
        assert lab.add_rule(source, destination, rule_id=rule_id) or not rule_id.isascii()
        assert list(statuses(source)) == [rule_id]
        assert source.get_bucket_replication_progress(rule_id).progress.rule_id == rule_id
    source, destination = lab.pair()
    error = refused(lambda: lab.add_rule(source, destination, rule_id="x" * 256))
    assert (error.status, error.code) == (400, "InvalidArgument")


@behaviour("R5")
@covers("PutBucketReplication", "GetBucketReplication")
def r5_defaults_of_a_new_rule(lab: Lab) -> None:
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


@variation("R5", "repl.start_delay_s")
def r5_a_rule_starts_as_late_as_it_is_told(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    lab.server.advance(239)
    lab.server.settle(advance=False)
    assert statuses(source) == {rule_id: "starting"}
    lab.server.advance(1)
    lab.server.settle(advance=False)
    assert statuses(source) == {rule_id: "doing"}


@behaviour("R6")
@covers("PutBucketReplication", "DeleteBucketReplication", "GetBucketReplicationProgress")
def r6_no_progress_before_and_after_doing(lab: Lab) -> None:
    for status in ("starting", "closing"):
        source, destination = lab.pair()
        rule_id = lab.add_rule(source, destination)
        if status == "closing":
            lab.settle()
            assert "<Progress>" in _progress(source, rule_id)
            source.delete_bucket_replication(rule_id)
        text = _progress(source, rule_id)
        assert f"<Status>{status}</Status>" in text
        assert "<Progress>" not in text


def _progress(source: oss2.Bucket, rule_id: str) -> str:
    return get_text(source, replicationProgress="", **{"rule-id": rule_id})


@variation("R6", "repl.start_delay_s")
def r6_progress_begins_with_doing(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    for advance_s, has_progress in ((239, False), (1, True)):
        lab.server.advance(advance_s)
        lab.server.settle(advance=False)
        assert ("<Progress>" in _progress(source, rule_id)) is has_progress


@variation("R6", "repl.close_delay_s")
def r6_closing_rules_are_seen_as_long_as_told(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    lab.settle()
    source.delete_bucket_replication(rule_id)
    lab.server.advance(59)
    lab.server.settle(advance=False)
    assert "<Status>closing</Status>" in _progress(source, rule_id)
    lab.server.advance(1)
    lab.server.settle(advance=False)
    assert refused(lambda: _progress(source, rule_id)).code == "NoSuchReplicationRule"


@behaviour("R7")
@covers("PutBucketReplication", "GetBucketReplicationProgress", "GetBucketReplication")
def r7_progress_without_history_shows_only_new_objects(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination, is_enable_historical_object_replication=False)
    lab.settle()
    text = _progress(source, rule_id)
    assert "<HistoricalObject>" not in text
    found = re.search(r"<NewObject>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)</NewObject>", text)
    assert found is not None, text
    # Whole seconds, as the service shows them, and never later than what is done.
    assert timedelta(0) <= now(lab) - datetime.fromisoformat(found[1]) < timedelta(seconds=1)


@behaviour("R8")
@covers("PutBucketReplication", "PutObject", "GetBucketReplicationProgress")
def r8_progress_with_history_is_the_share_that_is_done(lab: Lab) -> None:
    for copied, ratio in ((0, 0.0), (1, 0.25), (3, 0.75), (4, 1.0)):
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


@behaviour("R9")
@covers("PutBucketReplication", "GetBucketReplicationProgress")
def r9_progress_of_all_rules(lab: Lab) -> None:
    source, first = lab.pair()
    second = lab.create("target", region=BEIJING)
    made = sorted(lab.add_rule(source, target) for target in (first, second))
    for asked in ({}, {"rule-id": ""}):
        text = get_text(source, replicationProgress="", **asked)
        assert sorted(re.findall(r"<ID>(.*?)</ID>", text)) == made
    answer = v2_client_of(lab.server).get_bucket_replication_progress(
        oss_v2.GetBucketReplicationProgressRequest(bucket=source.bucket_name, rule_id="")
    )
    assert sorted(rule.id for rule in answer.replication_progress.rules) == made


@behaviour("R10")
@covers("PutBucketReplication", "GetBucketReplicationProgress")
def r10_progress_of_an_unknown_rule(lab: Lab) -> None:
    source, destination = lab.pair()
    for has_rules in (False, True):
        if has_rules:
            lab.add_rule(source, destination)
        error = refused(lambda: source.get_bucket_replication_progress(UNRELATED_ID))
        assert (error.status, error.code) == (404, "NoSuchReplicationRule")
        assert error.message == "The BucketReplicationRule you specified does not exist"


@behaviour("R11")
@covers("PutBucketReplication", "GetBucketReplication")
def r11_second_rule_for_the_same_pair(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination, rule_id="one", prefix_list=["a/"])
    again = lab.rule_of(destination, rule_id="two", prefix_list=["b/"])
    error = refused(lambda: source.put_bucket_replication(again))
    assert (error.status, error.code) == (400, "BucketReplicationAlreadyExist")
    assert error.ec == "0031-00000044"
    assert list(statuses(source)) == [rule_id]


@behaviour("R12")
@covers("PutBucketReplication")
def r12_exactly_one_rule_in_a_request(lab: Lab) -> None:
    source, destination = lab.pair()
    rule = rule_xml(destination, HANGZHOU, "").partition("<Rule>")[2].partition("</Rule>")[0]
    for body, code in (
        (f"<Rule>{rule}</Rule><Rule>{rule}</Rule>", "TooManyReplicationRules"),
        ("", "NoReplicationRule"),
    ):
        error = add_refused(source, f"<ReplicationConfiguration>{body}</ReplicationConfiguration>")
        assert (error.status, error.code) == (400, code)


@behaviour("R13")
@covers("PutBucketReplication")
def r13_destination_that_is_none(lab: Lab) -> None:
    source = lab.create("source")
    for name in (source.bucket_name, fresh("missing")):
        error = add_refused(source, rule_xml(lab.client(name), HANGZHOU, ""))
        assert (error.status, error.code) == (400, "InvalidTargetBucket"), name
    # Another account's bucket takes a role.
    foreign = lab.create("target", account="b")
    error = refused(lambda: lab.add_rule(source, foreign, sync_role_name=None))
    assert (error.status, error.code) == (400, "InvalidTargetBucket")
    lab.add_rule(source, foreign)


@variation("R13", "repl.require_sync_role")
def r13_a_role_can_be_required(lab: Lab) -> None:
    source, destination = lab.pair()
    error = refused(lambda: lab.add_rule(source, destination, sync_role_name=None))
    assert (error.status, error.code) == (400, "MissingArgument")
    lab.add_rule(source, destination)


@behaviour("R14")
@covers("PutBucketReplication")
def r14_destination_is_not_where_the_rule_says(lab: Lab) -> None:
    for region in (SHANGHAI, "cn-zhengzhou"):
        source, destination = lab.pair(region=BEIJING)
        error = add_refused(source, rule_xml(destination, region, ""))
        assert (error.status, error.code) == (400, "InvalidTargetLocation")
        beginning = "The target bucket you specified does not locate in the target location"
        assert error.message.startswith(beginning)


@behaviour("R22")
@covers("PutBucketReplication", "GetBucketReplication", "DeleteBucketReplication")
def r22_deletion_goes_through_closing(lab: Lab) -> None:
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


@variation("R22", "repl.close_delay_s")
def r22_the_pair_is_free_as_late_as_told(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    lab.settle()
    source.delete_bucket_replication(rule_id)
    lab.server.advance(59)
    lab.server.settle(advance=False)
    again = refused(lambda: lab.add_rule(source, destination))
    assert again.code == "BucketReplicationAlreadyExist"
    lab.server.advance(1)
    lab.server.settle(advance=False)
    lab.add_rule(source, destination)


@behaviour("R23")
@covers("PutBucketReplication", "GetBucketReplication", "DeleteBucketReplication")
def r23_deletion_where_there_is_no_such_rule(lab: Lab) -> None:
    assert lab.create("plain").delete_bucket_replication(UNRELATED_ID).status == 200
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    error = refused(lambda: source.delete_bucket_replication(UNRELATED_ID))
    assert (error.status, error.code) == (404, "NoSuchReplicationRule")
    assert statuses(source) == {rule_id: "starting"}


@behaviour("R24")
@covers("PutBucketReplication", "GetBucketReplication", "DeleteBucketReplication")
def r24_deletion_without_an_id(lab: Lab) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    params = {"replication": "", "comp": "delete"}
    for body in ("<ID></ID>", ""):
        document = f"<ReplicationRules>{body}</ReplicationRules>"
        error = refused(partial(post, source, params, document))
        assert (error.status, error.code) == (400, "InvalidArgument")
        assert statuses(source) == {rule_id: "starting"}


@behaviour("R25")
@covers("PutBucketReplication", "PutObject", "DeleteBucketReplication", "ListObjectsV2")
def r25_closing_rule_copies_nothing_new(lab: Lab) -> None:
    for has_other in (False, True):
        source, first = lab.pair()
        second = lab.create("target")
        rule_id = lab.add_rule(source, first)
        if has_other:
            lab.add_rule(source, second)
        lab.settle()
        source.put_object("before", b"x")
        source.delete_bucket_replication(rule_id)
        assert statuses(source)[rule_id] == "closing"
        source.put_object("after", b"x")
        lab.settle()
        assert keys_of(first) == ["before"]
        assert content(first, "before") == b"x"
        assert keys_of(second) == (["after", "before"] if has_other else [])  # it goes on
