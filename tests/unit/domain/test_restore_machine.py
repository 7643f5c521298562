"""Archived objects: every state with every request, days and tiers, and what can be read."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from emulator.config import RestoreTimes
from emulator.domain import restore
from emulator.domain.errors import (
    ArchiveRestoreFileStale,
    ArchiveRestoreNotFinished,
    InvalidArgument,
    InvalidObjectState,
    OperationNotSupported,
    OssError,
    RestoreAlreadyInProgress,
)
from emulator.domain.model import Acl, ObjectState, ObjectVersion, StorageClass, VersionKind
from emulator.domain.restore import DAY_MS, HOUR_MS, RestoreJob, RestoreState, RestoreTiming

COLD, DEEP = StorageClass.COLD_ARCHIVE, StorageClass.DEEP_COLD_ARCHIVE
ARCHIVE, STANDARD = StorageClass.ARCHIVE, StorageClass.STANDARD
INSTANT = RestoreTiming(RestoreTimes.INSTANT, 1_000)
DOCUMENTED = RestoreTiming(RestoreTimes.DOCUMENTED, 1_000)
NOW = 1_000_000
STATES = {
    RestoreState.FROZEN: ObjectState(),
    RestoreState.RESTORING: ObjectState(
        restore_ready_ms=NOW + 1, restore_expires_ms=NOW + DAY_MS, restore_tier="Standard"
    ),
    RestoreState.RESTORED: ObjectState(
        restore_ready_ms=NOW, restore_expires_ms=NOW + 1, restore_tier="Standard"
    ),
}


def version(storage_class: StorageClass, state: ObjectState = ObjectState()) -> ObjectVersion:  # noqa: B008 - immutable
    return ObjectVersion(
        bucket_id=1,
        key="key",
        seq=1,
        version_id="null",
        kind=VersionKind.NORMAL,
        size_bytes=1,
        etag="AB",
        crc64=1,
        modified_ms=0,
        storage_class=storage_class,
        acl=Acl.DEFAULT,
        owner_uid="1",
        state_json=state.to_json(),
    )


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_read_off_the_clock(state: RestoreState) -> None:
    assert restore.restore_state(version(COLD, STATES[state]), NOW) is state


OUTCOMES: dict[tuple[RestoreState, str], RestoreState | type[OssError]] = {
    (RestoreState.FROZEN, "Expedited"): RestoreState.RESTORING,
    (RestoreState.FROZEN, "Standard"): RestoreState.RESTORING,
    (RestoreState.FROZEN, "Bulk"): RestoreState.RESTORING,
    (RestoreState.FROZEN, "clean"): ArchiveRestoreFileStale,
    (RestoreState.RESTORING, "Expedited"): RestoreState.RESTORING,
    (RestoreState.RESTORING, "Standard"): RestoreAlreadyInProgress,
    (RestoreState.RESTORING, "Bulk"): OperationNotSupported,
    (RestoreState.RESTORING, "clean"): ArchiveRestoreNotFinished,
    (RestoreState.RESTORED, "Expedited"): RestoreState.RESTORED,
    (RestoreState.RESTORED, "Standard"): RestoreState.RESTORED,
    (RestoreState.RESTORED, "Bulk"): RestoreState.RESTORED,
    (RestoreState.RESTORED, "clean"): RestoreState.FROZEN,
}


def test_the_table_is_whole() -> None:
    asked = ("Expedited", "Standard", "Bulk", "clean")
    assert OUTCOMES.keys() == set(itertools.product(RestoreState, asked))


@pytest.mark.parametrize(("before", "asked"), OUTCOMES)
def test_every_request_in_every_state(before: RestoreState, asked: str) -> None:
    subject, expected = version(COLD, STATES[before]), OUTCOMES[before, asked]

    def ask() -> ObjectState:
        if asked == "clean":
            return restore.clean(subject, NOW)
        return restore.restore(subject, RestoreJob(1, asked), NOW, DOCUMENTED).state

    if isinstance(expected, RestoreState):
        assert restore.restore_state(version(COLD, ask()), NOW) is expected
    else:
        with pytest.raises(expected):
            ask()


def test_the_numbers_of_refusals() -> None:
    slower = RestoreJob(1, "Bulk")
    with pytest.raises(OperationNotSupported) as lowered:
        restore.restore(version(COLD, STATES[RestoreState.RESTORING]), slower, NOW, INSTANT)
    assert lowered.value.ec == "0016-00000715"
    with pytest.raises(ArchiveRestoreFileStale) as stale:
        restore.clean(version(COLD), NOW)
    assert stale.value.ec == "0016-00000718"


def test_frozen_restoring_restored_and_frozen_again() -> None:
    subject = version(ARCHIVE)
    done = restore.restore(subject, RestoreJob(2), NOW, DOCUMENTED)
    assert done.before is RestoreState.FROZEN
    subject = version(ARCHIVE, done.state)
    for at_ms, state in (
        (NOW, RestoreState.RESTORING),
        (NOW + 59_999, RestoreState.RESTORING),
        (NOW + 60_000, RestoreState.RESTORED),
        (NOW + 60_000 + 2 * DAY_MS - 1, RestoreState.RESTORED),
        (NOW + 60_000 + 2 * DAY_MS, RestoreState.FROZEN),
    ):
        assert restore.restore_state(subject, at_ms) is state


def test_a_restored_object_stays_readable_longer_and_never_shorter() -> None:
    subject = version(ARCHIVE, restore.restore(version(ARCHIVE), RestoreJob(5), 0, INSTANT).state)
    longer = restore.restore(subject, RestoreJob(7), DAY_MS, INSTANT)
    assert longer.before is RestoreState.RESTORED
    assert longer.state.restore_expires_ms == 8 * DAY_MS
    shorter = restore.restore(subject, RestoreJob(1), DAY_MS, INSTANT)
    assert shorter.state == subject.state


@pytest.mark.parametrize(
    ("storage_class", "tier", "hours"),
    [
        (ARCHIVE, "", 1 / 60),
        (COLD, "Expedited", 1),
        (COLD, "", 5),
        (COLD, "Bulk", 12),
        (DEEP, "Expedited", 12),
        (DEEP, "Standard", 48),
    ],
)
def test_documented_times(storage_class: StorageClass, tier: str, hours: float) -> None:
    job = RestoreJob(1, tier)
    state = restore.restore(version(storage_class), job, 0, DOCUMENTED).state
    assert state.restore_ready_ms == hours * HOUR_MS
    assert restore.restore(version(storage_class), job, 0, INSTANT).state.restore_ready_ms == 1_000


def test_a_raised_tier_is_never_later() -> None:
    begun = restore.restore(version(COLD), RestoreJob(1, "Standard"), 0, DOCUMENTED).state
    late = 5 * HOUR_MS - 1
    hastened = restore.restore(version(COLD, begun), RestoreJob(1, "Expedited"), late, DOCUMENTED)
    assert hastened.state.restore_ready_ms == 5 * HOUR_MS
    assert hastened.state.restore_tier == "Expedited"


@pytest.mark.parametrize(
    ("storage_class", "job", "error", "ec"),
    [
        (STANDARD, RestoreJob(), OperationNotSupported, "0016-00000702"),
        (StorageClass.IA, RestoreJob(), OperationNotSupported, "0016-00000702"),
        (ARCHIVE, RestoreJob(0), InvalidArgument, "0016-00000708"),
        (ARCHIVE, RestoreJob(8), InvalidArgument, "0016-00000708"),
        (COLD, RestoreJob(366), InvalidArgument, "0016-00000704"),
        (DEEP, RestoreJob(366), InvalidArgument, "0016-00000704"),
        (COLD, RestoreJob(1, "wrong-tier"), InvalidArgument, "0016-00000703"),
        (DEEP, RestoreJob(1, "Bulk"), InvalidArgument, "0016-00000703"),
    ],
)
def test_jobs_a_class_does_not_have(
    storage_class: StorageClass, job: RestoreJob, error: type[OssError], ec: str
) -> None:
    with pytest.raises(error) as refused:
        restore.restore(version(storage_class), job, NOW, INSTANT)
    assert refused.value.ec == ec


@pytest.mark.parametrize("storage_class", StorageClass)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("direct", [True, False])
def test_what_can_be_read(storage_class: StorageClass, state: RestoreState, direct: bool) -> None:
    subject = version(storage_class, STATES[state])
    readable = (
        storage_class in (STANDARD, StorageClass.IA)
        or state is RestoreState.RESTORED
        or (direct and storage_class is ARCHIVE)
    )
    if readable:
        restore.require_readable(subject, NOW, direct_read=direct)
    else:
        with pytest.raises(InvalidObjectState):
            restore.require_readable(subject, NOW, direct_read=direct)


def test_restoring_keeps_what_else_befell_a_version() -> None:
    sealed = ObjectState(sealed_ms=5, legal_hold="ON")
    begun = restore.restore(version(ARCHIVE, sealed), RestoreJob(), NOW, INSTANT).state
    assert (begun.sealed_ms, begun.legal_hold) == (5, "ON")
    cleaned = restore.clean(version(ARCHIVE, begun), begun.restore_ready_ms)
    assert cleaned == sealed
    assert msgspec.structs.replace(begun, restore_tier="") == begun  # Archive has no tiers
