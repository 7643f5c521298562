"""What arrives at the destination, and what is left out."""

from __future__ import annotations

from typing import Any

import oss2
from oss2.models import StorageTransition, Tagging, TaggingRule

from tests.behaviours.lifecycle import class_of, lifecycle_rule, put_rules
from tests.behaviours.looking import COMPLETED, DAY_S, SKIPPED, go, noon, note_of, outcome
from tests.behaviours.registry import behaviour, variation
from tests.support.covers import covers
from tests.support.lab import (
    HANGZHOU,
    Lab,
    content,
    face,
    keys_of,
    put_rich,
    rule_xml,
    stack,
    tag_filter_xml,
)

KEY = "dir/a b+c%20ä.txt"


@behaviour("R27")
@covers("PutBucketReplication", "PutObject", "GetObject")
def r27_replica_equals_its_source(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, action_list=["ALL"])
    put_rich(source, KEY, b"body")
    lab.server.advance(5)  # so that a replica dated by its copying would differ
    lab.settle()
    seen = face(destination, KEY)
    assert seen == face(source, KEY)
    assert (seen["body"], seen["acl"], seen["tags"]) == (
        b"body",
        "public-read",
        {"team": "a", "tier": "1"},
    )
    assert {
        "header ETag",
        "header Last-Modified",
        "header x-oss-hash-crc64ecma",
        "header x-oss-meta-colour",
        "header Content-Disposition",
    } <= seen.keys()
    replica = note_of(lab, source, KEY)["replica"]
    assert replica["applied_ms"] >= replica["modified_ms"] + 5000
    source.put_object(KEY, b"plain now")
    lab.settle()
    seen = face(destination, KEY)  # overwritten with all it carries
    assert seen == face(source, KEY)
    assert (seen["body"], seen["acl"], seen["tags"]) == (b"plain now", "default", {})


@variation("R27", "repl.lag_s")
def r27_replicas_come_as_late_as_told(lab: Lab) -> None:
    source, destination = lab.replicate()
    source.put_object("k", b"x")
    for advance_s, body in ((29, None), (1, b"x")):
        lab.server.advance(advance_s)
        lab.server.settle(advance=False)
        assert content(destination, "k") == body


@behaviour("R28")
@covers("PutBucketReplication", "PutObject", "ListObjectVersions", "GetObject")
def r28_versions_keep_ids_and_order(lab: Lab) -> None:
    for settled in (True, False):
        source, destination = lab.replicate(versioned=True)
        first = put_rich(source, "k", b"one").versionid
        if settled:
            lab.settle()
        second = source.put_object("k", b"two").versionid
        lab.settle()
        assert [entry.version_id for entry in stack(destination, "k")] == [second, first]
        assert stack(destination, "k") == stack(source, "k")
        for version_id in (first, second):
            assert face(destination, "k", version_id) == face(source, "k", version_id)


@behaviour("R29")
@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
def r29_only_keys_that_start_with_a_prefix_are_copied(lab: Lab) -> None:
    source, destination = lab.replicate(prefix_list=["Tax/", "Pay/2026"])
    for key in ("Tax/doc1", "Legal/doc3", "tax/doc1", "My/Tax/doc1", "Tax", "Pay/2026-1"):
        source.put_object(key, b"x")
    lab.settle()
    assert keys_of(destination) == ["Pay/2026-1", "Tax/doc1"]
    assert outcome(lab, source, "Legal/doc3") == (SKIPPED, "outside-prefixes")


@behaviour("R30")
@covers("PutBucketReplication", "PutObject", "ListObjectsV2")
def r30_tag_filter(lab: Lab) -> None:
    for filter_type, copied in (("AND", ["both", "more"]), ("OR", ["both", "first", "more"])):
        source, destination = lab.pair()
        assert _copied_with_tags(lab, source, destination, filter_type) == copied
        for key in ("none", "other-value"):
            assert outcome(lab, source, key) == (SKIPPED, "tags-do-not-match")


