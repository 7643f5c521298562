"""Checking a new rule: what PutBucketReplication refuses, and what it silently changes. Pure.

The order of the checks is fixed: first what the request alone shows, element by element, then the
pair of buckets, then limits, versioning, the link and RTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from emulator.domain import errors
from emulator.domain.model import Bucket, Versioning
from emulator.replication import pairs
from emulator.replication.model import RtcStatus, Rule, RuleSpec, TagFilter
from emulator.replication.settings import ReplicationSettings
from emulator.rng import Rng

_ACTIONS = frozenset({"ALL", "PUT", "DELETE", "ABORT"})
_RULE_ID_CHARS_MAX = 255
_PREFIX_CHARS_MAX = 1023
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_ROLE_ARN = re.compile(r"acs:ram::([^:]*):role/(.+)", re.IGNORECASE)


class RequestedRule(msgspec.Struct, frozen=True, kw_only=True):
    """One ``Rule`` element as text; ``""`` where an element is absent or empty."""

    rule_id: str = ""
    destination_bucket: str = ""
    destination_location: str = ""
    transfer_type: str = ""
    prefixes: tuple[str, ...] = ()
    filter_type: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    action: str = ""
    historical: str = ""
    sync_role: str = ""
    sse_kms_status: str = ""
    replica_kms_key_id: str = ""
    rtc_status: str = ""


class RuleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks need to know.

    ``source_rules`` are the rules that leave the source; the counts are the rules a bucket takes
    part in, as source or as destination (OSS PutBucketReplication, limits; documented).
    """

    source: Bucket
    destination: Bucket | None
    source_rules: Sequence[Rule]
    source_rule_count: int
    destination_rule_count: int


def only_rule(requested: Sequence[RequestedRule]) -> RequestedRule:
    """The one rule of a request. Raises NoReplicationRule and TooManyReplicationRules."""
    if not requested:
        raise errors.NoReplicationRule
    if len(requested) > 1:
        raise errors.TooManyReplicationRules
    return requested[0]


def validate_rule(
    requested: RequestedRule, facts: RuleFacts, settings: ReplicationSettings, rng: Rng
) -> RuleSpec:
    """The rule to store (OSS PutBucketReplication; documented, normalisations observed).

    Raises, in this order: InvalidArgument for the ID, the destination's name (EC 0031-00000101)
    and its location; TooManyPrefixes, InvalidArgument for a prefix (overlap: EC 0031-00000019);
    TooManyFilterObjectTags, InvalidArgument for the tag filter, Action (EC 0031-00000023),
    HistoricalObjectReplication (EC 0031-00000011), TransferType (EC 0031-00000010), the KMS and
    the RTC status, SyncRole and, if it is required, ReplicaKmsKeyID; InvalidTargetBucket,
    InvalidTargetLocation, NoReplicationLocation (EC 0031-00000104), BadReplicationLocation;
    BucketReplicationAlreadyExist, InvalidArgument for an ID in use; TooManyOutgoingReplication,
    TooManyIncomingReplication; InvalidBucketStatus (EC 0031-00000053); InvalidArgument for the
    link (EC 0031-00000107) and a region without tag filters; ReplicationLocationNotSupportRtc;
    InvalidArgument for a region without SSE-KMS replication.
    """
    _check_target_names(requested)
    prefixes = _checked_prefixes(requested, facts.source.name, settings)
    tag_filter = _checked_tag_filter(requested, settings)
    _check_choices(requested)
    _check_sync_role(requested.sync_role, facts.source.owner_uid, settings)
    _check_replica_key(requested, settings)
    destination = _checked_destination(requested, facts)
    _check_existing(requested, facts)
    if facts.source_rule_count >= settings.max_rules:
        raise errors.TooManyOutgoingReplication
    if facts.destination_rule_count >= settings.max_rules:
        raise errors.TooManyIncomingReplication
    _check_versioning(facts.source, destination, settings, has_tags=tag_filter is not None)
    pairs.check_link(requested.transfer_type, facts.source, destination, settings)
    if tag_filter:
        pairs.check_tag_filter(facts.source, settings)
    rtc = RtcStatus.ENABLING if requested.rtc_status == "enabled" else RtcStatus.DISABLED
    if rtc is not RtcStatus.DISABLED:
        pairs.check_rtc(facts.source.region, destination.region)
    kms_status, kms_key = _normal_kms(requested)
    if kms_status == "Enabled":
        pairs.check_sse_kms(facts.source, destination)
    return RuleSpec(
        rule_id=requested.rule_id or rng.uuid(),
        destination_bucket=requested.destination_bucket,
        destination_location=requested.destination_location,
        transfer_type=requested.transfer_type,
        prefixes=prefixes,
        tag_filter=tag_filter,
        action=requested.action or "ALL",
        historical=requested.historical != "disabled",
        sync_role=requested.sync_role,
        sse_kms_status=kms_status,
        replica_kms_key_id=kms_key,
        rtc=rtc,
    )


