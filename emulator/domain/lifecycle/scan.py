"""Carrying the rules out: what a page of a bucket asks for, and doing it.

A page is read and decided upon first; only what is to be done goes into a transaction, which looks
again: an entry that is no longer what the decision rested on is left to the next day's scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import msgspec

from emulator.domain import objects
from emulator.domain.errors import FileImmutable, NoSuchUpload
from emulator.domain.events import NOTIFICATIONS, record_key_event
from emulator.domain.events.names import CHANGE_STORAGE_CLASS
from emulator.domain.lifecycle.plan import (
    Action,
    ActionKind,
    Facts,
    planned_action,
    rule_aborting,
)
from emulator.domain.lifecycle.records import Entry, Scan, ScanPhase, entry_of
from emulator.domain.lifecycle.rules import Rules, Span
from emulator.domain.model import Bucket, ChangeKind, ObjectVersion, StorageClass
from emulator.domain.objects import Cause, Moment
from emulator.domain.ports import MetaTx, MetaView, Rng
from emulator.domain.uploads.parts import abort_upload
from emulator.domain.uploads.records import UploadName

SETTING = "lifecycle"
OPERATION = "Lifecycle"

# Classes of which OSS says when they were reached (OSS x-oss-transition-time; documented).
_TIMED_CLASSES = (StorageClass.COLD_ARCHIVE, StorageClass.DEEP_COLD_ARCHIVE)


class Planned(msgspec.Struct, frozen=True, gc=False):
    """Something to do with an entry."""

    entry: Entry
    action: Action


class Abortion(msgspec.Struct, frozen=True, gc=False):
    """An upload to abort."""

    key: str
    upload_id: str


class Page(msgspec.Struct, frozen=True):
    """What a page asks for, and how far the scan has come with it."""

    work: Sequence[Planned | Abortion]
    after: Scan


def moment_of(bucket: Bucket, now_ms: int, rng: Rng) -> Moment:
    """The moment of an action: its cause is the rule, on behalf of the bucket's owner."""
    cause = Cause(operation=OPERATION, request_id="", principal_uid=bucket.owner_uid, peer="")
    return Moment(now_ms=now_ms, rng=rng, cause=cause)


def read_page(view: MetaView, rules: Rules, scan: Scan, now_ms: int, *, limit: int) -> Page:
    """Decide about the next entries or uploads of a bucket; at the end the phase goes on."""
    if scan.phase is ScanPhase.VERSIONS:
        return _read_entries(view, rules, scan, now_ms, limit)
    return _read_uploads(view, rules, scan, now_ms, limit)


def _read_entries(view: MetaView, rules: Rules, scan: Scan, now_ms: int, limit: int) -> Page:
    span = _span_at(rules.version_spans, scan.key)
    if span is None:
        return Page((), _moved(scan, ScanPhase.UPLOADS))
    start, below_seq = span.start, 0
    if scan.key >= span.start:
        start, below_seq = scan.key, scan.seq
    # One more: it says whether the last one is alone on its stack.
    found = view.scanned_entries(
        scan.bucket_id, start=start, below_seq=below_seq, end=span.end, limit=limit + 1
    )
    work: list[Planned] = []
    above = (scan.key, scan.written_ms) if below_seq else ("", 0)
    for facts in _facts(found, limit, above, _accesses(view, rules, scan.bucket_id, found)):
        action = planned_action(rules, facts, now_ms)
        if action is not None:
            work.append(Planned(facts.entry, action))
    if len(found) > limit:
        last = found[limit - 1]
        return Page(work, _moved(scan, ScanPhase.VERSIONS, last))
    if span.end is None:
        return Page(work, _moved(scan, ScanPhase.UPLOADS))
    return Page(work, _moved(scan, ScanPhase.VERSIONS, key=span.end))


def _facts(
    found: Sequence[Entry], limit: int, above: tuple[str, int], accesses: _Accesses | None
) -> Iterator[Facts]:
    """What the decision about each of the first ``limit`` entries rests on.

    ``above``: key and instant of the entry before them. It is as it was when the scan met it, so
    that what the scan removes from a stack does not make the entries below younger.
    """
    above_key, above_ms = above
    for entry, below in zip_longest(found[:limit], found[1 : limit + 1]):
        since_ms = above_ms if entry.key == above_key else None
        yield Facts(
            entry=entry,
            noncurrent_since_ms=since_ms,
            is_alone=since_ms is None and (below is None or below.key != entry.key),
            accessed_ms=None if accesses is None else accesses.of(entry),
        )
        above_key, above_ms = entry.key, entry.modified_ms


def _read_uploads(view: MetaView, rules: Rules, scan: Scan, now_ms: int, limit: int) -> Page:
    span = _span_at(rules.upload_spans, scan.key)
    if span is None:
        return Page((), _moved(scan, ScanPhase.DONE))
    start, after_id = span.start, ""
    if scan.key >= span.start:
        start, after_id = scan.key, scan.upload_id
    found = view.upload_entries(
        scan.bucket_id, start=start, after_id=after_id, end=span.end, limit=limit
    )
    work = [
        Abortion(upload.key, upload.upload_id)
        for upload in found
        if rule_aborting(rules, upload.key, upload.initiated_ms, now_ms)
    ]
    if len(found) == limit:
        last = found[-1]
        after = _moved(scan, ScanPhase.UPLOADS, key=last.key)
        return Page(work, msgspec.structs.replace(after, upload_id=last.upload_id))
    if span.end is None:
        return Page(work, _moved(scan, ScanPhase.DONE))
    return Page(work, _moved(scan, ScanPhase.UPLOADS, key=span.end))


