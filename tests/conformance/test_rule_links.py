"""Time control, links and the locations of rules: R60 to R64."""

from __future__ import annotations

import re
from collections.abc import Callable

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import BEIJING, HANGZHOU, SHANGHAI, Lab, get_text, rule_xml

pytestmark = pytest.mark.conformance

HONGKONG, CALIFORNIA, VIRGINIA = "cn-hongkong", "us-west-1", "us-east-1"


def refused(call: Callable[[], object]) -> oss2.exceptions.ServerError:
    """The error the server answers a call with."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call()
    return caught.value


def statuses(bucket: oss2.Bucket) -> dict[str, str]:
    """Every rule of the bucket with its status; none if there is no rule."""
    try:
        rules = bucket.get_bucket_replication().rule_list
    except oss2.exceptions.ServerError as error:
        if error.code != "NoSuchReplicationConfiguration":
            raise
        return {}
    return {rule.rule_id: rule.status for rule in rules}


# --- R60 to R62: time control ------------------------------------------------------------------


def put_rtc(bucket: oss2.Bucket, body: str) -> None:
    """PutBucketRTC with a body of our own."""
    document = f"<ReplicationRule>{body}</ReplicationRule>"
    bucket._do("PUT", bucket.bucket_name, "", params={"rtc": ""}, data=document)


def rtc_body(rule_id: str, status: str = "enabled") -> str:
    """The content of a ReplicationRule."""
    return f"<RTC><Status>{status}</Status></RTC><ID>{rule_id}</ID>"


def shown_rtc(bucket: oss2.Bucket) -> str:
    """The RTC element of the only rule, ``""`` without one."""
    found = re.search(r"<RTC><Status>(.*?)</Status></RTC>", get_text(bucket, replication=""))
    return "" if found is None else found[1]


@covers("PutBucketRtc", "PutBucketReplication", "GetBucketReplication")
def test_r60_enabling_until_history_is_copied_then_enabled(lab: Lab) -> None:
    source, destination = lab.pair(region=SHANGHAI)
    role = lab.role()  # may nothing: the reading of history waits
    source.put_object("old", b"x")
    rule_id = lab.add_rule(source, destination, sync_role_name=role)
    assert shown_rtc(source) == ""
    put_rtc(source, rtc_body(rule_id))
    assert shown_rtc(source) == "enabling"
    lab.settle()
    assert (statuses(source), shown_rtc(source)) == ({rule_id: "doing"}, "enabling")
    rights = {"Effect": "Allow", "Action": "oss:*", "Resource": "*"}
    lab.put_role(role, [rights])
    lab.settle()
    assert shown_rtc(source) == "enabled"
    put_rtc(source, rtc_body(rule_id, "disabled"))
    assert shown_rtc(source) == ""
    put_rtc(source, rtc_body(rule_id, "disabled"))  # of a rule without it: 200


@covers("PutBucketRtc", "PutBucketReplication", "GetBucketReplication")
def test_r60_a_rule_can_be_made_with_it(lab: Lab) -> None:
    source, destination = lab.pair(region=SHANGHAI)
    lab.add_xml(source, rule_xml(destination, SHANGHAI, "<RTC><Status>enabled</Status></RTC>"))
    assert shown_rtc(source) == "enabling"
    lab.settle()
    assert shown_rtc(source) == "enabled"


@covers("PutBucketRtc", "PutBucketReplication", "DeleteBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize("status", ["enabled", "disabled"])
def test_r61_a_closing_rule_keeps_what_it_has(lab: Lab, status: str) -> None:
    source, destination = lab.pair(region=SHANGHAI)
    rule_id = lab.add_rule(source, destination)
    put_rtc(source, rtc_body(rule_id))
    lab.settle()
    source.delete_bucket_replication(rule_id)
    error = refused(lambda: put_rtc(source, rtc_body(rule_id, status)))
    assert (error.status, error.code) == (400, "BucketReplicationInClosingStatus")
    assert shown_rtc(source) == "enabled"


@covers("PutBucketRtc", "PutBucketReplication")
@pytest.mark.parametrize(
    ("body", "ec"),
    [
        (rtc_body("nobody"), "0031-00000110"),
        ("<RTC><Status>enabled</Status></RTC>", "0031-00000015"),
        (rtc_body(""), "0031-00000015"),
        ("<ID>r</ID>", "0031-00000013"),
    ],
    ids=["unknown", "no-id", "empty-id", "no-status"],
)
def test_r61_requests_without_a_rule_or_a_status(lab: Lab, body: str, ec: str) -> None:
    source, destination = lab.pair(region=SHANGHAI)
    lab.add_rule(source, destination, rule_id="r")
    error = refused(lambda: put_rtc(source, body))
    assert (error.status, error.ec) == (400, ec)


RTC_PAIRS = [
    (HANGZHOU, SHANGHAI, ""),
    (CALIFORNIA, VIRGINIA, ""),
    (HANGZHOU, "cn-chengdu", "ReplicationLocationNotSupportRtc"),
    ("cn-chengdu", HANGZHOU, "ReplicationLocationNotSupportRtc"),
    (HANGZHOU, VIRGINIA, "ReplicationLocationNotSupportRtc"),
    (HANGZHOU, HANGZHOU, "BucketReplicationNotSupportRtc"),
]


@covers("PutBucketRtc", "PutBucketReplication")
@pytest.mark.parametrize(("start", "end", "code"), RTC_PAIRS, ids=lambda each: each or "ok")
def test_r62_pairs_of_regions_with_and_without_it(
    lab: Lab, start: str, end: str, code: str
) -> None:
    source, destination = lab.create("source", region=start), lab.create("target", region=end)
    crosses = start.startswith("cn-") is not end.startswith("cn-")
    link = {"target_transfer_type": "oss_acc"} if crosses else {}
    rule_id = lab.add_rule(source, destination, **link)
    if not code:
        put_rtc(source, rtc_body(rule_id))
        assert shown_rtc(source) == "enabling"
        return
    error = refused(lambda: put_rtc(source, rtc_body(rule_id)))
    assert (error.status, error.code) == (400, code)
    put_rtc(source, rtc_body(rule_id, "disabled"))
    other = lab.create("source", region=start)
    inner = "<RTC><Status>enabled</Status></RTC>"
    body = rule_xml(destination, end, inner)
    if crosses:
        body = body.replace("</Destination>", "<TransferType>oss_acc</TransferType></Destination>")
    error = refused(lambda: lab.add_xml(other, body))
    assert (error.status, error.code) == (400, "ReplicationLocationNotSupportRtc")


# --- R63, R64: links ---------------------------------------------------------------------------


def accelerate(bucket: oss2.Bucket, enabled: bool) -> None:
    """PutBucketTransferAcceleration."""
    bucket.put_bucket_transfer_acceleration("true" if enabled else "false")


def is_accelerated(bucket: oss2.Bucket) -> bool:
    """What GetBucketTransferAcceleration says; not configured is off."""
    try:
        said: str = bucket.get_bucket_transfer_acceleration().enabled
    except oss2.exceptions.NoSuchTransferAccelerationConfiguration:
        return False
    return said == "true"


@covers(
    "PutBucketReplication",
    "DeleteBucketReplication",
    "PutBucketTransferAcceleration",
    "GetBucketTransferAcceleration",
    "GetBucketInfo",
)
@pytest.mark.parametrize("before", ["unset", "off", "on"])
@pytest.mark.parametrize("account", ["a", "b"])
def test_r63_acceleration_is_turned_on_and_stays(lab: Lab, before: str, account: str) -> None:
    source = lab.create("source")
    destination = lab.create("target", account=account, region=HONGKONG)
    if before != "unset":
        accelerate(destination, before == "on")
    rule_id = lab.add_rule(source, destination, target_transfer_type="oss_acc")
    assert is_accelerated(destination)
    assert not is_accelerated(source)
    info = get_text(destination, bucketInfo="")
    assert "<TransferAcceleration>Enabled</TransferAcceleration>" in info
    for step in ("starting", "doing", "closing"):
        assert statuses(source) == {rule_id: step}
        error = refused(lambda: accelerate(destination, enabled=False))
        assert (error.status, error.code, error.ec) == (
            409,
            "TransferAccAlreadyInUse",
            "0028-00000003",
        )
        assert error.details["SourceBucket"] == source.bucket_name
        assert error.details["DestinationBucket"] == destination.bucket_name
        assert is_accelerated(destination)
        accelerate(destination, enabled=True)
        accelerate(source, enabled=False)  # the source's own is not looked at
        if step == "starting":
            lab.settle()
        elif step == "doing":
            source.delete_bucket_replication(rule_id)
    lab.settle()
    assert is_accelerated(destination)  # it stays on until it is turned off
    accelerate(destination, enabled=False)
    assert not is_accelerated(destination)


@covers("PutBucketReplication", "GetBucketTransferAcceleration")
def test_r63_a_refused_rule_and_a_plain_one_leave_acceleration_alone(lab: Lab) -> None:
    source, destination = lab.pair(region=HONGKONG)
    inner = "<Action>SET</Action>"
    body = rule_xml(destination, HONGKONG, inner)
    accelerated = body.replace(
        "</Destination>", "<TransferType>oss_acc</TransferType></Destination>"
    )
    refused(lambda: lab.add_xml(source, accelerated))
    foreign = {"sync_role_name": "NoSuchRole", "target_transfer_type": "oss_acc"}
    assert refused(lambda: lab.add_rule(source, destination, **foreign)).status == 403
    assert not is_accelerated(destination)
    third = lab.create("target", region=SHANGHAI)
    lab.add_rule(source, third, target_transfer_type="internal")
    assert not is_accelerated(third)
    accelerate(third, enabled=True)
    accelerate(third, enabled=False)


@covers("PutBucketReplication", "GetBucketReplication")
def test_r63_only_oss_acc_is_shown(lab: Lab) -> None:
    source = lab.create("source")
    for region, link in ((HONGKONG, "oss_acc"), (SHANGHAI, "internal"), (BEIJING, None)):
        fields = {} if link is None else {"target_transfer_type": link}
        lab.add_rule(source, lab.create("target", region=region), **fields)
    text = get_text(source, replication="")
    assert re.findall("<TransferType>(.*?)</TransferType>", text) == ["oss_acc"]


@covers("PutBucketReplication")
@pytest.mark.parametrize(
    ("link", "ec"), [("internal", "0031-00000107"), ("public", "0031-00000010")]
)
def test_r63_links_that_are_refused(lab: Lab, link: str, ec: str) -> None:
    source, destination = lab.pair(region=HONGKONG)
    error = refused(lambda: lab.add_rule(source, destination, target_transfer_type=link))
    assert (error.status, error.code, error.ec) == (400, "InvalidArgument", ec)


@covers("GetBucketReplicationLocation")
def test_r64_where_a_bucket_in_hangzhou_can_replicate_to(lab: Lab) -> None:
    bucket = lab.create("plain")
    found = bucket.get_bucket_replication_location()
    assert len(found.location_list) == 29
    assert "oss-cn-hangzhou" not in found.location_list
    constraint = {each.location: each.transfer_type for each in found.location_transfer_type_list}
    assert constraint["oss-cn-hongkong"] == "oss_acc"
    assert "oss-cn-beijing" not in constraint
    text = get_text(bucket, replicationLocation="").partition("<LocationRTCConstraint>")[2]
    assert re.findall("<Location>(.*?)</Location>", text) == [
        f"oss-cn-{name}" for name in ("beijing", "qingdao", "shanghai", "shenzhen", "zhangjiakou")
    ]
