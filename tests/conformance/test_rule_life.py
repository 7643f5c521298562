"""The life of rules: states on the clock, buckets that go, pairs made again: R21, R22, R44, R74."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import (
    BEIJING,
    HANGZHOU,
    SHANGHAI,
    Lab,
    content,
    get_text,
    keys_of,
    set_versioning,
    stack,
)
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance

MISSING = "destination-bucket-missing"


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


def empty(bucket: oss2.Bucket) -> None:
    """Remove every version of a bucket, and the bucket."""
    for match in re.findall(
        r"<Key>(.*?)</Key><VersionId>(.*?)</VersionId>", get_text(bucket, versions="")
    ):
        bucket.delete_object(match[0], params={"versionId": match[1]})
    for key in keys_of(bucket):
        bucket.delete_object(key)
    bucket.delete_bucket()


def recreate(lab: Lab, bucket: oss2.Bucket, *, region: str = HANGZHOU) -> oss2.Bucket:
    """Make a bucket of this name again."""
    made = lab.client(bucket.bucket_name, "a", region)
    made.create_bucket()
    return made


# --- R21: versioning ---------------------------------------------------------------------------


@covers("PutBucketVersioning", "PutBucketReplication", "DeleteBucketReplication")
def test_r21_versioning_stays_until_the_last_rule_of_a_bucket_is_gone(lab: Lab) -> None:
    source, first = lab.pair(versioned=True)
    second = lab.create("target", versioned=True)
    ids = [lab.add_rule(source, target) for target in (first, second)]
    lab.settle()
    source.delete_bucket_replication(ids[0])
    for bucket in (source, first, second):
        error = refused(lambda bucket=bucket: set_versioning(bucket, "Suspended"))  # type: ignore[misc]
        assert (error.status, error.code) == (409, "InvalidBucketStatus")
    lab.settle()
    set_versioning(first, "Suspended")
    for bucket in (source, second):
        error = refused(lambda bucket=bucket: set_versioning(bucket, "Suspended"))  # type: ignore[misc]
        assert error.status == 409
    source.delete_bucket_replication(ids[1])
    lab.settle()
    set_versioning(source, "Suspended")


@covers("PutBucketVersioning", "PutBucketReplication")
def test_r21_the_state_it_has_cannot_be_put_again_either(lab: Lab) -> None:
    source, _ = lab.replicate(versioned=True)
    assert refused(lambda: set_versioning(source, "Enabled")).status == 409


# --- R74: buckets that go ----------------------------------------------------------------------


@covers("DeleteBucket", "PutBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize("state", ["starting", "doing", "closing"])
def test_rules_go_with_their_source(lab: Lab, state: str) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    if state != "starting":
        lab.settle()
    if state == "closing":
        source.delete_bucket_replication(rule_id)
    assert statuses(source) == {rule_id: state}
    source.delete_bucket()
    # The destination is free at once, and a bucket made again under the name has no rules.
    set_versioning(destination, "Enabled")
    again = recreate(lab, source)
    assert statuses(again) == {}
    again.put_object("k", b"x")
    lab.settle()
    assert keys_of(destination) == []


@covers("DeleteBucket", "PutBucketReplication", "PutObject", "GetBucketReplication")
@pytest.mark.parametrize("versioned", [False, True], ids=["U/U", "V/V"])
def test_r74_tasks_wait_for_a_destination_that_is_made_again(lab: Lab, versioned: bool) -> None:
    source, gone = lab.pair(versioned=versioned)
    other = lab.create("target", versioned=versioned)
    rules = [lab.add_rule(source, target) for target in (gone, other)]
    lab.settle()
    source.put_object("before", b"1")
    lab.settle()
    empty(gone)
    source.put_object("k", b"2")
    source.put_object("before", b"3")
    counts = lab.settle()
    assert (counts["failed"], counts["pending"]) == (2, 0)
    assert statuses(source) == dict.fromkeys(rules, "doing")
    assert keys_of(other) == ["before", "k"]
    notes = {note["rule_id"]: note for note in lab.server.explain(source.bucket_name, "k")["rules"]}
    assert notes[rules[1]]["standing"] == "completed"
    assert notes[rules[0]]["standing"] == "failed"
    (task,) = notes[rules[0]]["tasks"]
    assert task["refusal"]["reason"] == MISSING
    # The watermark of the rule stays before what is not delivered, that of the other does not.
    marks = [source.get_bucket_replication_progress(each).progress for each in rules]
    assert marks[0].new_object_progress < marks[1].new_object_progress
    made = recreate(lab, gone)
    if versioned:
        set_versioning(made, "Enabled")
        assert refused(lambda: set_versioning(made, "Suspended")).status == 409
    lab.settle()
    assert content(made, "k") == b"2"
    assert content(made, "before") == b"3"
    if versioned:
        assert stack(made, "k") == stack(source, "k")
    assert lab.settle()["failed"] == 0


@covers("DeleteBucket", "PutBucketReplication", "PutObject", "PutBucketVersioning")
def test_r74_a_destination_made_again_in_another_state_has_to_be_put_right(lab: Lab) -> None:
    source, gone = lab.replicate(versioned=True)
    gone.delete_bucket()
    source.put_object("k", b"x")
    made = recreate(lab, gone)
    assert lab.settle()["failed"] == 1
    (note,) = lab.server.explain(source.bucket_name, "k")["rules"]
    assert note["tasks"][0]["refusal"]["reason"] == "versioning-mismatch"
    assert refused(lambda: set_versioning(source, "Suspended")).status == 409
    set_versioning(made, "Enabled")
    lab.settle()
    assert content(made, "k") == b"x"


@covers("DeleteBucket", "PutBucketReplication", "PutObject")
def test_r74_a_destination_made_again_elsewhere_or_by_others_gets_nothing(lab: Lab) -> None:
    source, elsewhere = lab.replicate()
    foreign = lab.create("target")
    lab.add_rule(source, foreign, sync_role_name=None)
    lab.settle()
    for bucket in (elsewhere, foreign):
        bucket.delete_bucket()
    source.put_object("k", b"x")
    in_beijing = recreate(lab, elsewhere, region=BEIJING)
    of_b = lab.client(foreign.bucket_name, "b")
    of_b.create_bucket()
    lab.settle()
    assert keys_of(in_beijing) == keys_of(of_b) == []
    reasons = [
        note["tasks"][0]["refusal"]["reason"]
        for note in lab.server.explain(source.bucket_name, "k")["rules"]
    ]
    assert sorted(reasons) == [MISSING, "role-missing"]


@covers("DeleteBucket", "PutBucketReplication", "DeleteBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize("state", ["starting", "doing", "closing"])
def test_a_rule_without_its_destination_can_be_deleted(lab: Lab, state: str) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination)
    if state != "starting":
        lab.settle()
    if state == "closing":
        source.delete_bucket_replication(rule_id)
    destination.delete_bucket()
    source.put_object("k", b"x")
    if state != "closing":
        source.delete_bucket_replication(rule_id)
    counts = lab.settle()
    assert statuses(source) == {}
    assert (counts["failed"], counts["pending"]) == (0, 0)


# --- rules made again --------------------------------------------------------------------------


@covers("PutBucketReplication", "DeleteBucketReplication", "PutObject", "GetBucketReplication")
@pytest.mark.parametrize("state", ["starting", "doing"])
def test_r22_a_pair_is_taken_until_its_rule_is_gone(lab: Lab, state: str) -> None:
    source, destination = lab.pair()
    rule_id = lab.add_rule(source, destination, rule_id="one")
    if state == "doing":
        lab.settle()
    source.delete_bucket_replication(rule_id)
    for again in ("one", "two"):
        error = refused(lambda again=again: lab.add_rule(source, destination, rule_id=again))  # type: ignore[misc]
        assert (error.code, error.ec) == ("BucketReplicationAlreadyExist", "0031-00000044")
    # The id of a rule that is closing is taken as well, for any other pair.
    other = lab.create("target")
    assert refused(lambda: lab.add_rule(source, other, rule_id="one")).code == "InvalidArgument"
    lab.settle()
    lab.add_rule(source, destination, rule_id="one")
    assert statuses(source) == {"one": "starting"}


@covers("PutBucketReplication", "DeleteBucketReplication", "PutObject", "DeleteObject")
@pytest.mark.parametrize("historical", [False, True], ids=["new", "history"])
def test_r44_a_rule_made_again_does_not_replay_what_happened_before(
    lab: Lab, historical: bool
) -> None:
    source, destination = lab.replicate()
    for key in ("kept", "deleted-there", "changed-there"):
        source.put_object(key, b"1")
    lab.settle()
    source.delete_bucket_replication(next(iter(statuses(source))))
    lab.settle()
    source.put_object("between", b"2")
    source.put_object("gone", b"2")
    source.delete_object("gone")
    destination.put_object("gone", b"its own")
    destination.delete_object("deleted-there")
    destination.put_object("changed-there", b"its own")
    lab.add_rule(source, destination, is_enable_historical_object_replication=historical)
    source.put_object("new", b"3")
    lab.settle()
    seen = {key: content(destination, key) for key in keys_of(destination)}
    expected = {"changed-there": b"its own", "gone": b"its own", "kept": b"1", "new": b"3"}
    if historical:  # what is in the source now, and no deletion of before
        expected |= {"changed-there": b"1", "between": b"2", "deleted-there": b"1"}
    assert seen == expected


@covers("PutBucketReplication", "DeleteBucketReplication", "PutObjectTagging", "GetObjectTagging")
@pytest.mark.parametrize("versioned", [False, True], ids=["U/U", "V/V"])
def test_r44_attributes_follow_under_a_rule_made_again(lab: Lab, versioned: bool) -> None:
    source, destination = lab.replicate(versioned=versioned)
    for key in ("before", "after"):
        source.put_object(key, b"x")
    lab.settle()
    source.delete_bucket_replication(next(iter(statuses(source))))
    lab.settle()
    source.put_object_acl("before", "public-read")  # while there is no rule
    lab.add_rule(source, destination, is_enable_historical_object_replication=False)
    lab.settle()
    source.put_object_acl("after", "public-read")
    lab.settle()
    assert destination.get_object_acl("after").acl == "public-read"
    assert destination.get_object_acl("before").acl == "default"
    source.delete_bucket_replication(next(iter(statuses(source))))
    lab.settle()
    lab.add_rule(source, destination, is_enable_historical_object_replication=True)
    lab.settle()
    assert destination.get_object_acl("before").acl == "public-read"
    assert len(stack(destination, "before")) == 1


# --- starting and closing ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """Rules take their time to start and to close, and replicas to travel."""
    settings = ("oss.buckets_max=1000", "repl.start_delay_s=240", "repl.close_delay_s=600")
    with EmulatorProcess(settings=(*settings, "oss.check_signing_time=false")) as process:
        yield process
        assert process.errors() == ""


def pass_time(lab: Lab, seconds: float) -> None:
    """Move the clock and do what is due then."""
    lab.server.advance(seconds)
    lab.server.settle(advance=False)


@covers("PutBucketReplication", "DeleteBucketReplication", "PutObject", "GetBucketReplication")
def test_r22_the_states_on_the_clock(lab: Lab) -> None:
    source, destination = lab.pair()
    source.put_object("old", b"x")
    rule_id = lab.add_rule(source, destination)
    source.put_object("new", b"x")
    pass_time(lab, 239)
    assert statuses(source) == {rule_id: "starting"}
    assert keys_of(destination) == []
    pass_time(lab, 1)
    assert statuses(source) == {rule_id: "doing"}
    assert keys_of(destination) == ["new", "old"]
    source.delete_bucket_replication(rule_id)
    pass_time(lab, 599)
    assert statuses(source) == {rule_id: "closing"}
    # A second deletion does not begin it anew.
    assert source.delete_bucket_replication(rule_id).status == 204
    pass_time(lab, 1)
    assert statuses(source) == {}


@covers("PutBucketReplication", "DeleteBucketReplication", "PutObject", "ListObjectsV2")
def test_a_rule_deleted_while_it_starts_copies_nothing(lab: Lab) -> None:
    source, destination = lab.pair()
    source.put_object("old", b"x")
    rule_id = lab.add_rule(source, destination)
    source.put_object("new", b"x")
    pass_time(lab, 100)
    source.delete_bucket_replication(rule_id)
    assert statuses(source) == {rule_id: "closing"}
    pass_time(lab, 140)  # when it would have started
    assert statuses(source) == {rule_id: "closing"}
    pass_time(lab, 460)
    assert statuses(source) == {}
    assert keys_of(destination) == []


@covers("PutBucketReplication", "DeleteBucketReplication", "PutObject", "ListObjectsV2")
def test_closing_finishes_what_is_refused_if_it_is_mended_in_time(lab: Lab) -> None:
    source, gone = lab.replicate()
    gone.delete_bucket()
    source.put_object("before", b"x")
    pass_time(lab, 1)
    rule_id = next(iter(statuses(source)))
    source.delete_bucket_replication(rule_id)
    source.put_object("after", b"x")
    pass_time(lab, 300)
    made = recreate(lab, gone)
    pass_time(lab, 60)
    assert keys_of(made) == ["before"]
    pass_time(lab, 240)
    assert statuses(source) == {}
    assert keys_of(made) == ["before"]


# --- what a bucket shows -----------------------------------------------------------------------


@covers("GetBucketInfo", "PutBucketReplication", "DeleteBucketReplication")
def test_a_source_says_that_it_replicates(lab: Lab) -> None:
    source, destination = lab.pair(region=SHANGHAI)

    def said(bucket: oss2.Bucket) -> str:
        text = get_text(bucket, bucketInfo="")
        return text.partition("<CrossRegionReplication>")[2].partition("<")[0]

    assert said(source) == "Disabled"
    rule_id = lab.add_rule(source, destination)
    assert (said(source), said(destination)) == ("Enabled", "Disabled")
    lab.settle()
    assert (said(source), said(destination)) == ("Enabled", "Disabled")
    source.delete_bucket_replication(rule_id)
    lab.settle()
    assert said(source) == "Disabled"
