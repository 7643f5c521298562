"""The retention policy of a bucket, and which versions may be overwritten or removed at all.

(OSS InitiateBucketWorm and what follows it; documented.) A policy is in progress for 24 hours
and gone after that unless it was locked; in either state every object is kept until the policy's
days after its last modification have passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from emulator.domain import retention
from emulator.domain.documents import reader_of
from emulator.domain.errors import (
    FileImmutable,
    InvalidBucketStatus,
    InvalidWORMConfiguration,
    NoSuchWORMConfiguration,
    OssError,
    VersioningLocked,
    WORMConfigurationAlreadyExists,
    WORMConfigurationLocked,
)
from emulator.domain.model import NULL_VERSION_ID, Bucket, ObjectVersion, Versioning
from emulator.domain.ports import MetaTx, MetaView, Rng
from emulator.domain.versions import plan_entry

SETTING = "worm"
DAY_MS = 86_400_000
DAYS_MAX = 25_550  # 70 years (documented)
_IN_PROGRESS_MS = DAY_MS
_VERSIONING_SUSPENDED = "0027-00000003"
_POLICY_EXISTS = "0012-00000006"
_WORM_ID_DIGITS = 20


class WormState(StrEnum):
    """Where a bucket's policy stands; the values are those of GetBucketWorm."""

    NONE = ""
    IN_PROGRESS = "InProgress"
    LOCKED = "Locked"


class WormEvent(StrEnum):
    """What is asked of a bucket's policy."""

    INITIATE = "initiate"
    ABORT = "abort"
    COMPLETE = "complete"
    EXTEND = "extend"


# To abort what is not there does nothing, and a locked policy cannot be locked again (inferred).
_NEXT: Mapping[tuple[WormState, WormEvent], WormState | type[OssError]] = {
    (WormState.NONE, WormEvent.INITIATE): WormState.IN_PROGRESS,
    (WormState.NONE, WormEvent.ABORT): WormState.NONE,
    (WormState.NONE, WormEvent.COMPLETE): NoSuchWORMConfiguration,
    (WormState.NONE, WormEvent.EXTEND): NoSuchWORMConfiguration,
    (WormState.IN_PROGRESS, WormEvent.INITIATE): WORMConfigurationAlreadyExists,
    (WormState.IN_PROGRESS, WormEvent.ABORT): WormState.NONE,
    (WormState.IN_PROGRESS, WormEvent.COMPLETE): WormState.LOCKED,
    (WormState.IN_PROGRESS, WormEvent.EXTEND): InvalidWORMConfiguration,
    (WormState.LOCKED, WormEvent.INITIATE): WORMConfigurationAlreadyExists,
    (WormState.LOCKED, WormEvent.ABORT): WORMConfigurationLocked,
    (WormState.LOCKED, WormEvent.COMPLETE): WORMConfigurationLocked,
    (WormState.LOCKED, WormEvent.EXTEND): WormState.LOCKED,
}


class WormPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A bucket's policy as the setting ``worm`` keeps it."""

    worm_id: str
    state: WormState
    retention_period_in_days: int
    created_ms: int

    def to_json(self) -> str:
        """The document of the setting."""
        return msgspec.json.encode(self).decode()

    def protects(self, version: ObjectVersion, now_ms: int) -> bool:
        """Whether the version may not be removed yet; delete markers may be (inferred)."""
        until_ms = version.modified_ms + self.retention_period_in_days * DAY_MS
        return now_ms < until_ms and not version.is_delete_marker


_read = reader_of(WormPolicy)


def policy_of(view: MetaView, bucket: Bucket, now_ms: int) -> WormPolicy | None:
    """The policy that is in force; one that was not locked within 24 hours is none."""
    if SETTING not in bucket.setting_names:
        return None
    policy = _read(view.bucket_setting(bucket, SETTING))
    is_over = policy.state is WormState.IN_PROGRESS and (
        now_ms >= policy.created_ms + _IN_PROGRESS_MS
    )
    return None if is_over else policy


# --- the policy itself: ``bucket`` as it is now -----------------------------------------------


def initiate(tx: MetaTx, bucket: Bucket, days: int, now_ms: int, rng: Rng) -> WormPolicy:
    """Begin a policy (OSS InitiateBucketWorm; documented).

    Raises InvalidWORMConfiguration, WORMConfigurationAlreadyExists (also where single objects are
    retained: the two exclude each other) and, while versioning is suspended, InvalidBucketStatus
    (both codes are inferred).
    """
    _check_days(days)
    state = _step(tx, bucket, WormEvent.INITIATE, now_ms)
    if retention.is_on(bucket):
        raise WORMConfigurationAlreadyExists
    if bucket.versioning is Versioning.SUSPENDED:
        raise InvalidBucketStatus(bucket.name, ec=_VERSIONING_SUSPENDED)
    policy = WormPolicy(
        worm_id=rng.hex(_WORM_ID_DIGITS).upper(),
        state=state,
        retention_period_in_days=days,
        created_ms=now_ms,
    )
    tx.put_bucket_setting(bucket.id, SETTING, policy.to_json())
    return policy


def abort(tx: MetaTx, bucket: Bucket, now_ms: int) -> None:
    """Give up a policy that is not locked (OSS AbortBucketWorm; documented)."""
    _step(tx, bucket, WormEvent.ABORT, now_ms)
    tx.delete_bucket_setting(bucket.id, SETTING)


