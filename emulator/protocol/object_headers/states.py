"""The headers about what befell an object: restored, retained, held."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.domain.model import ObjectState, ObjectVersion
from emulator.domain.restore import RestoreState, restore_state
from emulator.domain.retention import LegalHold, RetentionMode
from emulator.protocol.dates import http_date, iso_date, parse_iso_date

RESTORE = "x-oss-restore"
WORM_MODE = "x-oss-object-worm-mode"
WORM_UNTIL = "x-oss-object-worm-retain-until-date"
WORM_HOLD = "x-oss-object-worm-legal-hold"
BYPASS_GOVERNANCE = "x-oss-bypass-governance-retention"


def restore_header(version: ObjectVersion, now_ms: int) -> str | None:
    """``x-oss-restore`` of an archived object, in listings ``RestoreInfo``; ``None`` while it is
    frozen (OSS HeadObject, ListObjects; documented)."""
    if not version.state_json or not version.storage_class.needs_restore:
        return None
    match restore_state(version, now_ms):
        case RestoreState.FROZEN:
            return None
        case RestoreState.RESTORING:
            return 'ongoing-request="true"'
        case RestoreState.RESTORED:
            expires = http_date(version.state.restore_expires_ms)
            return f'ongoing-request="false", expiry-date="{expires}"'


def state_headers(version: ObjectVersion, now_ms: int) -> dict[str, str]:
    """What GET and HEAD show of restore, retention and hold; a hold that is off is not shown
    (observed)."""
    if not version.state_json:
        return {}
    shown: dict[str, str] = {}
    state = version.state
    restored = restore_header(version, now_ms)
    if restored is not None:
        shown[RESTORE] = restored
    if state.retention_mode:
        shown[WORM_MODE] = state.retention_mode
        shown[WORM_UNTIL] = iso_date(state.retain_until_ms)
    if state.legal_hold == LegalHold.ON:
        shown[WORM_HOLD] = state.legal_hold
    return shown


def read_retention(headers: Mapping[str, str]) -> str:
    """The retention and hold that a write asks for, as ``ObjectWrite.retention_json``.

    Raises InvalidArgument for what is no mode, date or status, and for a mode without a date or
    a date without a mode (inferred).
    """
    mode, until, held = headers.get(WORM_MODE), headers.get(WORM_UNTIL), headers.get(WORM_HOLD)
    if mode is None and until is None and held is None:
        return ""
    if mode is not None and mode not in RetentionMode.__members__:
        raise errors.InvalidArgument("The worm mode is invalid.", name=WORM_MODE, value=mode)
    if held is not None and held not in LegalHold.__members__:
        raise errors.InvalidArgument("The legal hold is invalid.", name=WORM_HOLD, value=held)
    until_ms = 0 if until is None else parse_iso_date(until)
    if until_ms is None or (mode is None) is not (until is None):
        raise errors.InvalidArgument(
            "The worm mode and a retain until date go together.", name=WORM_UNTIL, value=until or ""
        )
    return ObjectState(
        retention_mode=mode or "",
        retain_until_ms=until_ms,
        legal_hold=held if held == LegalHold.ON else "",
    ).to_json()


def bypasses_governance(headers: Mapping[str, str]) -> bool:
    """Whether the caller wants GOVERNANCE retention set aside; the right to it was checked."""
    return headers.get(BYPASS_GOVERNANCE, "").lower() == "true"