def _copied_with_tags(
    lab: Lab, source: oss2.Bucket, destination: oss2.Bucket, filter_type: str
) -> list[str]:
    """The keys that a filter lets through."""
    wanted = tag_filter_xml(filter_type, {"k1": "v1", "k2": "v2"}) + "<Action>PUT</Action>"
    wanted += "<SyncRole>AliyunOSSRole</SyncRole>"
    lab.add_xml(source, rule_xml(destination, HANGZHOU, wanted))
    tags = {
        "both": "k1=v1&k2=v2",
        "more": "k0=v0&k1=v1&k2=v2",
        "first": "k1=v1",
        "other-value": "k1=v2",
    }
    for key, tagging in tags.items():
        source.put_object(key, b"x", headers={"x-oss-tagging": tagging})
    source.put_object("none", b"x")
    lab.settle()
    return keys_of(destination)


@variation("R30", "repl.tags_require_versioning")
def r30_tag_filters_work_between_versioned_buckets(lab: Lab) -> None:
    source, destination = lab.pair(versioned=True)
    assert _copied_with_tags(lab, source, destination, "OR") == ["both", "first", "more"]


@behaviour("R41")
@covers("PutBucketReplication", "PutObject", "CopyObject", "HeadObject", "GetObjectAcl")
def r41_changes_of_the_class_alone_are_not_copied(lab: Lab) -> None:
    for acl, copied in (("public-read", False), ("private", True)):
        source, destination = lab.replicate()
        put_rich(source, "k", b"x")
        lab.settle()
        before = class_of(destination, "k")
        changed = {"x-oss-storage-class": "Archive", "x-oss-object-acl": acl}
        source.copy_object(source.bucket_name, "k", "k", headers=changed)
        lab.settle()
        assert (before, class_of(source, "k")) == ("IA", "Archive")
        assert class_of(destination, "k") == ("Archive" if copied else "IA")
        assert destination.get_object_acl("k").acl == acl
        note = note_of(lab, source, "k")
        assert note["skip_reason"] == (None if copied else "class-change-only")
        assert note["tasks"] == []
    _transitions_are_not_copied(lab)


def _transitions_are_not_copied(lab: Lab) -> None:
    source, destination = lab.replicate()
    counts = _moved_to_ia(lab, source)
    assert (counts["applied"], counts["skipped"], counts["stored"]) == (0, 0, 0)
    assert (class_of(source, "k"), class_of(destination, "k")) == ("IA", "Standard")


def _moved_to_ia(lab: Lab, source: oss2.Bucket) -> Any:
    """What the engine did after a lifecycle rule of the source changed the class of its object."""
    noon(lab)
    source.put_object("k", b"x")
    move = StorageTransition(days=1, storage_class="IA")
    put_rules(source, lifecycle_rule(storage_transitions=[move]))
    lab.settle()
    go(lab, 2)
    return lab.settle()


@variation("R41", "repl.replicate_transitions")
def r41_lifecycle_transitions_can_be_copied(lab: Lab) -> None:
    for versioned in (False, True):
        source, destination = lab.replicate(versioned=versioned)
        _moved_to_ia(lab, source)
        assert (class_of(source, "k"), class_of(destination, "k")) == ("IA", "IA")
        assert outcome(lab, source, "k") == (COMPLETED, None)
        assert len(stack(destination, "k")) == 1
        assert content(destination, "k") == b"x"
    source, destination = lab.replicate()  # a copy onto itself is no transition
    put_rich(source, "k", b"x")
    lab.settle()
    changed = {"x-oss-storage-class": "Archive", "x-oss-object-acl": "public-read"}
    source.copy_object(source.bucket_name, "k", "k", headers=changed)
    lab.settle()
    assert class_of(destination, "k") == "IA"
    assert outcome(lab, source, "k") == (SKIPPED, "class-change-only")


@behaviour("R42")
@covers("PutBucketReplication", "PutObject", "PutBucketAccessMonitor", "GetObjectMeta")
def r42_reading_the_source_leaves_the_access_time_of_the_replica(lab: Lab) -> None:
    source, destination = lab.replicate()
    noon(lab)
    source.put_object("k", b"x")
    lab.settle()
    for bucket in (source, destination):
        bucket.put_bucket_access_monitor("Enabled")
    before = _last_access(destination, "k")
    assert _last_access(source, "k") == before
    lab.server.advance(3 * DAY_S)
    source.get_object("k").read()
    lab.settle()
    assert _last_access(destination, "k") == before
    assert _last_access(source, "k") != before
    lab.server.advance(3 * DAY_S)
    destination.get_object("k").read()
    lab.settle()
    assert _last_access(destination, "k") != before