def overlapping(prefixes: Iterable[str]) -> tuple[str, str] | None:
    """Two prefixes of which the first begins the second, if there are any."""
    ordered = sorted(prefixes)
    # In sorted order everything that begins with a prefix follows it without a gap.
    return next(
        ((shorter, longer) for shorter, longer in pairwise(ordered) if longer.startswith(shorter)),
        None,
    )


def _check_target_names(requested: RequestedRule) -> None:
    if len(requested.rule_id) > _RULE_ID_CHARS_MAX or not requested.rule_id.isprintable():
        raise errors.InvalidArgument(
            f"Rule ID must be at most {_RULE_ID_CHARS_MAX} printable characters.",
            name="ID",
            value=requested.rule_id,
        )
    if not _BUCKET_NAME.fullmatch(requested.destination_bucket):
        raise errors.InvalidArgument(
            "The destination bucket name is invalid.",
            name="Bucket",
            value=requested.destination_bucket,
            ec="0031-00000101",
        )
    if not requested.destination_location:
        raise errors.InvalidArgument(
            "The destination location is missing.", name="Location", value=""
        )


def _checked_prefixes(
    requested: RequestedRule, source_name: str, settings: ReplicationSettings
) -> tuple[str, ...]:
    prefixes = requested.prefixes
    if len(prefixes) > settings.max_prefixes:
        raise errors.TooManyPrefixes
    for prefix in prefixes:
        problem = _prefix_problem(prefix, source_name)
        if problem:
            raise errors.InvalidArgument(problem, name="Prefix", value=prefix)
    pair = overlapping(prefixes)
    if pair is not None:
        raise errors.InvalidArgument(
            f"The prefix {pair[0]} overlaps the prefix {pair[1]}.",
            name="Prefix",
            value=pair[1],
            ec="0031-00000019",
        )
    return () if prefixes == ("",) else prefixes


def _prefix_problem(prefix: str, source_name: str) -> str:
    if len(prefix) > _PREFIX_CHARS_MAX:
        return f"A prefix must not be longer than {_PREFIX_CHARS_MAX} characters."
    if prefix.endswith("*"):
        return "A prefix must not end with an asterisk."
    # Part by part: a bucket called "log" may well hold keys that begin with "catalog/".
    if source_name in prefix.split("/"):
        return "A prefix must not contain the bucket name."
    return ""


def _checked_tag_filter(
    requested: RequestedRule, settings: ReplicationSettings
) -> TagFilter | None:
    if not requested.tags:
        return None
    if len(requested.tags) > settings.max_filter_tags:
        raise errors.TooManyFilterObjectTags
    if requested.filter_type not in ("AND", "OR"):
        raise errors.InvalidArgument(
            "The filter type must be AND or OR.", name="FilterType", value=requested.filter_type
        )
    if any(not key for key, _ in requested.tags):
        raise errors.InvalidArgument("A filter tag has no key.", name="Key", value="")
    action = requested.action or "ALL"
    if not {"ALL", "DELETE"}.isdisjoint(action.split(",")):
        raise errors.InvalidArgument(
            "Tag filters cannot be combined with the replication of deletions.",
            name="Action",
            value=action,
        )
    return TagFilter(match_all=requested.filter_type == "AND", tags=requested.tags)


