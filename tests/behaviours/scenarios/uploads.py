"""Parts of uploads that are not completed, and what becomes of them."""

from __future__ import annotations

import oss2
from oss2.models import AbortMultipartUpload, PartInfo

from tests.behaviours.lifecycle import lifecycle_rule, put_rules
from tests.behaviours.looking import go, noon
from tests.behaviours.registry import behaviour
from tests.support.covers import covers
from tests.support.lab import Lab, content, face, stack

KEY = "dir/big object"
PART = b"p" * 102_400  # the least that a part may have which is not the last
LAST = b"the end"


def uploads_of(bucket: oss2.Bucket) -> list[str]:
    """The ids of the unfinished uploads of a bucket."""
    return [upload.upload_id for upload in bucket.list_multipart_uploads().upload_list]


def parts_of(bucket: oss2.Bucket) -> dict[int, tuple[str, int]]:
    """ETag and size of each part of the only upload of a bucket."""
    (upload_id,) = uploads_of(bucket)
    parts = bucket.list_parts(KEY, upload_id).parts
    return {part.part_number: (part.etag, part.size) for part in parts}


def begun(lab: Lab, *actions: str, versioned: bool = False) -> tuple[oss2.Bucket, oss2.Bucket, str]:
    """A rule with these actions, and an upload with one part that has arrived."""
    source, destination = lab.replicate(versioned=versioned, actions=actions)
    upload_id = source.init_multipart_upload(
        KEY, headers={"x-oss-meta-colour": "blue", "Content-Type": "text/x-note"}
    ).upload_id
    source.upload_part(KEY, upload_id, 1, PART)
    lab.settle()
    assert list(parts_of(destination)) == [1]
    return source, destination, upload_id


@behaviour("R38")
@covers(
    "InitiateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "ListMultipartUploads",
    "ListParts",
    "CompleteMultipartUpload",
    "PutBucketReplication",
)
def r38_parts_arrive_as_they_are_uploaded(lab: Lab) -> None:
    for versioned in (False, True):
        source, destination, upload_id = begun(lab, "ALL", versioned=versioned)
        assert content(destination, KEY) is None
        source.upload_part(KEY, upload_id, 3, LAST)
        source.put_object("whole", PART)
        source.upload_part_copy(source.bucket_name, "whole", (0, 102_399), KEY, upload_id, 2)
        lab.settle()
        parts = parts_of(destination)
        assert parts == parts_of(source)
        assert [size for _, size in parts.values()] == [102_400, 102_400, len(LAST)]
        assert content(destination, KEY) is None
        chosen = [PartInfo(number, etag) for number, (etag, _) in sorted(parts.items())]
        version_id = source.complete_multipart_upload(KEY, upload_id, chosen).versionid
        lab.settle()
        assert content(destination, KEY) == PART + PART + LAST
        assert face(destination, KEY) == face(source, KEY)
        assert uploads_of(destination) == []
        if versioned:
            assert [entry.version_id for entry in stack(destination, KEY)] == [version_id]


@behaviour("R39")
@covers("AbortMultipartUpload", "ListMultipartUploads", "PutBucketReplication")
def r39_abort_is_an_action_of_its_own(lab: Lab) -> None:
    for actions, is_left in ((["ALL"], False), (["PUT", "ABORT"], False), (["PUT"], True)):
        _abort(lab, actions, is_left=is_left)


@behaviour("R40")
@covers("AbortMultipartUpload", "ListMultipartUploads", "PutBucketReplication")
def r40_deletions_do_not_abort(lab: Lab) -> None:
    _abort(lab, ["PUT", "DELETE"], is_left=True)


def _abort(lab: Lab, actions: list[str], *, is_left: bool) -> None:
    source, destination, upload_id = begun(lab, *actions)
    before = parts_of(destination)
    source.abort_multipart_upload(KEY, upload_id)
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert uploads_of(source) == []
    assert bool(uploads_of(destination)) is is_left
    if is_left:
        assert parts_of(destination) == before
    assert content(destination, KEY) is None


@behaviour("T13")
@covers("AbortMultipartUpload", "PutBucketLifecycle", "ListMultipartUploads")
def t13_aborted_uploads(lab: Lab) -> None:
    for actions, is_left in ((["PUT"], True), (["PUT", "DELETE"], True), (["ALL"], False)):
        for versioned in (False, True):
            _abort_by_both(lab, actions, versioned=versioned, is_left=is_left)


def _abort_by_both(lab: Lab, actions: list[str], *, versioned: bool, is_left: bool) -> None:
    """By a client, then by a lifecycle rule of the source."""
    source, destination, upload_id = begun(lab, *actions, versioned=versioned)
    source.abort_multipart_upload(KEY, upload_id)
    lab.settle()
    assert bool(uploads_of(destination)) is is_left
    noon(lab)
    source, destination, _ = begun(lab, *actions, versioned=versioned)
    put_rules(source, lifecycle_rule(abort_multipart_upload=AbortMultipartUpload(days=1)))
    go(lab, 2)
    counts = lab.settle()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert uploads_of(source) == []
    assert bool(uploads_of(destination)) is is_left