def complete(tx: MetaTx, bucket: Bucket, worm_id: str, now_ms: int) -> None:
    """Lock a policy (OSS CompleteBucketWorm; documented). Raises NoSuchWORMConfiguration."""
    policy = _named(tx, bucket, worm_id, now_ms)
    state = _step(tx, bucket, WormEvent.COMPLETE, now_ms)
    _store(tx, bucket, msgspec.structs.replace(policy, state=state))


def extend(tx: MetaTx, bucket: Bucket, worm_id: str, days: int, now_ms: int) -> None:
    """Lengthen a locked policy (OSS ExtendBucketWorm; documented).

    Raises NoSuchWORMConfiguration, InvalidWORMConfiguration while it is in progress, and
    WORMConfigurationLocked for days that are not more (inferred for as many).
    """
    policy = _named(tx, bucket, worm_id, now_ms)
    _step(tx, bucket, WormEvent.EXTEND, now_ms)
    _check_days(days)
    if days <= policy.retention_period_in_days:
        raise WORMConfigurationLocked("The retention period can only be extended.")
    _store(tx, bucket, msgspec.structs.replace(policy, retention_period_in_days=days))


def check_versioning(tx: MetaTx, bucket: Bucket, asked: Versioning, now_ms: int) -> None:
    """Refuse another versioning state to a bucket that keeps what it has (documented).

    Under a policy no change is taken; where single objects are retained versioning stays enabled.
    Raises VersioningLocked (its code is inferred).
    """
    if asked is bucket.versioning:
        return
    if policy_of(tx, bucket, now_ms) is not None:
        raise VersioningLocked(
            bucket.name,
            "The versioning state cannot be changed while the bucket has a retention policy.",
            ec=_POLICY_EXISTS,
        )
    if retention.is_on(bucket):
        raise VersioningLocked(
            bucket.name,
            "The versioning state cannot be changed while objects of the bucket are retained.",
        )


def _step(view: MetaView, bucket: Bucket, event: WormEvent, now_ms: int) -> WormState:
    policy = policy_of(view, bucket, now_ms)
    outcome = _NEXT[WormState.NONE if policy is None else policy.state, event]
    if isinstance(outcome, WormState):
        return outcome
    raise outcome()


def _named(view: MetaView, bucket: Bucket, worm_id: str, now_ms: int) -> WormPolicy:
    policy = policy_of(view, bucket, now_ms)
    if policy is None or policy.worm_id != worm_id:
        raise NoSuchWORMConfiguration
    return policy


def _store(tx: MetaTx, bucket: Bucket, policy: WormPolicy) -> None:
    tx.put_bucket_setting(bucket.id, SETTING, policy.to_json())


def _check_days(days: int) -> None:
    if not 1 <= days <= DAYS_MAX:
        raise InvalidWORMConfiguration(
            f"The retention period must be between 1 and {DAYS_MAX} days."
        )


# --- what it protects -------------------------------------------------------------------------


class Protection(StrEnum):
    """Why a version may be neither overwritten nor removed."""

    NONE = ""
    BUCKET_POLICY = "bucket-policy"
    RETENTION = "retention"
    LEGAL_HOLD = "legal-hold"


def is_guarded(bucket: Bucket) -> bool:
    """Whether anything in the bucket can be protected; without it nothing below costs anything."""
    names = bucket.setting_names
    return SETTING in names or retention.SETTING in names


def protection(
    view: MetaView,
    bucket: Bucket,
    version: ObjectVersion,
    now_ms: int,
    *,
    bypass_governance: bool = False,
) -> Protection:
    """Why a version may not be overwritten or removed now, if it may not."""
    if not is_guarded(bucket):
        return Protection.NONE
    policy = policy_of(view, bucket, now_ms)
    if policy is not None and policy.protects(version, now_ms):
        return Protection.BUCKET_POLICY
    if not version.state_json:
        return Protection.NONE
    state = version.state
    if state.legal_hold == retention.LegalHold.ON:
        return Protection.LEGAL_HOLD
    if not retention.is_retained(state, now_ms):
        return Protection.NONE
    is_bypassed = bypass_governance and state.retention_mode == retention.RetentionMode.GOVERNANCE
    return Protection.NONE if is_bypassed else Protection.RETENTION


def require_mutable(
    view: MetaView,
    bucket: Bucket,
    version: ObjectVersion | None,
    now_ms: int,
    *,
    bypass_governance: bool = False,
) -> None:
    """Refuse to overwrite, append to or remove a version that is protected (OSS, FileImmutable;
    documented). No version, nothing to refuse. Without a policy it costs no statement."""
    if version is None or not is_guarded(bucket):
        return
    found = protection(view, bucket, version, now_ms, bypass_governance=bypass_governance)
    if found is not Protection.NONE:
        raise FileImmutable


def replaced_by_write(
    view: MetaView, bucket: Bucket, stacking: Versioning, current: ObjectVersion | None, key: str
) -> ObjectVersion | None:
    """The version that a new entry of the key takes the place of; ``stacking`` says how it is put
    on its stack. An extra version or delete marker takes nothing away (inferred for markers)."""
    null = None
    if stacking is Versioning.SUSPENDED:
        null = view.version(bucket.id, key, NULL_VERSION_ID)
    return plan_entry(stacking, current, null).remove


def require_replaceable(
    view: MetaView,
    bucket: Bucket,
    stacking: Versioning,
    current: ObjectVersion | None,
    key: str,
    now_ms: int,
) -> None:
    """``require_mutable`` of what a new entry of the key takes the place of."""
    if is_guarded(bucket):
        require_mutable(
            view, bucket, replaced_by_write(view, bucket, stacking, current, key), now_ms
        )