def _span_at(spans: Sequence[Span], key: str) -> Span | None:
    """The span in which to go on from ``key``."""
    for span in spans:
        if span.end is None or key < span.end:
            return span
    return None


def _moved(scan: Scan, phase: ScanPhase, last: Entry | None = None, *, key: str = "") -> Scan:
    """The scan at the beginning of a phase, at a key, or after the last entry looked at."""
    at = Scan(bucket_id=scan.bucket_id, scheduled_ms=scan.scheduled_ms, phase=phase, key=key)
    if last is None:
        return at
    return msgspec.structs.replace(at, key=last.key, seq=last.seq, written_ms=last.modified_ms)


class _Accesses(msgspec.Struct, frozen=True):
    """Last reads of the entries of a page."""

    since_ms: int
    kept_ms: dict[tuple[str, int], int]

    def of(self, entry: Entry) -> int:
        return last_access_ms(
            self.since_ms, entry.modified_ms, self.kept_ms.get((entry.key, entry.seq))
        )


def last_access_ms(since_ms: int, modified_ms: int, kept_ms: int | None) -> int:
    """The last access of a version: a read that is kept, its writing, or the beginning of the
    monitor, whichever was last (OSS PutBucketAccessMonitor, initial value; documented)."""
    return max(since_ms, modified_ms, kept_ms or 0)


def _accesses(
    view: MetaView, rules: Rules, bucket_id: int, entries: Sequence[Entry]
) -> _Accesses | None:
    since_ms = view.monitored_since_ms(bucket_id) if rules.uses_access_time else None
    if since_ms is None or not entries:
        return None
    kept_ms = view.access_times_ms(bucket_id, entries[0].key, entries[-1].key)
    return _Accesses(since_ms, kept_ms)


# doing it


def carry_out(
    tx: MetaTx,
    bucket: Bucket,
    work: Sequence[Planned | Abortion],
    moment: Moment,
    *,
    records_transitions: bool = False,
) -> int:
    """Do what a page asks for; how much of it was still to be done.

    ``records_transitions``: other classes are changes that replication is to hear of.

    What a retention policy or a legal hold protects stays (documented). Of the events of these
    actions only changes of the class are reported: the others are named after requests (inferred).
    """
    done = 0
    for each in work:
        try:
            if isinstance(each, Abortion):
                abort_upload(tx, UploadName(bucket.id, each.key, each.upload_id), moment)
                done += 1
            else:
                done += _act(tx, bucket, each, moment, records_transitions)
        except (FileImmutable, NoSuchUpload):
            continue
    return done


def _act(
    tx: MetaTx, bucket: Bucket, planned: Planned, moment: Moment, records_transitions: bool
) -> int:
    entry, action = planned.entry, planned.action
    version = tx.version_by_seq(bucket.id, entry.key, entry.seq)
    if version is None or entry_of(version) != entry:
        return 0
    match action.kind:
        case ActionKind.EXPIRE:
            if not _is_current(tx, version):
                return 0
            objects.delete_object(tx, bucket, entry.key, moment)
        case ActionKind.REMOVE_MARKER:
            if len(tx.versions_of(bucket.id, entry.key, limit=2)) != 1:
                return 0
            objects.delete_version(tx, bucket, entry.key, version.version_id, moment)
        case ActionKind.REMOVE_NONCURRENT:
            if _is_current(tx, version):
                return 0
            objects.delete_version(tx, bucket, entry.key, version.version_id, moment)
        case ActionKind.MOVE:
            assert action.to is not None
            moved = change_class(tx, bucket, version, action.to, moment)
            if records_transitions and bucket.records_changes:
                tx.append_change(version=moved, kind=ChangeKind.TRANSITION, at_ms=moment.now_ms)
    return 1


def change_class(
    tx: MetaTx, bucket: Bucket, version: ObjectVersion, to: StorageClass, moment: Moment
) -> ObjectVersion:
    """Give a version another class as a rule has it, and report that (OSS event notifications,
    ChangeStorageClass; documented)."""
    moved = in_class(version, to, moment.now_ms)
    tx.rewrite_version(moved)
    if NOTIFICATIONS in bucket.setting_names:
        subject = {"deltaSize": 0, "eTag": moved.etag, "key": moved.key, "size": moved.size_bytes}
        record_key_event(tx, bucket, moment, moved.key, subject, name=CHANGE_STORAGE_CLASS)
    return moved


def _is_current(tx: MetaTx, version: ObjectVersion) -> bool:
    current = tx.current_version(version.bucket_id, version.key)
    return current is not None and current.seq == version.seq


def in_class(version: ObjectVersion, to: StorageClass, now_ms: int) -> ObjectVersion:
    """The version in another class, its modification time and content as they were."""
    state = msgspec.structs.replace(
        version.state, transition_ms=now_ms if to in _TIMED_CLASSES else 0
    )
    return msgspec.structs.replace(version, storage_class=to, state_json=state.to_json())
