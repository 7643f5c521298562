"""What a change asks of a rule's destination: one pure decision, with its reason.

The conditions are those of the trigger list and the deletion truth table. In the names below a
bucket is *unversioned* when versioning was never enabled on it. Unequal or suspended versioning
is only met with ``repl.allow_mixed_versioning``; everything about it is inferred.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

import msgspec

from emulator.domain.model import (
    Change,
    ChangeKind,
    ObjectVersion,
    StorageClass,
    Versioning,
    VersionKind,
)
from emulator.replication.model import Effect, RuleSpec, Skip, SkipReason, Work
from emulator.replication.settings import (
    MarkerPermission,
    MarkerPolicy,
    ReplicationSettings,
)

Decision: TypeAlias = Work | Skip


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has to be looked up for a decision.

    ``source`` is the entry the change made or updated, or ``None`` when it is gone. In a bucket
    that keeps no versions it is the entry that stands for the key now: otherwise an object that
    is overwritten by a copy of another storage class before its own copy ran would be lost.
    ``destination_versioning`` is ``None`` while the destination bucket does not exist.
    ``removed_was_current`` says of a removed version that nothing newer stood above it; only
    looked at where the versioning states differ.
    """

    source: ObjectVersion | None
    source_versioning: Versioning
    destination_versioning: Versioning | None
    removed_was_current: bool = False


class CompiledRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule prepared for many decisions."""

    prefixes: tuple[str, ...]
    tags: frozenset[tuple[str, str]]
    match_all_tags: bool
    copies_sse_kms: bool
    copies_deletes: bool
    copies_markers: bool
    marker: Work  # with the right that a delete marker takes
    plain_delete_for_marker: Work


class _Encryption(msgspec.Struct, gc=False):
    algorithm: str = ""


_ENCRYPTION = msgspec.json.Decoder(_Encryption)
_SSE_KMS = "KMS"
_NEVER_COPIED = frozenset({StorageClass.COLD_ARCHIVE, StorageClass.DEEP_COLD_ARCHIVE})

_COPY = Work(Effect.COPY_VERSION)
_UPDATE = Work(Effect.UPDATE_VERSION)
_DELETE_OBJECT = Work(Effect.DELETE_OBJECT, needs_delete_right=True)
_DELETE_VERSION = Work(Effect.DELETE_VERSION, needs_delete_right=True)

_OUTSIDE = Skip(SkipReason.OUTSIDE_PREFIXES)
_GONE = Skip(SkipReason.SOURCE_GONE)
_IS_REPLICA = Skip(SkipReason.IS_REPLICA)
_CLASS_ONLY = Skip(SkipReason.CLASS_CHANGE_ONLY)
_KMS = Skip(SkipReason.SSE_KMS_NOT_SELECTED)
_TAGS = Skip(SkipReason.TAGS_DO_NOT_MATCH)
_NO_DELETES = Skip(SkipReason.DELETES_NOT_REPLICATED)
_NO_MARKERS = Skip(SkipReason.MARKERS_NOT_REPLICATED)
_NOT_CURRENT = Skip(
    SkipReason.DELETES_NOT_REPLICATED,
    "the versioning states differ and the removed version was not the current object",
)


def compile_rule(spec: RuleSpec, settings: ReplicationSettings) -> CompiledRule:
    """Prepare a rule; once per rule, not per change."""
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
    return CompiledRule(
        prefixes=spec.prefixes,
        tags=frozenset(tag_filter.tags) if tag_filter else frozenset(),
        match_all_tags=tag_filter is not None and tag_filter.match_all,
        copies_sse_kms=spec.sse_kms_status == "Enabled",
        copies_deletes=deletes,
        copies_markers=deletes or settings.dm_when_no_delete is MarkerPolicy.COPY,
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
            return _object_skip(rule, facts.source) or _COPY
        case ChangeKind.UPDATE:
            return _object_skip(rule, facts.source) or _UPDATE
        case ChangeKind.MARKER:
            return _decide_marker(rule, change, facts)
        case ChangeKind.DELETE:
            return _DELETE_OBJECT if rule.copies_deletes else _NO_DELETES
        case ChangeKind.DELETE_VERSION:
            return _decide_version_delete(rule, change, facts)
        case ChangeKind.CLASS:
            return _CLASS_ONLY
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
    if source.storage_class in _NEVER_COPIED:
        return Skip(SkipReason.STORAGE_CLASS, source.storage_class.value)
    if source.encryption_json and not rule.copies_sse_kms and _is_sse_kms(source):
        return _KMS
    if rule.tags and not matches_tags(rule, source.tags):
        return _TAGS
    return None


def _is_sse_kms(source: ObjectVersion) -> bool:
    try:
        return _ENCRYPTION.decode(source.encryption_json).algorithm == _SSE_KMS
    except msgspec.DecodeError:
        return False


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
