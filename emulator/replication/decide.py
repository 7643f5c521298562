"""What a change asks of a rule's destination: one pure decision, with its reason.

The conditions are those of the trigger list and the deletion truth table. In the names below a
bucket is *unversioned* when versioning was never enabled on it. Unequal or suspended versioning
is only met with ``repl.allow_mixed_versioning``; everything about it is inferred.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

import msgspec

from emulator.domain.encryption import (
    Algorithm,
    ReplicaKeys,
    default_key_id,
    encryption_of,
    replica_encryption,
)
from emulator.domain.model import (
    Change,
    ChangeKind,
    ObjectVersion,
    StorageClass,
    Versioning,
    VersionKind,
)
from emulator.domain.uploads.records import Part, Upload
from emulator.replication.model import Effect, RuleSpec, Skip, SkipReason, Work
from emulator.replication.settings import (
    KmsTable,
    MarkerPermission,
    MarkerPolicy,
    ReplicationSettings,
)

Decision: TypeAlias = Work | Skip


class UploadFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has to be looked up of the upload a change is about, or that became its object.

    ``upload`` and ``part`` are those of the source, ``None`` when they are gone; ``has_replica``
    says that the destination has the rule's replica of the upload, ``began_before_rule`` that it
    cannot have one.
    """

    upload: Upload | None = None
    part: Part | None = None
    has_replica: bool = False
    began_before_rule: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has to be looked up for a decision.

    ``source`` is the entry the change made or updated, or ``None`` when it is gone. In a bucket
    that keeps no versions it is the entry that stands for the key now: otherwise an object that
    is overwritten by a copy of another storage class before its own copy ran would be lost.
    ``destination_versioning`` and ``destination_class`` are ``None`` while there is no destination
    bucket.
    ``removed_was_current`` says of a removed version that nothing newer stood above it; only
    looked at where the versioning states differ.
    """

    source: ObjectVersion | None
    source_versioning: Versioning
    destination_versioning: Versioning | None
    destination_class: StorageClass | None = None
    removed_was_current: bool = False
    uploads: UploadFacts | None = None  # only of a change with an ``upload_id``


class CompiledRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule prepared for many decisions."""

    prefixes: tuple[str, ...]
    tags: frozenset[tuple[str, str]]
    match_all_tags: bool
    copies_sse_kms: bool
    service_key_id: str = ""  # SSE-KMS objects under this key are copied in any case
    leaves_plain_out: bool = False  # for the key they would get at the destination
    copies_deletes: bool
    copies_markers: bool
    copies_aborts: bool
    marker: Work  # with the right that a delete marker takes
    plain_delete_for_marker: Work


class _Encryption(msgspec.Struct, gc=False):
    algorithm: str = ""
    key_id: str = ""


_ENCRYPTION = msgspec.json.Decoder(_Encryption)
_SSE_KMS = "KMS"
_NEVER_COPIED = frozenset({StorageClass.COLD_ARCHIVE, StorageClass.DEEP_COLD_ARCHIVE})
_NO_UPLOAD = UploadFacts()

_COPY = Work(Effect.COPY_VERSION)
_UPDATE = Work(Effect.UPDATE_VERSION)
_DELETE_OBJECT = Work(Effect.DELETE_OBJECT, needs_delete_right=True)
_DELETE_VERSION = Work(Effect.DELETE_VERSION, needs_delete_right=True)
_COPY_UPLOAD = Work(Effect.COPY_UPLOAD)
_COPY_PART = Work(Effect.COPY_PART)
_ABORT_UPLOAD = Work(Effect.ABORT_UPLOAD, needs_delete_right=True)
_END_UPLOAD = Work(Effect.END_UPLOAD)

_OUTSIDE = Skip(SkipReason.OUTSIDE_PREFIXES)
_APPENDABLE_TO_COLD = Skip(SkipReason.APPENDABLE_TO_COLD)
_GONE = Skip(SkipReason.SOURCE_GONE)
_IS_REPLICA = Skip(SkipReason.IS_REPLICA)
_CLASS_ONLY = Skip(SkipReason.CLASS_CHANGE_ONLY)
_KMS = Skip(SkipReason.SSE_KMS_NOT_SELECTED)
_TAGS = Skip(SkipReason.TAGS_DO_NOT_MATCH)
_NO_DELETES = Skip(SkipReason.DELETES_NOT_REPLICATED)
_NO_MARKERS = Skip(SkipReason.MARKERS_NOT_REPLICATED)
_UPLOAD_BEFORE_RULE = Skip(SkipReason.UPLOAD_BEFORE_RULE)
_UPLOAD_GONE = Skip(SkipReason.UPLOAD_GONE)
_PART_REPLACED = Skip(SkipReason.PART_REPLACED)
_NO_ABORTS = Skip(SkipReason.ABORTS_NOT_REPLICATED)
_NO_REPLICA_UPLOAD = Skip(SkipReason.NO_REPLICA_UPLOAD)
_NOT_CURRENT = Skip(
    SkipReason.DELETES_NOT_REPLICATED,
    "the versioning states differ and the removed version was not the current object",
)


