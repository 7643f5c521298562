"""Changing what hangs on a version without new content."""

from __future__ import annotations

import msgspec

from emulator.domain import errors
from emulator.domain.events import NOTIFICATIONS, record_event
from emulator.domain.model import (
    Acl,
    Bucket,
    ChangeKind,
    ObjectVersion,
)
from emulator.domain.objects.records import Moment, live_bucket
from emulator.domain.ports import MetaTx


def update_attributes(
    tx: MetaTx,
    bucket: Bucket,
    version: ObjectVersion,
    moment: Moment,
    *,
    acl: Acl | None = None,
    tags_json: str | None = None,
) -> ObjectVersion:
    """Change ACL or tags of a version in place (OSS PutObjectACL, PutObjectTagging; documented)."""
    bucket = live_bucket(tx, bucket)
    found = tx.version_by_seq(version.bucket_id, version.key, version.seq)
    if found is None:
        raise errors.NoSuchKey(version.key)
    new_acl = found.acl if acl is None else acl
    new_tags = found.tags_json if tags_json is None else tags_json
    tx.update_version(found, acl=new_acl, tags_json=new_tags)
    updated = msgspec.structs.replace(found, acl=new_acl, tags_json=new_tags)
    if NOTIFICATIONS in bucket.setting_names:
        record_event(tx, bucket, updated, moment, prior=found)
    if bucket.records_changes:
        tx.append_change(version=updated, kind=ChangeKind.UPDATE, at_ms=moment.now_ms)
    return updated
