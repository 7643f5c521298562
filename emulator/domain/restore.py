"""Archived objects on the clock: frozen, being restored, restored for some days, frozen again.

Nothing runs in the background: a version keeps the instants between which it can be read
(``ObjectState``), and what it is at an instant follows from them. Restoring is not replicated.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from emulator.config import RestoreTimes
from emulator.domain.errors import (
    ArchiveRestoreFileStale,
    ArchiveRestoreNotFinished,
    InvalidArgument,
    InvalidObjectState,
    OperationNotSupported,
    RestoreAlreadyInProgress,
)
from emulator.domain.model import ObjectState, ObjectVersion, StorageClass

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_TIER_CANNOT_FALL = "0016-00000715"
_NOTHING_TO_CLEAN = "0016-00000718"
_NOT_AN_ARCHIVE = "0016-00000702"


class Tier(StrEnum):
    """How fast a restore is, the fastest first (OSS RestoreObject, Tier; documented)."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"
    BULK = "Bulk"


class RestoreState(StrEnum):
    """What an archived version is at an instant."""

    FROZEN = "frozen"
    RESTORING = "restoring"
    RESTORED = "restored"


class RestoreEvent(StrEnum):
    """What is asked of an archived version."""

    RESTORE = "restore"
    RAISE_TIER = "raise-tier"  # restore it faster than is being done
    LOWER_TIER = "lower-tier"
    CLEAN = "clean"  # CleanRestoredObject


# Raising the tier of a running restore starts it anew at that tier; CleanRestoredObject freezes
# what is restored (OSS RestoreObject, CleanRestoredObject; documented).
_NEXT: Mapping[RestoreState, Mapping[RestoreEvent, RestoreState]] = {
    RestoreState.FROZEN: {
        RestoreEvent.RESTORE: RestoreState.RESTORING,
    },
    RestoreState.RESTORING: {
        RestoreEvent.RAISE_TIER: RestoreState.RESTORING,
    },
    RestoreState.RESTORED: {
        RestoreEvent.RESTORE: RestoreState.RESTORED,
        RestoreEvent.RAISE_TIER: RestoreState.RESTORED,
        RestoreEvent.LOWER_TIER: RestoreState.RESTORED,
        RestoreEvent.CLEAN: RestoreState.FROZEN,
    },
}

# How long a restore takes at most (OSS RestoreObject, restoration priorities; documented).
_DOCUMENTED_MS: Mapping[StorageClass, Mapping[Tier, int]] = {
    StorageClass.ARCHIVE: {Tier.STANDARD: 60_000},
    StorageClass.COLD_ARCHIVE: {
        Tier.EXPEDITED: HOUR_MS,
        Tier.STANDARD: 5 * HOUR_MS,
        Tier.BULK: 12 * HOUR_MS,
    },
    StorageClass.DEEP_COLD_ARCHIVE: {Tier.EXPEDITED: 12 * HOUR_MS, Tier.STANDARD: 48 * HOUR_MS},
}
# Most days a restored object can be read, and the EC of more (documented).
_DAYS_MAX: Mapping[StorageClass, tuple[int, str]] = {
    StorageClass.ARCHIVE: (7, "0016-00000708"),
    StorageClass.COLD_ARCHIVE: (365, "0016-00000704"),
    StorageClass.DEEP_COLD_ARCHIVE: (365, "0016-00000704"),
}


class RestoreJob(msgspec.Struct, frozen=True):
    """What a RestoreObject asks: readable for ``days``, at ``tier`` (``""``: none was named)."""

    days: int = 1
    tier: str = ""


class RestoreTiming(msgspec.Struct, frozen=True):
    """How long restores take here: ``after_ms`` each, or as long as documented at most."""

    times: RestoreTimes
    after_ms: int

    def duration_ms(self, storage_class: StorageClass, tier: Tier) -> int:
        """How long a restore of this class takes."""
        if self.times is RestoreTimes.INSTANT:
            return self.after_ms
        return _DOCUMENTED_MS[storage_class][tier]


class Restored(msgspec.Struct, frozen=True):
    """What became of a request: the version's new state, and what it was before."""

    state: ObjectState
    before: RestoreState


def restore_state(version: ObjectVersion, now_ms: int) -> RestoreState:
    """What an archived version is at an instant."""
    state = version.state
    if not state.restore_ready_ms or now_ms >= state.restore_expires_ms:
        return RestoreState.FROZEN
    return RestoreState.RESTORING if now_ms < state.restore_ready_ms else RestoreState.RESTORED


