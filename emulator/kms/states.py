"""What each call may do to a key in each state, as a table. Pure.

(KMS, key states; documented, except where a line says otherwise.)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec.structs import replace

from emulator.kms.model import Key, KeyState, Origin
from emulator.kms.refusals import KeyRefused, Reason

_E, _D = KeyState.ENABLED, KeyState.DISABLED
_P, _I = KeyState.PENDING_DELETION, KeyState.PENDING_IMPORT


class KeyCall(Enum):
    """The calls that a key's state has a say in; all others may be made in every state."""

    USE = "encrypt, decrypt, generate a data key"
    ENABLE = "EnableKey"
    DISABLE = "DisableKey"
    SCHEDULE_DELETION = "ScheduleKeyDeletion"
    CANCEL_DELETION = "CancelKeyDeletion"
    CREATE_ALIAS = "CreateAlias"
    UPDATE_ALIAS = "UpdateAlias"
    IMPORT = "ImportKeyMaterial"
    DELETE_MATERIAL = "DeleteKeyMaterial"
    ROTATE = "UpdateRotationPolicy, CreateKeyVersion"  # inferred: as using the key


_USABLE: Mapping[KeyState, KeyState | Reason] = {
    _E: _E,
    _D: Reason.DISABLED,
    _P: Reason.PENDING_DELETION,
    _I: Reason.PENDING_IMPORT,
}

# The state a call leaves a key in, or why it is refused.
NEXT: Mapping[KeyCall, Mapping[KeyState, KeyState | Reason]] = {
    KeyCall.USE: _USABLE,
    KeyCall.ROTATE: _USABLE,
    KeyCall.ENABLE: {_E: _E, _D: _E, _P: Reason.STATE, _I: Reason.STATE},
    KeyCall.DISABLE: {_E: _D, _D: _D, _P: Reason.STATE, _I: Reason.STATE},
    KeyCall.SCHEDULE_DELETION: {_E: _P, _D: _P, _P: Reason.STATE, _I: _P},
    KeyCall.CANCEL_DELETION: {_E: Reason.STATE, _D: Reason.STATE, _P: _E, _I: Reason.STATE},
    KeyCall.CREATE_ALIAS: {_E: _E, _D: _D, _P: Reason.STATE, _I: _I},
    KeyCall.UPDATE_ALIAS: {_E: _E, _D: _D, _P: Reason.PENDING_DELETION, _I: _I},
    # that a disabled key stays disabled is inferred
    KeyCall.IMPORT: {_E: _E, _D: _D, _P: Reason.STATE, _I: _E},
    KeyCall.DELETE_MATERIAL: {_E: _I, _D: _I, _P: _P, _I: _I},
}


def as_of(key: Key, now_ms: int) -> Key | None:
    """The key as time has left it: gone after its window, without material that expired."""
    if key.state is _P and key.delete_ms <= now_ms:
        return None
    if key.material_expires_ms and key.material_expires_ms <= now_ms and key.has_material:
        state = key.state if key.state is _P else _I
        return replace(key, state=state, has_material=False, material_expires_ms=0)
    return key


def after(key: Key, call: KeyCall) -> Key:
    """The key in the state that ``call`` leaves it in. Raises KeyRefused.

    A key whose deletion is cancelled while it has no material waits for some (inferred).
    """
    found = NEXT[call][key.state]
    if isinstance(found, Reason):
        text = f"{call.value}: key {key.id} is {key.state.value}."
        raise KeyRefused(found, text)
    if found is _E and key.origin is Origin.EXTERNAL and not key.has_material:
        found = _I
    return key if found is key.state else replace(key, state=found)
