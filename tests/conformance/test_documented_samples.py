"""The two set-ups of the OSS documentation with its Python client, step by step.

Same account: one role whose policy covers both buckets. Across accounts: a role that may read the
source, and a bucket policy at the destination. Each with both signature versions, first on the
buckets the worlds bring along, in path style as a local endpoint is given, then on new buckets
made through the regions' own hosts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import ReplicationRule

from tests.support.clients import bucket_of, v2_client_of
from tests.support.covers import covers
from tests.support.lab import (
    DELETE,
    GET,
    HANGZHOU,
    LIST,
    PUT,
    SHANGHAI,
    Lab,
    bucket_policy,
    content,
    face,
    put_rich,
    set_versioning,
    stack,
)
from tests.support.process import FIXTURES, EmulatorProcess

pytestmark = pytest.mark.conformance

ROLE = "roleNameTest"
RULE_ID = "test_replication_1"


@dataclass(frozen=True, slots=True)
class Setup:
    """Which world, and where in it the destination is."""

    world: str
    account: str
    region: str

    @property
    def location(self) -> str:
        """The destination's region as rules name it."""
        return f"oss-{self.region}"


SAME_ACCOUNT = Setup("same-account", "a", HANGZHOU)
CROSS_ACCOUNT = Setup("cross-account", "b", SHANGHAI)


@dataclass(frozen=True, slots=True)
class Sample:
    """A running world and the client's signature version."""

    server: EmulatorProcess
    setup: Setup
    signature: str

    def world_buckets(self) -> tuple[oss2.Bucket, oss2.Bucket]:
        """The two buckets of the world, in path style."""
        setup = self.setup
        return (
            bucket_of(self.server, "src-bucket", "a", version=self.signature, region=HANGZHOU),
            bucket_of(
                self.server,
                "dest-bucket",
                setup.account,
                version=self.signature,
                region=setup.region,
            ),
        )


@pytest.fixture(
    scope="module",
    params=[
        (setup, signature) for setup in (SAME_ACCOUNT, CROSS_ACCOUNT) for signature in ("v1", "v4")
    ],
    ids=lambda chosen: f"{chosen[0].world}-{chosen[1]}",
)
def sample(request: pytest.FixtureRequest) -> Iterator[Sample]:
    """One server for each set-up and signature version."""
    setup, signature = request.param
    with EmulatorProcess(world=FIXTURES / f"{setup.world}.yaml") as server:
        yield Sample(server, setup, signature)
        assert server.errors() == ""


@pytest.fixture
def lab(sample: Sample) -> Iterator[Lab]:
    """New buckets in the sample's world."""
    made = Lab(sample.server, signature=sample.signature)
    yield made
    made.clear()


@covers(
    "PutObject",
    "PutBucketReplication",
    "DeleteObject",
    "DeleteBucketReplication",
    "GetBucketReplication",
    "GetBucketReplicationLocation",
    "GetObject",
    "GetBucketReplicationProgress",
)
def test_sample_from_rule_to_its_deletion(sample: Sample) -> None:
    source, destination = sample.world_buckets()
    setup = sample.setup
    source.put_object("docs/old.txt", b"before the rule")
    source.put_bucket_replication(
        ReplicationRule(
            rule_id=RULE_ID,
            prefix_list=["docs/", "photos/"],
            action_list=[ReplicationRule.ALL],
            target_bucket_name="dest-bucket",
            target_bucket_location=setup.location,
            target_transfer_type="internal",
            is_enable_historical_object_replication=True,
            sync_role_name=ROLE,
        )
    )

    rules = source.get_bucket_replication().rule_list
    assert len(rules) == 1
    rule = rules[0]
    assert (rule.rule_id, rule.status, rule.action_list) == (RULE_ID, "starting", ["ALL"])
    assert (rule.target_bucket_name, rule.target_bucket_location) == (
        "dest-bucket",
        setup.location,
    )
    assert (rule.prefix_list, rule.sync_role_name) == (["docs/", "photos/"], ROLE)
    locations = source.get_bucket_replication_location().location_list
    assert "oss-cn-shanghai" in locations
    assert "oss-cn-hangzhou" not in locations

    put_rich(source, "docs/a.txt", b"first")
    source.put_object("photos/b.jpg", b"second")
    source.put_object("other/c.txt", b"outside the prefixes")
    sample.server.settle()
    for key in ("docs/old.txt", "docs/a.txt", "photos/b.jpg"):
        assert face(destination, key) == face(source, key)
    assert face(destination, "docs/a.txt")["tags"] == {"team": "a", "tier": "1"}
    assert content(destination, "other/c.txt") is None
    progress = source.get_bucket_replication_progress(RULE_ID).progress
    assert (progress.rule_id, progress.status) == (RULE_ID, "doing")
    assert progress.historical_object_progress == 1.0
    assert progress.new_object_progress is not None

    source.put_object("docs/a.txt", b"overwritten", headers={"x-oss-meta-colour": "Red"})
    source.delete_object("photos/b.jpg")
    sample.server.settle()
    assert face(destination, "docs/a.txt") == face(source, "docs/a.txt")
    assert content(destination, "docs/a.txt") == b"overwritten"
    assert content(destination, "photos/b.jpg") is None

    source.delete_bucket_replication(RULE_ID)
    assert source.get_bucket_replication().rule_list[0].status == "closing"
    source.put_object("docs/late.txt", b"after the rule")
    sample.server.settle()
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        source.get_bucket_replication()
    assert caught.value.code == "NoSuchReplicationConfiguration"
    assert content(destination, "docs/late.txt") is None
    assert content(destination, "docs/a.txt") == b"overwritten"


