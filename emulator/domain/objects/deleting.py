"""Deleting objects and versions."""

from __future__ import annotations

from emulator.domain import worm
from emulator.domain.events import NOTIFICATIONS, record_event
from emulator.domain.model import (
    Bucket,
    ChangeKind,
    Versioning,
)
from emulator.domain.objects.reading import check_version_id
from emulator.domain.objects.records import Deletion, Moment, live_bucket
from emulator.domain.objects.stack import (
    absent_entry,
    delete_marker,
    drop_entry,
    entry_id,
    push_entry,
)
from emulator.domain.ports import MetaTx


def delete_object(tx: MetaTx, bucket: Bucket, key: str, moment: Moment) -> Deletion:
    """Delete without version id (OSS DeleteObject; documented).

    Removes the object where versions were never kept; otherwise puts a delete marker on top,
    also on a key that has no versions (inferred) or is deleted already. Raises FileImmutable.
    """
    bucket = live_bucket(tx, bucket)
    current = tx.current_version(bucket.id, key)
    worm.require_replaceable(tx, bucket, bucket.versioning, current, key, moment.now_ms)
    if bucket.versioning is Versioning.NEVER:
        if current is not None:
            tx.delete_version(current)
            if NOTIFICATIONS in bucket.setting_names:
                record_event(tx, bucket, current, moment, removed=True)
        if bucket.records_changes:
            gone = current or absent_entry(bucket.id, key)
            tx.append_change(
                version=gone, kind=ChangeKind.DELETE, at_ms=moment.now_ms, removed=current
            )
        return Deletion(version_id=None, is_delete_marker=False)
    seq = tx.next_seq()
    version_id = entry_id(bucket.versioning, seq, moment.rng)
    marker = delete_marker(bucket, key, seq, version_id, moment.now_ms)
    push_entry(tx, bucket.versioning, marker, current, shares_blobs=False)
    if bucket.records_changes:
        tx.append_change(
            version=marker, kind=ChangeKind.MARKER, at_ms=moment.now_ms, removed=current
        )
    return Deletion(version_id=version_id, is_delete_marker=True)


def delete_version(
    tx: MetaTx,
    bucket: Bucket,
    key: str,
    version_id: str,
    moment: Moment,
    *,
    bypass_governance: bool = False,
) -> Deletion:
    """Remove one version or delete marker for good; a missing one is no error (documented).

    ``bypass_governance`` sets a GOVERNANCE retention aside. Raises FileImmutable.
    """
    bucket = live_bucket(tx, bucket)
    check_version_id(version_id)
    shown = None if bucket.versioning is Versioning.NEVER else version_id
    found = tx.version(bucket.id, key, version_id)
    if found is None:
        return Deletion(version_id=shown, is_delete_marker=False)
    worm.require_mutable(tx, bucket, found, moment.now_ms, bypass_governance=bypass_governance)
    drop_entry(tx, found)
    # A delete marker is no object; leaving one reports nothing either (the latter documented).
    if NOTIFICATIONS in bucket.setting_names and not found.is_delete_marker:
        record_event(tx, bucket, found, moment, removed=True)
    if bucket.records_changes:
        tx.append_change(
            version=found, kind=ChangeKind.DELETE_VERSION, at_ms=moment.now_ms, removed=found
        )
    return Deletion(version_id=shown, is_delete_marker=found.is_delete_marker)
