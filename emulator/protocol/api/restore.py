"""RestoreObject and CleanRestoredObject."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.domain import errors, restore
from emulator.domain.documents import reader_of
from emulator.domain.model import Bucket, ObjectState, ObjectVersion, StorageClass
from emulator.domain.objects import live_bucket
from emulator.domain.ports import MetaTx, MetaView
from emulator.domain.restore import RestoreJob, RestoreState, RestoreTiming
from emulator.protocol.api.buckets import read_document
from emulator.protocol.api.objects import find_version, version_header
from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.parameters import plain_number
from emulator.protocol.xml import Element

_DIRECT_READ = "bucketArchiveDirectRead"


class _DirectRead(msgspec.Struct, frozen=True, rename="pascal"):
    enabled: bool = False


_read_direct = reader_of(_DirectRead)


async def restore_object(call: Call) -> Answer:
    """OSS RestoreObject, also of one version: 202 when it begins or is hastened (inferred), 200
    when the object can be read already; documented."""
    job = _read_job(await read_document(call, "RestoreRequest"))
    oss, now_ms = call.context.oss, call.now_ms
    timing = RestoreTiming(oss.restore_times, int(oss.restore_s * 1000))

    def work(tx: MetaTx) -> tuple[ObjectVersion, RestoreState]:
        version = _live_version(call, tx)
        if job.tier and version.storage_class is StorageClass.ARCHIVE:
            raise errors.MalformedXML("JobParameters is not for Archive objects")
        done = restore.restore(version, job, now_ms, timing)
        return _rewritten(tx, version, done.state), done.before

    version, before = await call.context.store.write(work)
    headers = version_header(call.bucket, version.version_id)
    if version.state.restore_tier:
        headers["x-oss-object-restore-priority"] = version.state.restore_tier
    return Answer(status=200 if before is RestoreState.RESTORED else 202, headers=headers)


def _read_job(body: Element | None) -> RestoreJob:
    """What a RestoreRequest asks; an empty body asks for a day. Raises MalformedXML."""
    if body is None:
        return RestoreJob()
    days = plain_number(body.text_of("Days").strip())
    if days is None:
        raise errors.MalformedXML("Days is no number")
    parameters = body.child("JobParameters")
    if parameters is None:
        return RestoreJob(days)
    # An empty tier is one that does not exist, not one that was left out.
    return RestoreJob(days, parameters.text_of("Tier") or " ")


async def clean_restored_object(call: Call) -> Answer:
    """OSS CleanRestoredObject: what was restored is frozen again at once; documented."""

    def work(tx: MetaTx) -> ObjectVersion:
        version = _live_version(call, tx)
        return _rewritten(tx, version, restore.clean(version, call.now_ms))

    version = await call.context.store.write(work)
    return Answer(headers=version_header(call.bucket, version.version_id))


def _live_version(call: Call, tx: MetaTx) -> ObjectVersion:
    live_bucket(tx, call.bucket)
    return find_version(call, tx)


def _rewritten(tx: MetaTx, version: ObjectVersion, state: ObjectState) -> ObjectVersion:
    changed = msgspec.structs.replace(version, state_json=state.to_json())
    tx.rewrite_version(changed)
    return changed


def require_readable(view: MetaView, bucket: Bucket, version: ObjectVersion, now_ms: int) -> None:
    """Refuse to read frozen content of a bucket's version (OSS GetObject, CopyObject,
    UploadPartCopy; documented). Raises InvalidObjectState; costs a statement only for archived
    objects of a bucket that has direct reads."""
    if version.storage_class.needs_restore:
        direct = _read_direct(view.bucket_setting(bucket, _DIRECT_READ)).enabled
        restore.require_readable(version, now_ms, direct_read=direct)


HANDLERS: Mapping[str, Handler] = {
    "RestoreObject": restore_object,
    "CleanRestoredObject": clean_restored_object,
}