@covers(
    "PutObject",
    "PutObjectAcl",
    "PutObjectTagging",
    "DeleteObjectTagging",
    "CopyObject",
    "GetObject",
    "GetObjectAcl",
    "GetObjectTagging",
    "HeadObject",
)
def test_metadata_acl_and_tags_changed_later(sample: Sample, lab: Lab) -> None:
    source, destination = new_pair(sample, lab, versioned=False)
    put_rich(source, "k", b"x")
    lab.settle()
    source.put_object_acl("k", oss2.OBJECT_ACL_PRIVATE)
    lab.settle()
    assert destination.get_object_acl("k").acl == "private"
    tagging = oss2.models.Tagging(oss2.models.TaggingRule())
    tagging.tag_set.add("stage", "2")
    source.put_object_tagging("k", tagging)
    lab.settle()
    assert destination.get_object_tagging("k").tag_set.tagging_rule == {"stage": "2"}
    source.delete_object_tagging("k")
    source.update_object_meta("k", {"x-oss-meta-colour": "Green"})
    lab.settle()
    assert destination.get_object_tagging("k").tag_set.tagging_rule == {}
    assert destination.head_object("k").headers["x-oss-meta-colour"] == "Green"
    assert face(destination, "k") == face(source, "k")


def new_pair(sample: Sample, lab: Lab, *, versioned: bool) -> tuple[oss2.Bucket, oss2.Bucket]:
    """New buckets and their rule, as the documents set them up for this world."""
    setup = sample.setup
    source = lab.create("my-source")
    destination = lab.create("my-target", account=setup.account, region=setup.region)
    if versioned:
        set_versioning(source, "Enabled")
        set_versioning(destination, "Enabled")
    role = "AliyunOssDrsRole"
    if setup is CROSS_ACCOUNT:
        actions = (LIST, GET, PUT, DELETE)
        destination.put_bucket_policy(bucket_policy(destination, actions, role.lower()))
    assert source.get_bucket_info().location == "oss-cn-hangzhou"
    assert destination.get_bucket_info().location == setup.location
    lab.add_rule(source, destination, action_list=[ReplicationRule.ALL], sync_role_name=role)
    return source, destination


@covers("PutObject", "GetObject", "HeadObject", "DeleteMultipleObjects", "GetBucketReplication")
def test_new_buckets_of_the_regions(sample: Sample, lab: Lab) -> None:
    source, destination = new_pair(sample, lab, versioned=False)
    assert source.get_bucket_replication().rule_list[0].sync_role_name == "AliyunOssDrsRole"
    put_rich(source, "k", b"first")
    sample.server.advance(5)
    lab.settle()
    seen = face(destination, "k")
    assert seen == face(source, "k")
    assert seen["acl"] == "public-read"
    anonymous = oss2.Bucket(oss2.AnonymousAuth(), sample.server.endpoint, destination.bucket_name)
    assert anonymous.get_object("k").read() == b"first"
    head = source.head_object("k")
    replica = destination.head_object("k")
    assert replica.etag == head.etag
    assert replica.last_modified == head.last_modified
    assert replica.server_crc == head.server_crc
    source.put_object("k", b"second")
    lab.settle()
    assert face(destination, "k") == face(source, "k")
    source.batch_delete_objects(["k"])
    lab.settle()
    assert content(destination, "k") is None