def require_readable(version: ObjectVersion, now_ms: int, *, direct_read: bool = False) -> None:
    """Refuse to read content that is frozen or being restored (OSS GetObject; documented).

    ``direct_read``: the bucket lets Archive objects, and no colder ones, be read at once
    (OSS PutBucketArchiveDirectRead; documented). Raises InvalidObjectState.
    """
    if not version.storage_class.needs_restore:
        return
    if direct_read and version.storage_class is StorageClass.ARCHIVE:
        return
    if restore_state(version, now_ms) is not RestoreState.RESTORED:
        raise InvalidObjectState


def check_job(storage_class: StorageClass, job: RestoreJob) -> Tier:
    """The tier a job runs at. Raises OperationNotSupported where there is nothing to restore, and
    InvalidArgument for days or a tier that the class does not have (documented)."""
    if storage_class not in _DOCUMENTED_MS:
        raise OperationNotSupported(
            "The operation is not supported for this resource", ec=_NOT_AN_ARCHIVE
        )
    days_max, ec = _DAYS_MAX[storage_class]
    if not 1 <= job.days <= days_max:
        raise InvalidArgument(
            f"The days must be an integer between 1 and {days_max}.",
            name="Days",
            value=str(job.days),
            ec=ec,
        )
    wanted = job.tier or Tier.STANDARD.value
    for tier in _DOCUMENTED_MS[storage_class]:
        if tier.value == wanted:
            return tier
    raise InvalidArgument(
        "The restore tier is invalid.", name="Tier", value=job.tier, ec="0016-00000703"
    )


def restore(
    version: ObjectVersion, job: RestoreJob, now_ms: int, timing: RestoreTiming
) -> Restored:
    """Begin a restore, hasten it, or lengthen what it gave (OSS RestoreObject; documented).

    A restored version stays readable for ``days`` from now on, or as long as it was anyway
    (inferred). Raises OperationNotSupported, InvalidArgument and RestoreAlreadyInProgress.
    """
    tier = check_job(version.storage_class, job)
    before, state = restore_state(version, now_ms), version.state
    after = _next(before, _event(before, state, tier))
    kept_ms = job.days * DAY_MS
    if before is RestoreState.RESTORED:
        expires_ms = max(state.restore_expires_ms, now_ms + kept_ms)
        ready_ms = state.restore_ready_ms
    else:
        assert after is RestoreState.RESTORING
        ready_ms = now_ms + timing.duration_ms(version.storage_class, tier)
        if before is RestoreState.RESTORING:
            ready_ms = min(ready_ms, state.restore_ready_ms)
        expires_ms = ready_ms + kept_ms
    changed = msgspec.structs.replace(
        state,
        restore_ready_ms=ready_ms,
        restore_expires_ms=expires_ms,
        restore_tier="" if version.storage_class is StorageClass.ARCHIVE else tier.value,
    )
    return Restored(changed, before)


def clean(version: ObjectVersion, now_ms: int) -> ObjectState:
    """Freeze a restored version again (OSS CleanRestoredObject; documented).

    Raises OperationNotSupported where there is nothing to restore (inferred),
    ArchiveRestoreNotFinished and ArchiveRestoreFileStale.
    """
    check_job(version.storage_class, RestoreJob())
    _next(restore_state(version, now_ms), RestoreEvent.CLEAN)
    return msgspec.structs.replace(
        version.state, restore_ready_ms=0, restore_expires_ms=0, restore_tier=""
    )


def _event(before: RestoreState, state: ObjectState, tier: Tier) -> RestoreEvent:
    if before is RestoreState.FROZEN or not state.restore_tier:
        return RestoreEvent.RESTORE
    order = list(Tier)
    difference = order.index(tier) - order.index(Tier(state.restore_tier))
    if difference == 0:
        return RestoreEvent.RESTORE
    return RestoreEvent.RAISE_TIER if difference < 0 else RestoreEvent.LOWER_TIER


def _next(before: RestoreState, event: RestoreEvent) -> RestoreState:
    """The state that follows, or the error OSS answers."""
    after = _NEXT[before].get(event)
    if after is not None:
        return after
    if event is RestoreEvent.LOWER_TIER:
        raise OperationNotSupported("The restore priority cannot be lowered.", ec=_TIER_CANNOT_FALL)
    if event is not RestoreEvent.CLEAN:
        raise RestoreAlreadyInProgress
    if before is RestoreState.FROZEN:
        raise ArchiveRestoreFileStale(ec=_NOTHING_TO_CLEAN)
    raise ArchiveRestoreNotFinished
