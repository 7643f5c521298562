"""Replication time control through HTTP: R60 to R62 and what the report says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import oss2
import pytest

from tests.support.lab import (
    DELETE,
    GET,
    HANGZHOU,
    LIST,
    PUT,
    SHANGHAI,
    Lab,
    allow,
    get_text,
    rule_xml,
)
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance

SETTINGS = (
    "oss.check_signing_time=false",
    "repl.rtc_enable_delay_s=900",
    "repl.rtc_history_delay_s=3600",
    "repl.retry_delay_s=10",
)


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """Time control takes effect as late as it does at the service."""
    with EmulatorProcess(settings=SETTINGS) as process:
        yield process
        assert process.errors() == ""


def pair(lab: Lab) -> tuple[oss2.Bucket, oss2.Bucket]:
    return lab.create("source"), lab.create("target", region=SHANGHAI)


def put_rtc(bucket: oss2.Bucket, rule_id: str, status: str) -> None:
    body = (
        f"<ReplicationRule><RTC><Status>{status}</Status></RTC><ID>{rule_id}</ID></ReplicationRule>"
    )
    bucket._do("PUT", bucket.bucket_name, "", params={"rtc": ""}, data=body.encode())


def shown(bucket: oss2.Bucket) -> str:
    """What GetBucketReplication says of the only rule; empty for no RTC element."""
    text = get_text(bucket, replication="")
    return text.partition("<RTC><Status>")[2].partition("<")[0]


def report(lab: Lab, bucket: oss2.Bucket) -> dict[str, Any]:
    (found,) = lab.server.control("GET", f"replication/rtc?bucket={bucket.bucket_name}")["rules"]
    return dict(found)


def go_on(lab: Lab, seconds: float) -> None:
    lab.server.advance(seconds)
    lab.server.settle(advance=False)


def test_r60_enabling_while_history_runs_and_an_hour_more(lab: Lab) -> None:
    source, target = pair(lab)
    source.put_object("old", b"1")
    rtc = "<RTC><Status>enabled</Status></RTC>"
    lab.add_xml(source, rule_xml(target, SHANGHAI, rtc))
    assert shown(source) == "enabling"
    go_on(lab, 1)
    assert target.get_object("old").read() == b"1"
    go_on(lab, 3599)
    assert shown(source) == "enabling"
    go_on(lab, 1)
    assert shown(source) == "enabled"
    found = report(lab, source)
    assert (found["status"], found["objects"], found["within_share"]) == ("enabled", 0, None)
    put_rtc(source, found["rule"], "disabled")
    assert shown(source) == ""
    assert report(lab, source)["in_effect_since"] is None


def test_r60_a_quarter_of_an_hour_without_history(lab: Lab) -> None:
    source, target = pair(lab)
    rule_id = lab.add_rule(source, target, is_enable_historical_object_replication=False)
    lab.settle()
    put_rtc(source, rule_id, "enabled")
    go_on(lab, 899.9)
    put_rtc(source, rule_id, "enabled")  # once more does not begin anew
    assert shown(source) == "enabling"
    go_on(lab, 0.2)
    assert shown(source) == "enabled"
    put_rtc(source, rule_id, "enabled")
    assert shown(source) == "enabled"


def test_an_object_that_is_late_is_reported_while_it_is_missing_and_when_it_comes(
    lab: Lab,
) -> None:
    source, target = pair(lab)
    rights = (LIST, GET, PUT, DELETE)
    statements = [allow(rights, source), allow(rights, target)]
    role = lab.role(statements)
    rule_id = lab.add_rule(source, target, sync_role_name=role)
    put_rtc(source, rule_id, "enabled")
    lab.settle()
    assert shown(source) == "enabled"
    for number in range(9):
        source.put_object(f"k{number}", b"12")
    lab.server.settle(advance=False)
    lab.put_role(role, [allow(rights, source)])
    source.put_object("late", b"12345")
    lab.server.settle(advance=False)
    found = report(lab, source)
    assert (found["objects"], found["within_share"], found["missed"]) == (9, 1.0, 0)
    assert found["failed"] == {"operations": 1, "bytes": 5}
    go_on(lab, 600)
    assert report(lab, source)["missed"] == 0
    go_on(lab, 0.001)
    found = report(lab, source)
    assert (found["missed"], found["still_missing"], found["within_share"]) == (1, 1, 0.9)
    (miss,) = found["misses"]
    assert (miss["key"], miss["bytes"], miss["ended"], miss["ending"]) == ("late", 5, None, "")
    lab.put_role(role, statements)
    go_on(lab, 59.999)
    found = report(lab, source)
    assert (found["caught_up"], found["still_missing"], found["objects"]) == (1, 0, 10)
    assert (found["misses"][0]["ending"], found["misses"][0]["late_by_s"]) == ("caught-up", 60.0)
    assert (found["latency"]["p50_s"], found["latency"]["max_s"]) == (0.0, 660.0)
    assert found["latency"]["distribution"][-1] == [660.0, 1]


def test_r62_neither_within_a_region_nor_where_there_is_none(lab: Lab) -> None:
    source = lab.create("source")
    for region, code in (
        (HANGZHOU, "BucketReplicationNotSupportRtc"),
        ("cn-chengdu", "ReplicationLocationNotSupportRtc"),
    ):
        rule_id = lab.add_rule(source, lab.create("target", region=region))
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            put_rtc(source, rule_id, "enabled")
        assert (caught.value.status, caught.value.code) == (400, code)


def test_settle_tries_what_was_refused_before_it_goes_on_to_what_comes_later(lab: Lab) -> None:
    source, target = pair(lab)
    rights = (LIST, GET, PUT, DELETE)
    role = lab.role([allow(rights, source)])
    rule_id = lab.add_rule(
        source, target, sync_role_name=role, is_enable_historical_object_replication=False
    )
    put_rtc(source, rule_id, "enabled")
    lab.settle()
    far, away = lab.create("far"), lab.create("away", region=SHANGHAI)
    far_id = lab.add_rule(far, away)
    lab.settle()
    slow = {"bucket": far.bucket_name, "rule": far_id, "model": "link", "latency_s": 3600}
    lab.server.control("PUT", "replication/timing", {"rules": [slow]})
    try:
        source.put_object("k", b"1")
        lab.server.settle(advance=False)
        far.put_object("slow", b"1")
        lab.put_role(role, [allow(rights, source), allow(rights, target)])
        lab.settle()
    finally:
        lab.server.control("PUT", "replication/timing", {"rules": []})
    assert away.object_exists("slow")
    found = report(lab, source)
    assert (found["within"], found["missed"], found["latency"]["max_s"]) == (1, 0, 10.0)