@covers("ListObjectVersions", "DeleteObject", "PutObject", "GetObject")
def test_versioned_buckets(sample: Sample, lab: Lab) -> None:
    source, destination = new_pair(sample, lab, versioned=True)
    first = put_rich(source, "k", b"first").versionid
    second = source.put_object("k", b"second").versionid
    marker = source.delete_object("k").versionid
    third = source.put_object("k", b"third").versionid
    hidden = source.delete_object("k").versionid
    lab.settle()
    entries = stack(destination, "k")
    assert [entry.version_id for entry in entries] == [hidden, third, marker, second, first]
    assert [entry.is_marker for entry in entries] == [True, False, True, False, False]
    assert [entry.is_latest for entry in entries] == [True, False, False, False, False]
    assert entries == stack(source, "k")
    for version_id in (first, second, third):
        assert face(destination, "k", version_id) == face(source, "k", version_id)
    with pytest.raises(oss2.exceptions.NoSuchKey) as caught:
        destination.get_object("k")
    assert caught.value.headers["x-oss-delete-marker"] == "true"

    listed, replicas = (bucket.list_object_versions("k") for bucket in (source, destination))
    assert [each.last_modified for each in replicas.versions] == [
        each.last_modified for each in listed.versions
    ]
    assert [each.last_modified for each in replicas.delete_marker] == [
        each.last_modified for each in listed.delete_marker
    ]

    source.delete_object("k", params={"versionId": hidden})
    source.delete_object("k", params={"versionId": second})
    lab.settle()
    assert [entry.version_id for entry in stack(destination, "k")] == [third, marker, first]
    assert content(destination, "k") == b"third"


@covers(
    "PutBucketReplication",
    "PutObject",
    "GetObject",
    "GetBucketReplication",
    "DeleteObject",
    "DeleteBucketReplication",
    "GetBucketReplicationProgress",
)
def test_second_client(sample: Sample, lab: Lab) -> None:
    setup = sample.setup
    source = v2_client_of(sample.server)
    target = v2_client_of(sample.server, setup.account, region=setup.region)
    oss2_source, oss2_target = world = sample.world_buckets()
    names = [bucket.bucket_name for bucket in world]
    made = source.put_bucket_replication(
        oss_v2.PutBucketReplicationRequest(
            bucket=names[0],
            replication_configuration=oss_v2.ReplicationConfiguration(
                rules=[
                    oss_v2.ReplicationRule(
                        action="PUT",
                        destination=oss_v2.ReplicationDestination(
                            bucket=names[1], location=setup.location, transfer_type="internal"
                        ),
                        historical_object_replication="disabled",
                        prefix_set=oss_v2.ReplicationPrefixSet(prefixs=["second/"]),
                        sync_role=ROLE,
                    )
                ]
            ),
        )
    )
    rule_id = made.headers["x-oss-replication-rule-id"]  # the client leaves its field empty
    source.put_object(oss_v2.PutObjectRequest(bucket=names[0], key="second/k", body=b"body"))
    lab.settle()
    read = target.get_object(oss_v2.GetObjectRequest(bucket=names[1], key="second/k"))
    assert read.body.content == b"body"
    rules = source.get_bucket_replication(oss_v2.GetBucketReplicationRequest(bucket=names[0]))
    rule = rules.replication_configuration.rules[0]
    assert (rule.id, rule.status, rule.action, rule.sync_role) == (rule_id, "doing", "PUT", ROLE)
    assert rule.prefix_set.prefixs == ["second/"]
    progress = source.get_bucket_replication_progress(
        oss_v2.GetBucketReplicationProgressRequest(bucket=names[0], rule_id=rule_id)
    ).replication_progress.rules[0]
    assert (progress.id, progress.status) == (rule_id, "doing")
    source.delete_object(oss_v2.DeleteObjectRequest(bucket=names[0], key="second/k"))
    source.delete_bucket_replication(
        oss_v2.DeleteBucketReplicationRequest(
            bucket=names[0], replication_rules=oss_v2.ReplicationRules(ids=[rule_id])
        )
    )
    lab.settle()
    assert content(oss2_source, "second/k") is None
    assert content(oss2_target, "second/k") == b"body"  # the rule did not copy deletions