def _check_choices(requested: RequestedRule) -> None:
    if requested.action and not _ACTIONS.issuperset(requested.action.split(",")):
        raise errors.InvalidArgument(
            "The replication action is invalid.",
            name="Action",
            value=requested.action,
            ec="0031-00000023",
        )
    if requested.historical not in ("", "enabled", "disabled"):
        raise errors.InvalidArgument(
            "HistoricalObjectReplication must be enabled or disabled.",
            name="HistoricalObjectReplication",
            value=requested.historical,
            ec="0031-00000011",
        )
    if requested.transfer_type not in pairs.TRANSFER_TYPES:
        raise errors.InvalidArgument(
            "The transfer type must be internal or oss_acc.",
            name="TransferType",
            value=requested.transfer_type,
            ec="0031-00000010",
        )
    if requested.sse_kms_status not in ("", "Enabled", "Disabled"):
        raise errors.InvalidArgument(
            "The status of SseKmsEncryptedObjects must be Enabled or Disabled.",
            name="Status",
            value=requested.sse_kms_status,
        )
    if requested.rtc_status not in ("", "enabled", "disabled"):
        raise errors.InvalidArgument(
            "The RTC status must be enabled or disabled.",
            name="Status",
            value=requested.rtc_status,
        )


def _check_sync_role(sync_role: str, owner_uid: str, settings: ReplicationSettings) -> None:
    if not sync_role:
        if settings.require_sync_role:
            raise errors.MissingArgument("SyncRole is missing.")
        return
    arn = _ROLE_ARN.fullmatch(sync_role)
    # A role works for its own account's source bucket only (inferred from the two-sided set-up).
    named_wrongly = arn is None and ("/" in sync_role or ":" in sync_role)
    if named_wrongly or (arn is not None and arn[1] != owner_uid):
        raise errors.InvalidArgument(
            "SyncRole must be the name or ARN of a role of the source bucket's owner.",
            name="SyncRole",
            value=sync_role,
        )


def _check_replica_key(requested: RequestedRule, settings: ReplicationSettings) -> None:
    """A rule that selects SSE-KMS objects is to name the role and the key of their replicas.

    That it has to is documented (OSS PutBucketReplication, ReplicaKmsKeyID); that the service
    takes it without either is observed, and the default. The code of the refusal is inferred.
    """
    if not settings.require_replica_key or requested.sse_kms_status != "Enabled":
        return
    for name, value in (
        ("SyncRole", requested.sync_role),
        ("ReplicaKmsKeyID", requested.replica_kms_key_id),
    ):
        if not value:
            raise errors.InvalidArgument(
                f"{name} must be specified if SseKmsEncryptedObjects is Enabled.",
                name=name,
                value="",
            )


def _checked_destination(requested: RequestedRule, facts: RuleFacts) -> Bucket:
    source, destination = facts.source, facts.destination
    if destination is None or destination.id == source.id:
        raise errors.InvalidTargetBucket
    if destination.owner_uid != source.owner_uid and not requested.sync_role:
        raise errors.InvalidTargetBucket
    if destination.location != requested.destination_location:
        raise errors.InvalidTargetLocation
    pairs.check_locations(source, destination)
    return destination


def _check_existing(requested: RequestedRule, facts: RuleFacts) -> None:
    taken = {rule.spec.rule_id for rule in facts.source_rules}
    targets = {rule.spec.destination_bucket for rule in facts.source_rules}
    if requested.destination_bucket in targets:
        raise errors.BucketReplicationAlreadyExist(ec="0031-00000044")
    if requested.rule_id in taken:
        raise errors.InvalidArgument("Rule ID is not unique.", name="ID", value=requested.rule_id)


def _check_versioning(
    source: Bucket, destination: Bucket, settings: ReplicationSettings, *, has_tags: bool
) -> None:
    if has_tags and settings.tags_require_versioning:
        for bucket in (source, destination):
            if bucket.versioning is not Versioning.ENABLED:
                raise errors.InvalidBucketStatus(
                    bucket.name, "A rule with a tag filter needs versioning on both buckets."
                )
    if settings.allow_mixed_versioning:
        return
    for bucket in (source, destination):
        if bucket.versioning is Versioning.SUSPENDED:
            raise errors.InvalidBucketStatus(
                bucket.name,
                "Replication needs versioning enabled or never enabled, not suspended.",
                ec="0031-00000053",
            )
    if source.versioning is not destination.versioning:
        raise errors.InvalidBucketStatus(
            destination.name,
            "The versioning states of the source bucket and the destination bucket differ.",
            ec="0031-00000053",
        )


def _normal_kms(requested: RequestedRule) -> tuple[str, str]:
    """Status and key as stored: both only with a role, the key only while Enabled (observed)."""
    if not requested.sync_role:
        return "", ""
    if requested.sse_kms_status != "Enabled":
        return requested.sse_kms_status, ""
    return requested.sse_kms_status, requested.replica_kms_key_id