def _last_access(bucket: oss2.Bucket, key: str) -> str:
    return str(bucket.get_object_meta(key).headers["x-oss-last-access-time"])


@behaviour("R47")
@covers("ListObjectsV2", "PutBucketReplication", "PutObject", "HeadObject")
def r47_cold_archive_is_never_copied(lab: Lab) -> None:
    for historical in (False, True):
        source, destination = lab.pair()
        if not historical:
            lab.add_rule(source, destination)
        for name in ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"):
            source.put_object(name, b"x", headers={"x-oss-storage-class": name})
        if historical:
            lab.add_rule(source, destination)
        lab.settle()
        assert keys_of(destination) == ["Archive", "IA", "Standard"]
        for name in keys_of(destination):
            assert class_of(destination, name) == name
        for name in ("ColdArchive", "DeepColdArchive"):
            assert outcome(lab, source, name) == (SKIPPED, "storage-class")


@behaviour("R66")
@covers("PutObjectAcl", "PutObjectTagging", "DeleteObjectTagging", "PutBucketReplication")
def r66_acl_and_tags_follow(lab: Lab) -> None:
    for versioned in (False, True):
        source, destination = lab.replicate(versioned=versioned)
        put_rich(source, "k", b"x")
        lab.settle()
        source.put_object_acl("k", "private")
        lab.settle()
        assert destination.get_object_acl("k").acl == "private"
        tags = TaggingRule()
        tags.add("only", "this")
        source.put_object_tagging("k", Tagging(tags))
        lab.settle()
        seen = face(destination, "k")
        assert (seen["acl"], seen["tags"]) == ("private", {"only": "this"})
        assert seen == face(source, "k")
        assert len(stack(destination, "k")) == 1  # the same version
        source.delete_object_tagging("k")
        lab.settle()
        assert face(destination, "k")["tags"] == {}
        assert outcome(lab, source, "k") == (COMPLETED, None)


@behaviour("R67")
@covers("PutBucketReplication", "PutObject", "GetObject")
def r67_the_last_content_stays(lab: Lab) -> None:
    source, destination = lab.replicate()
    for body in (b"first", b"second", b"third"):
        source.put_object("k", body)
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert face(destination, "k") == face(source, "k")
    assert content(destination, "k") == b"third"


@behaviour("R68")
@covers("PutBucketReplication", "PutObject", "DeleteObject")
def r68_deleted_before_its_copy_ran(lab: Lab) -> None:
    source, destination = lab.pair()
    lab.add_rule(source, destination, action_list=["PUT"])
    source.put_object("k", b"x")
    source.delete_object("k")
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert content(destination, "k") is None
    note = note_of(lab, source, "k")
    assert (note["refusal"], note["tasks"]) == (None, [])


@variation("R68", "repl.lag_s")
def r68_what_is_deleted_later_than_the_lag_is_copied(lab: Lab) -> None:
    source, destination = lab.replicate(actions=("PUT",))
    for key, advance_s in (("early", 29), ("late", 31)):
        source.put_object(key, b"x")
        lab.server.advance(advance_s)
        lab.server.settle(advance=False)
        source.delete_object(key)
    lab.settle()
    assert keys_of(destination) == ["late"]


@behaviour("R69")
@covers("PutBucketReplication", "PutObject", "HeadObject", "GetObject")
def r69_no_header_tells_of_replication(lab: Lab) -> None:
    source, destination = lab.replicate(versioned=True)
    source.put_object("k", b"x")
    shown = [source.head_object("k"), source.get_object("k")]
    lab.settle()
    for bucket in (source, destination):
        shown += [bucket.head_object("k"), bucket.get_object("k")]
    names = {name.lower() for result in shown for name in result.headers}
    assert not [name for name in names if "repl" in name or "x-amz" in name]
    assert "x-oss-version-id" in names  # the list is not empty for another reason
