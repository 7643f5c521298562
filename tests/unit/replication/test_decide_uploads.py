"""What a change of a multipart upload asks of a destination."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from emulator.domain.model import (
    Acl,
    Change,
    ChangeKind,
    ObjectVersion,
    Origin,
    StorageClass,
    Versioning,
    VersionKind,
)
from emulator.domain.uploads.records import Part, Upload
from emulator.replication.decide import Decision, Facts, UploadFacts, compile_rule, decide
from emulator.replication.model import Effect, RuleSpec, Skip, SkipReason, TagFilter, Work
from emulator.replication.settings import ReplicationSettings

_UPLOAD = Upload(
    id=20,
    bucket_id=1,
    key="Tax/doc1",
    upload_id="U",
    initiated_ms=0,
    initiator_uid="1",
    storage_class=StorageClass.STANDARD,
    tags_json='{"team":"a"}',
)
_PART = Part(number=3, seq=21, size_bytes=5, etag="E", crc64=1, modified_ms=0)
_TAGS = TagFilter(match_all=True, tags=(("team", "b"),))
_KMS = '{"algorithm":"KMS","key_id":"k"}'
_INITIATE, _GIVE, _ABORT = ChangeKind.INITIATE, ChangeKind.PART, ChangeKind.ABORT


def outcome(
    kind: ChangeKind,
    uploads: UploadFacts | None = None,
    *,
    source: ObjectVersion | None = None,
    spec: dict[str, Any] | None = None,
    **change: Any,
) -> str:
    """``copy-part``, ``abort-upload!`` (with the delete right) or ``skip: …``."""
    named = {"rule_id": "r", "destination_bucket": "d", "destination_location": "oss-cn-shanghai"}
    values: dict[str, Any] = {
        "seq": 9,
        "bucket_id": 1,
        "key": "Tax/doc1",
        "version_id": "",
        "version_seq": 21 if kind is _GIVE else 20,
        "at_ms": 0,
        "upload_id": "U",
        **change,
    }
    rule = compile_rule(RuleSpec(**{**named, **(spec or {})}), ReplicationSettings())
    facts = Facts(
        source=source,
        source_versioning=Versioning.NEVER,
        destination_versioning=Versioning.NEVER,
        uploads=uploads or UploadFacts(upload=_UPLOAD, part=_PART),
    )
    decided: Decision = decide(rule, Change(kind=kind, **values), facts)
    if isinstance(decided, Skip):
        return f"skip: {decided.reason}"
    return decided.effect + ("!" if decided.needs_delete_right else "")


@pytest.mark.parametrize("action", ["ALL", "PUT", "PUT,DELETE", "PUT,ABORT", "PUT,DELETE,ABORT"])
def test_r38_uploads_and_parts_are_copied_under_every_action(action: str) -> None:
    assert outcome(_INITIATE, spec={"action": action}) == "copy-upload"
    assert outcome(_GIVE, spec={"action": action}) == "copy-part"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("ALL", "abort-upload!"),
        ("PUT,ABORT", "abort-upload!"),
        ("PUT,DELETE,ABORT", "abort-upload!"),
        ("PUT", "skip: aborts-not-replicated"),
        ("PUT,DELETE", "skip: aborts-not-replicated"),
    ],
)
def test_r39_r40_t13_aborting_takes_abort_in_the_action(action: str, expected: str) -> None:
    there = UploadFacts(has_replica=True)
    assert outcome(_ABORT, there, spec={"action": action}) == expected


def test_an_abort_of_what_is_not_there_asks_for_nothing() -> None:
    assert outcome(_ABORT, UploadFacts()) == "skip: no-replica-upload"


@pytest.mark.parametrize("kind", [_INITIATE, _GIVE, _ABORT])
def test_an_upload_from_before_the_rule_is_left_to_its_object(kind: ChangeKind) -> None:
    facts = UploadFacts(upload=_UPLOAD, part=_PART, has_replica=True, began_before_rule=True)
    assert outcome(kind, facts) == "skip: upload-before-rule"


@pytest.mark.parametrize("kind", [_INITIATE, _GIVE])
def test_what_is_gone_when_it_is_looked_at_is_skipped(kind: ChangeKind) -> None:
    assert outcome(kind, UploadFacts()) == "skip: upload-gone"


def test_of_a_replaced_part_only_the_newest_content_is_copied() -> None:
    assert outcome(_GIVE, version_seq=19) == "skip: part-replaced"
    assert outcome(_GIVE, UploadFacts(upload=_UPLOAD)) == "skip: part-replaced"


@pytest.mark.parametrize("kind", [_INITIATE, _GIVE])
@pytest.mark.parametrize(
    ("fields", "spec", "expected"),
    [
        ({"origin": Origin(1, 2, 3, 4)}, {}, "skip: is-replica"),
        ({"storage_class": StorageClass.COLD_ARCHIVE}, {}, "skip: storage-class"),
        ({"encryption_json": _KMS}, {}, "skip: sse-kms-not-selected"),
        ({"encryption_json": _KMS}, {"sse_kms_status": "Enabled"}, ""),
        ({"encryption_json": '{"algorithm":"AES256"}'}, {}, ""),
        ({}, {"tag_filter": _TAGS}, "skip: tags-do-not-match"),
        ({"tags_json": '{"team":"b"}'}, {"tag_filter": _TAGS}, ""),
        ({}, {"prefixes": ("Legal/",)}, "skip: outside-prefixes"),
        ({}, {"prefixes": ("Tax/",)}, ""),
    ],
)
def test_filters_are_those_of_the_object_it_will_be(
    kind: ChangeKind, fields: dict[str, Any], spec: dict[str, Any], expected: str
) -> None:
    facts = UploadFacts(upload=msgspec.structs.replace(_UPLOAD, **fields), part=_PART)
    copied = "copy-upload" if kind is _INITIATE else "copy-part"
    assert outcome(kind, facts, spec=spec) == (expected or copied)


def test_an_abort_is_held_against_prefixes_and_the_tags_the_upload_had() -> None:
    there = UploadFacts(has_replica=True)
    spec = {"tag_filter": _TAGS, "action": "ALL"}
    tagged = outcome(_ABORT, there, spec=spec, prior_tags_json=_UPLOAD.tags_json)
    assert tagged == "skip: tags-do-not-match"
    assert outcome(_ABORT, there, spec={"prefixes": ("Legal/",)}) == "skip: outside-prefixes"


_OBJECT = ObjectVersion(
    bucket_id=1,
    key="Tax/doc1",
    seq=20,
    version_id="null",
    kind=VersionKind.MULTIPART,
    size_bytes=5,
    etag="E-1",
    crc64=1,
    modified_ms=0,
    storage_class=StorageClass.STANDARD,
    acl=Acl.DEFAULT,
    owner_uid="1",
)


@pytest.mark.parametrize("has_replica", [False, True])
def test_the_replica_of_an_upload_goes_with_or_without_its_object(has_replica: bool) -> None:
    facts = UploadFacts(has_replica=has_replica)
    assert outcome(ChangeKind.PUT, facts, source=_OBJECT) == "copy-version"
    left_out = outcome(ChangeKind.PUT, facts)
    assert left_out == ("end-upload" if has_replica else f"skip: {SkipReason.SOURCE_GONE}")


def test_what_is_done_to_uploads_is_never_done_without_a_right() -> None:
    rights = {Effect.COPY_UPLOAD: False, Effect.COPY_PART: False, Effect.ABORT_UPLOAD: True}
    made = [decided for decided in map(_work, (_INITIATE, _GIVE, _ABORT)) if decided]
    assert {each.effect: each.needs_delete_right for each in made} == rights


def _work(kind: ChangeKind) -> Work | None:
    rule = compile_rule(
        RuleSpec(rule_id="r", destination_bucket="d", destination_location="l"),
        ReplicationSettings(),
    )
    change = Change(
        seq=9, bucket_id=1, key="k", kind=kind, version_id="", version_seq=21, at_ms=0,
        upload_id="U",
    )  # fmt: skip
    facts = Facts(
        source=None,
        source_versioning=Versioning.NEVER,
        destination_versioning=Versioning.NEVER,
        uploads=UploadFacts(upload=_UPLOAD, part=_PART, has_replica=True),
    )
    decided = decide(rule, change, facts)
    return decided if isinstance(decided, Work) else None