def compile_rule(
    spec: RuleSpec, settings: ReplicationSettings, keys: ReplicaKeys | None = None
) -> CompiledRule:
    """Prepare a rule; once per rule, not per change. ``keys`` are None while there is no
    destination."""
    deletes = spec.replicates_deletes
    match settings.dm_permission:
        case MarkerPermission.AUTO:
            marker_right = deletes
        case MarkerPermission.PUT:
            marker_right = False
        case MarkerPermission.DELETE:
            marker_right = True
        case _:
            assert_never(settings.dm_permission)
    tag_filter = spec.tag_filter
    selects_sse_kms = spec.sse_kms_status == "Enabled"
    service_key_id, leaves_plain_out = "", False
    if settings.kms_table is KmsTable.OF_2021 and keys is not None and not selects_sse_kms:
        service_key_id = default_key_id(keys.source)
        leaves_plain_out = _names_a_key(keys)
    return CompiledRule(
        prefixes=spec.prefixes,
        tags=frozenset(tag_filter.tags) if tag_filter else frozenset(),
        match_all_tags=tag_filter is not None and tag_filter.match_all,
        copies_sse_kms=selects_sse_kms,
        service_key_id=service_key_id,
        leaves_plain_out=leaves_plain_out,
        copies_deletes=deletes,
        copies_markers=deletes or settings.dm_when_no_delete is MarkerPolicy.COPY,
        copies_aborts=spec.replicates_aborts,
        marker=Work(Effect.COPY_MARKER, needs_delete_right=marker_right),
        plain_delete_for_marker=Work(Effect.DELETE_OBJECT, needs_delete_right=marker_right),
    )


def decide(rule: CompiledRule, change: Change, facts: Facts) -> Decision:
    """The work a change asks for, or why it asks for none. Never raises."""
    if rule.prefixes and not change.key.startswith(rule.prefixes):
        return _OUTSIDE
    kind = change.kind
    match kind:
        case ChangeKind.PUT:
            skip = _object_skip(rule, facts.source) or _cold_skip(facts)
            return _COPY if skip is None else _end_or_skip(facts.uploads, skip)
        case ChangeKind.UPDATE:
            return _object_skip(rule, facts.source) or _UPDATE
        case ChangeKind.MARKER:
            return _decide_marker(rule, change, facts)
        case ChangeKind.DELETE:
            return _DELETE_OBJECT if rule.copies_deletes else _NO_DELETES
        case ChangeKind.DELETE_VERSION:
            return _decide_version_delete(rule, change, facts)
        case ChangeKind.CLASS | ChangeKind.TRANSITION:
            return _decide_class(rule, kind, facts.source)
        case ChangeKind.INITIATE | ChangeKind.PART:
            return _decide_upload(rule, change, facts.uploads or _NO_UPLOAD)
        case ChangeKind.ABORT:
            return _decide_abort(rule, change, facts.uploads or _NO_UPLOAD)
        case _:
            assert_never(kind)


def matches_tags(rule: CompiledRule, tags: dict[str, str]) -> bool:
    """Whether an object with these tags passes the filter; without a filter everything does."""
    if not rule.tags:
        return True
    if rule.match_all_tags:
        return tags.items() >= rule.tags
    return not rule.tags.isdisjoint(tags.items())


def _object_skip(rule: CompiledRule, source: ObjectVersion | None) -> Skip | None:
    """Why an object version is not copied, if there is a reason."""
    if source is None or source.is_delete_marker:
        return _GONE
    if source.origin is not None:
        return _IS_REPLICA
    return _filter_skip(rule, source)


def _filter_skip(rule: CompiledRule, source: ObjectVersion | Upload) -> Skip | None:
    """Why the rule leaves an object version, or what an upload is to become, out."""
    if source.storage_class in _NEVER_COPIED:
        return Skip(SkipReason.STORAGE_CLASS, source.storage_class.value)
    if source.encryption_json:
        if not rule.copies_sse_kms and _needs_selection(rule, source.encryption_json):
            return _KMS
    elif rule.leaves_plain_out:
        return _KMS
    if rule.tags and not matches_tags(rule, _strings(source.tags_json)):
        return _TAGS
    return None


def _cold_skip(facts: Facts) -> Skip | None:
    """Cold Archive buckets take no appendable object (OSS, CRR, limits; documented)."""
    source = facts.source
    if source is None or source.kind is not VersionKind.APPENDABLE:
        return None
    return _APPENDABLE_TO_COLD if facts.destination_class in _NEVER_COPIED else None


