"""Regions, the links between them, and which of them have time control."""

from __future__ import annotations

from functools import partial
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.behaviours.looking import add_refused, refused, statuses
from tests.behaviours.registry import behaviour, variation
from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import (
    BEIJING,
    GET,
    HANGZHOU,
    LIST,
    PUT,
    SHANGHAI,
    Lab,
    allow,
    content,
    fresh,
    get_text,
    rule_xml,
)

HONGKONG, SINGAPORE, FRANKFURT = "cn-hongkong", "ap-southeast-1", "eu-central-1"
CHENGDU = "cn-chengdu"  # without time control
ROLE = "<SyncRole>AliyunOSSRole</SyncRole>"


def pair_between(lab: Lab, source: str, destination: str) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A source and a destination in these regions."""
    return lab.create("source", region=source), lab.create("target", region=destination)


def link_xml(destination: oss2.Bucket, region: str, transfer_type: str) -> str:
    """A rule over a link."""
    body = rule_xml(destination, region, ROLE)
    link = f"<TransferType>{transfer_type}</TransferType>" if transfer_type else ""
    return body.replace("</Location>", f"</Location>{link}")


def accepted(lab: Lab, source: str, destination: str, transfer_type: str) -> None:
    """Such a rule is accepted, shows its link and works."""
    ends = pair_between(lab, source, destination)
    rule_id = lab.add_xml(ends[0], link_xml(ends[1], destination, transfer_type))
    text = get_text(ends[0], replication="")
    shown = "<TransferType>oss_acc</TransferType>" in text
    assert shown is (transfer_type == "oss_acc")
    assert shown is ("TransferType" in text)
    ends[0].put_object("k", b"x")
    lab.settle()
    lab.server.advance(31)  # past any lag
    lab.settle()
    assert statuses(ends[0]) == {rule_id: "doing"}
    assert content(ends[1], "k") == b"x"


def link_refused(
    lab: Lab, source: str, destination: str, transfer_type: str, ec: str | None = None
) -> None:
    """Such a rule is not accepted."""
    ends = pair_between(lab, source, destination)
    error = add_refused(ends[0], link_xml(ends[1], destination, transfer_type))
    assert (error.status, error.code) == (400, "InvalidArgument")
    if ec is not None:
        assert error.ec == ec
    assert refused(ends[0].get_bucket_replication).code == "NoSuchReplicationConfiguration"


UNUSABLE_EC = "0031-00000107"


@behaviour("L1")
@covers("PutBucketReplication", "GetBucketReplication", "PutObject")
def l1_internal_in_the_mainland(lab: Lab) -> None:
    accepted(lab, HANGZHOU, BEIJING, "internal")
    accepted(lab, HANGZHOU, BEIJING, "")


@behaviour("L2")
@covers("PutBucketReplication", "GetBucketReplication", "PutObject")
def l2_accelerated_in_the_mainland(lab: Lab) -> None:
    accepted(lab, HANGZHOU, BEIJING, "oss_acc")


@variation("L2", "repl.strict_transfer_type")
def l2_strictly(lab: Lab) -> None:
    link_refused(lab, HANGZHOU, BEIJING, "oss_acc", UNUSABLE_EC)
    accepted(lab, HANGZHOU, BEIJING, "internal")


@behaviour("L3")
@covers("PutBucketReplication", "GetBucketReplication")
def l3_internal_across_the_border(lab: Lab) -> None:
    link_refused(lab, HANGZHOU, HONGKONG, "internal")
    link_refused(lab, SINGAPORE, HANGZHOU, "internal")


@behaviour("L4")
@covers("PutBucketReplication", "GetBucketReplication", "PutObject")
def l4_accelerated_across_the_border(lab: Lab) -> None:
    accepted(lab, HANGZHOU, HONGKONG, "oss_acc")
    accepted(lab, SINGAPORE, HANGZHOU, "oss_acc")


@behaviour("L5")
@covers("PutBucketReplication", "GetBucketReplication", "PutObject")
def l5_internal_elsewhere(lab: Lab) -> None:
    accepted(lab, HONGKONG, SINGAPORE, "internal")
    accepted(lab, SINGAPORE, FRANKFURT, "internal")


@behaviour("L6")
@covers("PutBucketReplication", "GetBucketReplication", "PutObject")
def l6_accelerated_elsewhere(lab: Lab) -> None:
    accepted(lab, SINGAPORE, FRANKFURT, "oss_acc")


@variation("L6", "repl.strict_transfer_type")
def l6_strictly(lab: Lab) -> None:
    listed = get_text(lab.create("source", region=SINGAPORE), replicationLocation="")
    constraint = listed.partition("<LocationTransferTypeConstraint>")[2]
    assert f"<Location>oss-{FRANKFURT}</Location>" not in constraint.partition("</Loc")[0]
    link_refused(lab, SINGAPORE, FRANKFURT, "oss_acc")
    accepted(lab, SINGAPORE, FRANKFURT, "internal")


@behaviour("L7")
@covers("PutBucketReplication", "GetBucketReplication", "PutObject")
def l7_internal_in_one_region(lab: Lab) -> None:
    accepted(lab, HANGZHOU, HANGZHOU, "internal")
    accepted(lab, SINGAPORE, SINGAPORE, "internal")


@behaviour("L8")
@covers("PutBucketReplication", "GetBucketReplication", "PutObject")
def l8_accelerated_in_one_region(lab: Lab) -> None:
    accepted(lab, HANGZHOU, HANGZHOU, "oss_acc")


@variation("L8", "repl.strict_transfer_type")
def l8_strictly(lab: Lab) -> None:
    link_refused(lab, HANGZHOU, HANGZHOU, "oss_acc", UNUSABLE_EC)


# Time control.


def put_rtc(lab: Lab, bucket: oss2.Bucket, rule_id: str | None, status: str | None) -> None:
    """PutBucketRTC with the second client, as the first has no words for it."""
    rtc = None if status is None else oss_v2.ReplicationTimeControl(status=status)
    request = oss_v2.PutBucketRtcRequest(
        bucket=bucket.bucket_name, rtc_configuration=oss_v2.RtcConfiguration(rtc=rtc, id=rule_id)
    )
    client: Any = v2_client_of(lab.server)
    client.put_bucket_rtc(request)


def rtc_refused(lab: Lab, bucket: oss2.Bucket, rule_id: str | None, status: str | None) -> Any:
    """The error PutBucketRTC is answered with."""
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        put_rtc(lab, bucket, rule_id, status)
    return caught.value.unwrap()


def shown_rtc(bucket: oss2.Bucket) -> str:
    """The RTC status of the only rule; "" where there is no element."""
    found = get_text(bucket, replication="").partition("<RTC>")[2].partition("</RTC>")[0]
    return found.removeprefix("<Status>").removesuffix("</Status>")


@behaviour("R60")
@covers("PutBucketRtc", "GetBucketReplication", "PutBucketReplication")
def r60_time_control_comes_after_history(lab: Lab) -> None:
    for historical in (True, False):
        source, destination = pair_between(lab, HANGZHOU, SHANGHAI)
        source.put_object("old", b"x")
        rule_id = lab.add_rule(
            source, destination, is_enable_historical_object_replication=historical
        )
        assert shown_rtc(source) == ""
        put_rtc(lab, source, rule_id, "enabled")
        assert shown_rtc(source) == "enabling"
        lab.settle()
        lab.server.advance(2 * 3600)
        lab.settle()
        assert shown_rtc(source) == "enabled"
        put_rtc(lab, source, rule_id, "disabled")
        assert shown_rtc(source) == ""
        put_rtc(lab, source, rule_id, "disabled")  # no error
        assert "<RTC>" not in get_text(source, replication="")
    _made_with_the_rule(lab)
    _held_up_by_history(lab)


def _made_with_the_rule(lab: Lab) -> None:
    source, destination = pair_between(lab, HANGZHOU, SHANGHAI)
    source.put_object("old", b"x")
    inner = ROLE + "<RTC><Status>enabled</Status></RTC>"
    lab.add_xml(source, rule_xml(destination, SHANGHAI, inner))
    assert shown_rtc(source) == "enabling"
    lab.settle()
    lab.server.advance(2 * 3600)
    lab.settle()
    assert shown_rtc(source) == "enabled"


def _held_up_by_history(lab: Lab) -> None:
    """It does not come into effect while an object of the history waits for a right."""
    source, destination = pair_between(lab, HANGZHOU, SHANGHAI)
    source.put_object("old", b"x")
    at_source = allow([LIST, GET], source)
    role = lab.role([at_source, allow([LIST, GET], destination)])
    rule_id = lab.add_rule(source, destination, sync_role_name=role)
    put_rtc(lab, source, rule_id, "enabled")
    lab.settle()
    lab.server.advance(2 * 3600)
    lab.settle()
    assert statuses(source) == {rule_id: "doing"}
    assert shown_rtc(source) == "enabling"
    lab.put_role(role, [at_source, allow([LIST, GET, PUT], destination)])
    lab.settle()
    lab.server.advance(2 * 3600)
    lab.settle()
    assert content(destination, "old") == b"x"
    assert shown_rtc(source) == "enabled"


def _rtc_after(lab: Lab, source: oss2.Bucket, seconds: float) -> str:
    lab.server.advance(seconds)
    lab.server.settle(advance=False)
    return shown_rtc(source)


@variation("R60", "repl.rtc_enable_delay_s")
def r60_time_control_comes_as_late_as_told(lab: Lab) -> None:
    source, destination = pair_between(lab, HANGZHOU, SHANGHAI)
    rule_id = lab.add_rule(source, destination, is_enable_historical_object_replication=False)
    lab.settle()
    put_rtc(lab, source, rule_id, "enabled")
    assert _rtc_after(lab, source, 899) == "enabling"
    assert _rtc_after(lab, source, 1) == "enabled"


@variation("R60", "repl.rtc_history_delay_s")
def r60_time_control_comes_as_long_after_history_as_told(lab: Lab) -> None:
    source, destination = pair_between(lab, HANGZHOU, SHANGHAI)
    source.put_object("old", b"x")
    rule_id = lab.add_rule(source, destination)
    put_rtc(lab, source, rule_id, "enabled")
    assert _rtc_after(lab, source, 240) == "enabling"  # the rule begins, and copies its history
    assert content(destination, "old") == b"x"
    assert _rtc_after(lab, source, 3599) == "enabling"
    assert _rtc_after(lab, source, 1) == "enabled"


@behaviour("R61")
@covers("PutBucketRtc", "DeleteBucketReplication", "PutBucketReplication")
def r61_time_control_of_rules_that_cannot_have_it(lab: Lab) -> None:
    source, destination = pair_between(lab, HANGZHOU, SHANGHAI)
    rule_id = lab.add_rule(source, destination)
    for asked, status, ec in (
        (fresh("rule"), "enabled", "0031-00000110"),
        (None, "enabled", "0031-00000015"),
        (rule_id, None, "0031-00000013"),
    ):
        error = rtc_refused(lab, source, asked, status)
        assert (error.status_code, error.ec) == (400, ec)
    lab.settle()
    source.delete_bucket_replication(rule_id)
    assert statuses(source) == {rule_id: "closing"}
    error = rtc_refused(lab, source, rule_id, "enabled")
    assert (error.status_code, error.code) == (400, "BucketReplicationInClosingStatus")


@behaviour("R62")
@covers("PutBucketReplication", "PutBucketRtc")
def r62_regions_without_time_control(lab: Lab) -> None:
    with_rtc = ROLE + "<RTC><Status>enabled</Status></RTC>"
    for region in (CHENGDU, HONGKONG):
        source, destination = pair_between(lab, HANGZHOU, region)
        add = partial(add_refused, source, rule_xml(destination, region, with_rtc))
        error = add()
        assert (error.status, error.code) == (400, "ReplicationLocationNotSupportRtc"), region
        rule_id = lab.add_rule(source, destination)
        error = rtc_refused(lab, source, rule_id, "enabled")
        assert (error.status_code, error.code) == (400, "ReplicationLocationNotSupportRtc")
    source, destination = pair_between(lab, HANGZHOU, HANGZHOU)  # not inside a region either
    rule_id = lab.add_rule(source, destination)
    error = rtc_refused(lab, source, rule_id, "enabled")
    assert (error.status_code, error.code) == (400, "BucketReplicationNotSupportRtc")


# Acceleration of the destination.


@behaviour("R63")
@covers(
    "PutBucketTransferAcceleration",
    "GetBucketTransferAcceleration",
    "PutBucketReplication",
    "DeleteBucketReplication",
)
def r63_accelerated_rules_keep_acceleration_on(lab: Lab) -> None:
    for already_on in (False, True):
        source, destination = pair_between(lab, HANGZHOU, HONGKONG)
        if already_on:
            destination.put_bucket_transfer_acceleration("true")
        rule_id = lab.add_xml(source, link_xml(destination, HONGKONG, "oss_acc"))
        assert destination.get_bucket_transfer_acceleration().enabled == "true"
        error = refused(lambda: destination.put_bucket_transfer_acceleration("false"))  # noqa: B023
        assert (error.status, error.code) == (409, "TransferAccAlreadyInUse")
        assert error.ec == "0028-00000003"
        assert error.details["SourceBucket"] == source.bucket_name
        assert error.details["DestinationBucket"] == destination.bucket_name
        assert destination.get_bucket_transfer_acceleration().enabled == "true"
        destination.put_bucket_transfer_acceleration("true")
        lab.settle()
        source.delete_bucket_replication(rule_id)
        lab.settle()
        destination.put_bucket_transfer_acceleration("false")
        assert destination.get_bucket_transfer_acceleration().enabled == "false"
    # A rule over an internal link leaves it as it is.
    source, destination = pair_between(lab, HANGZHOU, BEIJING)
    lab.add_xml(source, link_xml(destination, BEIJING, "internal"))
    with pytest.raises(oss2.exceptions.NoSuchTransferAccelerationConfiguration):
        destination.get_bucket_transfer_acceleration()


@behaviour("R64")
@covers("GetBucketReplicationLocation")
def r64_where_a_bucket_can_replicate_to(lab: Lab) -> None:
    bucket = lab.create("source")
    found = bucket.get_bucket_replication_location()
    assert "oss-cn-hangzhou" not in found.location_list
    assert {"oss-cn-beijing", "oss-cn-hongkong", "oss-us-west-1"} <= set(found.location_list)
    assert found.location_list == sorted(found.location_list)
    assert len(found.location_list) == 29
    listed = found.location_transfer_type_list
    constraints = {each.location: each.transfer_type for each in listed}
    assert constraints["oss-cn-hongkong"] == "oss_acc"
    assert not {name for name in constraints if name.startswith("oss-cn-")} - {"oss-cn-hongkong"}
    text = get_text(bucket, replicationLocation="").partition("<LocationRTCConstraint>")[2]
    for name in ("qingdao", "shanghai", "beijing", "zhangjiakou", "shenzhen"):
        assert f"<Location>oss-cn-{name}</Location>" in text
    assert text.count("<Location>") == 5
