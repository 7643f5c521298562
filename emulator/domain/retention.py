"""Retention and legal hold of single object versions (OSS ObjectWorm; documented).

A bucket that has the setting ``objectWorm`` gives its new versions a default retention; versions
carry what protects them in their ``ObjectState``. The setting cannot be taken away again.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from emulator.domain.documents import reader_of
from emulator.domain.errors import FileImmutable, InvalidArgument, InvalidRequest
from emulator.domain.model import Bucket, ObjectState, ObjectVersion, VersionKind
from emulator.domain.ports import MetaView

SETTING = "objectWorm"
_DAY_MS = 86_400_000
_YEAR_DAYS = 365
_LAST_MS = 253_402_300_799_000  # the last second of the year 9999
_STATE = msgspec.json.Decoder(ObjectState)


class RetentionMode(StrEnum):
    """How firmly a version is kept.

    GOVERNANCE is in the clients and was seen live; today's documentation names COMPLIANCE only.
    """

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


class LegalHold(StrEnum):
    """Whether a version is held whatever its retention (OSS PutObjectLegalHold; documented)."""

    ON = "ON"
    OFF = "OFF"


class DefaultRetention(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """What new versions of a bucket get; exactly one of ``days`` and ``years`` is not 0."""

    mode: RetentionMode
    days: int = 0
    years: int = 0

    def until_ms(self, now_ms: int) -> int:
        """Until when a version written now is kept; a year is 365 days (inferred)."""
        return min(now_ms + (self.days or self.years * _YEAR_DAYS) * _DAY_MS, _LAST_MS)


class _Rule(msgspec.Struct, frozen=True, rename="pascal"):
    default_retention: DefaultRetention


class ObjectWorm(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """The setting ``objectWorm``: that it is on, and the default retention if there is one."""

    object_worm_enabled: str
    rule: _Rule | None = None

    @property
    def default(self) -> DefaultRetention | None:
        """What new versions get."""
        return None if self.rule is None else self.rule.default_retention

    def to_json(self) -> str:
        """The document of the setting."""
        return msgspec.json.encode(self).decode()


def object_worm(default: DefaultRetention | None) -> ObjectWorm:
    """The setting with this default retention."""
    return ObjectWorm("Enabled", None if default is None else _Rule(default))


# Reads the setting's document.
read_object_worm = reader_of(ObjectWorm)


def is_on(bucket: Bucket) -> bool:
    """Whether single objects of the bucket can be retained."""
    return SETTING in bucket.setting_names


def require_on(bucket: Bucket) -> None:
    """Raises InvalidRequest where single objects cannot be retained (the code is inferred)."""
    if not is_on(bucket):
        raise InvalidRequest("The object-level retention policy of the bucket is not enabled.")


def first_state(
    view: MetaView, bucket: Bucket, state_json: str, asked_json: str, now_ms: int
) -> str:
    """The ``state_json`` of a new version: with what its writer asked, else the bucket's default.

    ``asked_json`` is an ``ObjectState`` with the retention and hold that the write names. Raises
    InvalidRequest where the bucket retains no objects and InvalidArgument for a date that is past.
    Costs nothing without either.
    """
    if not asked_json and not is_on(bucket):
        return state_json
    state = read_state(state_json)
    asked = read_state(asked_json)
    if asked_json:
        require_on(bucket)
        state = msgspec.structs.replace(state, legal_hold=asked.legal_hold)
    if asked.retention_mode:
        _require_future(asked.retain_until_ms, now_ms)
        return _retained(
            state, RetentionMode(asked.retention_mode), asked.retain_until_ms
        ).to_json()
    default = read_object_worm(view.bucket_setting(bucket, SETTING)).default
    if default is not None:
        state = _retained(state, default.mode, default.until_ms(now_ms))
    return state.to_json()


def read_state(state_json: str) -> ObjectState:
    """An ``ObjectState`` from its text."""
    return _STATE.decode(state_json) if state_json else ObjectState()


def retain(
    version: ObjectVersion,
    mode: RetentionMode,
    until_ms: int,
    now_ms: int,
    *,
    bypass_governance: bool,
) -> ObjectState:
    """The state of a version under another retention (OSS PutObjectRetention; documented).

    Under COMPLIANCE the date only moves back and the mode stays; under GOVERNANCE the same holds
    for who may not bypass it (inferred). Raises InvalidRequest for an appendable object,
    InvalidArgument for a date that is past and FileImmutable (the codes are inferred).
    """
    if version.kind is VersionKind.APPENDABLE:
        raise InvalidRequest("The retention of an appendable object cannot be set.")
    _require_future(until_ms, now_ms)
    state = version.state
    if is_retained(state, now_ms):
        is_weaker = until_ms < state.retain_until_ms or (
            mode is RetentionMode.GOVERNANCE and state.retention_mode == RetentionMode.COMPLIANCE
        )
        is_firm = state.retention_mode == RetentionMode.COMPLIANCE or not bypass_governance
        if is_weaker and is_firm:
            raise FileImmutable("The retention of the object cannot be shortened.")
    return _retained(state, mode, until_ms)


def hold(version: ObjectVersion, status: LegalHold) -> ObjectState:
    """The state of a version with a legal hold or without one (OSS PutObjectLegalHold)."""
    kept = status.value if status is LegalHold.ON else ""
    return msgspec.structs.replace(version.state, legal_hold=kept)


def is_retained(state: ObjectState, now_ms: int) -> bool:
    """Whether a retention is running."""
    return bool(state.retention_mode) and now_ms < state.retain_until_ms


def _retained(state: ObjectState, mode: RetentionMode, until_ms: int) -> ObjectState:
    return msgspec.structs.replace(state, retention_mode=mode.value, retain_until_ms=until_ms)


def _require_future(until_ms: int, now_ms: int) -> None:
    if until_ms <= now_ms:
        raise InvalidArgument(
            "The retain until date must be in the future.", name="RetainUntilDate", value=""
        )
