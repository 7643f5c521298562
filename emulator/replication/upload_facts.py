"""What is looked up of multipart uploads for a decision: at the source, and at the destination."""

from __future__ import annotations

import msgspec

from emulator.domain.model import Acl, Change, ChangeKind, ObjectVersion, VersionKind
from emulator.domain.uploads.records import Part, Upload
from emulator.replication.decide import Facts, UploadFacts
from emulator.replication.model import Effect, Rule, Work
from emulator.replication.ports import ReplicationView


def source_upload(view: ReplicationView, change: Change) -> Upload | None:
    """The upload a change is about, if it is neither completed nor aborted."""
    return view.upload(change.bucket_id, change.key, change.upload_id)


def source_part(view: ReplicationView, upload: Upload, change: Change) -> Part | None:
    """The content a change gave a part, if the part still has it."""
    part = view.part(upload, change.part_number)
    return part if part is not None and part.seq == change.version_seq else None


def replica_upload(view: ReplicationView, rule: Rule, change: Change) -> Upload | None:
    """What the rule made of the upload at the destination, under the same id (inferred)."""
    destination = view.bucket(rule.spec.destination_bucket)
    if destination is None:
        return None
    return replica_in(view, destination.id, rule.uid, change)


def replica_in(
    view: ReplicationView, bucket_id: int, rule_uid: int, change: Change
) -> Upload | None:
    """The same, where the destination is known."""
    found = view.upload(bucket_id, change.key, change.upload_id)
    if found is None or found.origin is None or found.origin.rule_uid != rule_uid:
        return None
    return found


def with_upload(view: ReplicationView, rule: Rule, change: Change, facts: Facts) -> Facts:
    """The facts of a change with an ``upload_id``."""
    bound_seq = rule.history.bound_seq
    match change.kind:
        case ChangeKind.INITIATE:
            found = UploadFacts(
                upload=source_upload(view, change),
                began_before_rule=change.version_seq <= bound_seq,
            )
        case ChangeKind.PART:
            upload = source_upload(view, change)
            found = UploadFacts(
                upload=upload,
                part=None if upload is None else source_part(view, upload, change),
                began_before_rule=upload is not None and upload.id <= bound_seq,
            )
        case _:
            found = UploadFacts(
                has_replica=replica_upload(view, rule, change) is not None,
                began_before_rule=change.version_seq <= bound_seq,
            )
    return msgspec.structs.replace(facts, uploads=found)


def upload_bytes(
    view: ReplicationView, rule: Rule, work: Work, change: Change, source: ObjectVersion | None
) -> int:
    """How much has to travel for a change with an ``upload_id``: a part, or of an object what its
    parts did not bring (inferred)."""
    match work.effect:
        case Effect.COPY_PART:
            upload = source_upload(view, change)
            part = None if upload is None else source_part(view, upload, change)
            return 0 if part is None else part.size_bytes
        case Effect.COPY_VERSION if source is not None:
            replica = replica_upload(view, rule, change)
            if replica is None or source.seq != change.version_seq:
                return source.size_bytes
            return max(0, source.size_bytes - view.part_totals(replica).size_bytes)
        case _:
            return 0


def as_version(upload: Upload) -> ObjectVersion:
    """The empty object that an upload would become: its keys are used as those of an object."""
    return ObjectVersion(
        bucket_id=upload.bucket_id,
        key=upload.key,
        seq=upload.id,
        version_id="",
        kind=VersionKind.MULTIPART,
        size_bytes=0,
        etag="",
        crc64=0,
        modified_ms=upload.initiated_ms,
        storage_class=upload.storage_class,
        acl=Acl.DEFAULT,
        owner_uid=upload.initiator_uid,
        encryption_json=upload.encryption_json,
    )