def _decide_class(rule: CompiledRule, kind: ChangeKind, source: ObjectVersion | None) -> Decision:
    """A copy that only changes the class is left out (documented). A transition is only recorded
    with ``repl.replicate_transitions``. No content moves then, so that replicas follow into
    classes whose objects are never copied, too (inferred)."""
    if kind is ChangeKind.CLASS:
        return _CLASS_ONLY
    skip = _object_skip(rule, source)
    if skip is not None and skip.reason is not SkipReason.STORAGE_CLASS:
        return skip
    return _UPDATE


def _needs_selection(rule: CompiledRule, encryption_json: str) -> bool:
    """Whether an object is under SSE-KMS and has to be selected for that."""
    try:
        encryption = _ENCRYPTION.decode(encryption_json)
    except msgspec.DecodeError:
        return False
    if encryption.algorithm != _SSE_KMS:
        return False
    return not rule.service_key_id or encryption.key_id != rule.service_key_id


def _names_a_key(keys: ReplicaKeys) -> bool:
    """Whether plain objects get SSE-KMS at the destination, with a key that the bucket names."""
    wanted = encryption_of(replica_encryption("", keys))
    return (
        wanted is not None
        and wanted.algorithm == Algorithm.KMS
        and wanted.key_id != default_key_id(keys.destination)
    )


def _decide_upload(rule: CompiledRule, change: Change, facts: UploadFacts) -> Decision:
    """Beginning an upload, and its parts (OSS replication of multipart uploads; documented).

    The replica of an upload never replicates onward, like any other. An upload that began before
    the rule is copied through its object alone, whenever its parts came (inferred).
    """
    if facts.began_before_rule:
        return _UPLOAD_BEFORE_RULE
    upload = facts.upload
    if upload is None:
        return _UPLOAD_GONE
    if upload.origin is not None:
        return _IS_REPLICA
    skip = _filter_skip(rule, upload)
    if skip is not None:
        return skip
    if change.kind is ChangeKind.INITIATE:
        return _COPY_UPLOAD
    if facts.part is None or facts.part.seq != change.version_seq:
        return _PART_REPLACED
    return _COPY_PART


def _decide_abort(rule: CompiledRule, change: Change, facts: UploadFacts) -> Decision:
    """T13: only with ABORT in the Action, whoever aborted (lifecycle rules: inferred)."""
    if not rule.copies_aborts:
        return _NO_ABORTS
    if facts.began_before_rule:
        return _UPLOAD_BEFORE_RULE
    if rule.tags and not matches_tags(rule, _strings(change.prior_tags_json)):
        return _TAGS
    return _ABORT_UPLOAD if facts.has_replica else _NO_REPLICA_UPLOAD


def _end_or_skip(facts: UploadFacts | None, skip: Skip) -> Decision:
    """What becomes of the replica of an upload whose object is not copied: it goes, because there
    is nothing left that it stands for (inferred)."""
    return skip if facts is None or not facts.has_replica else _END_UPLOAD


def _decide_marker(rule: CompiledRule, change: Change, facts: Facts) -> Decision:
    """T4, T5, T9, T12, T18, T20 and the marker part of T23."""
    source = facts.source
    if source is None or not source.is_delete_marker:
        return _GONE
    if source.origin is not None:
        return _IS_REPLICA
    if rule.tags and not matches_tags(rule, _strings(change.prior_tags_json)):
        return _TAGS
    destination = facts.destination_versioning
    if destination is Versioning.NEVER and facts.source_versioning is not Versioning.NEVER:
        return _DELETE_OBJECT if rule.copies_deletes else _NO_DELETES
    if not rule.copies_markers:
        return _NO_MARKERS
    if destination is None or destination is facts.source_versioning:
        return rule.marker
    return rule.plain_delete_for_marker


def _decide_version_delete(rule: CompiledRule, change: Change, facts: Facts) -> Decision:
    """T6, T7, T10, T19, T21 and the version part of T22 and T23."""
    if not rule.copies_deletes:
        return _NO_DELETES
    if facts.source_versioning is Versioning.NEVER:
        return _DELETE_OBJECT  # the null version is the object
    destination = facts.destination_versioning
    if destination is None or destination is facts.source_versioning:
        return _DELETE_VERSION
    if facts.removed_was_current and change.removed_kind != VersionKind.DELETE_MARKER:
        return _DELETE_OBJECT
    return _NOT_CURRENT


_STRINGS = msgspec.json.Decoder(dict[str, str])


def _strings(text: str) -> dict[str, str]:
    return _STRINGS.decode(text) if text else {}
