"""The version stack of a key: ids, and what a write or delete does to the stack. Pure.

(OSS versioning: unversioned, Enabled, Suspended and the null version; documented)
"""

from __future__ import annotations

import base64
import re
from typing import assert_never

import msgspec

from emulator.domain.model import ObjectVersion, Versioning
from emulator.rng import Rng

_FORM = re.compile(r"CAEQ[A-Za-z0-9_-]{60}")
_SEQ_OFFSET, _SEQ_BYTES = 5, 9
_HEAD = b"\x08\x01\x10\x01\x18"  # reads as the "CAEQ…" that real version ids begin with
_TAIL = b"\x22\x20"


def new_version_id(seq: int, rng: Rng) -> str:
    """A version id of 64 URL-safe characters that carries ``seq``.

    Clients must treat it as opaque; here the stack entry is found by it without an index. The
    form imitates the service's (a "CAEQ" start; inferred).
    """
    groups = bytes((seq >> (7 * i)) & 0x7F | 0x80 for i in range(_SEQ_BYTES - 1))
    packed = _HEAD + groups + bytes(((seq >> 56) & 0x7F,)) + _TAIL + rng.hex(32).encode()
    return base64.urlsafe_b64encode(packed).decode()


def is_version_id(text: str) -> bool:
    """Whether a text has the form of a version id, ours or another service's."""
    return _FORM.fullmatch(text) is not None


def seq_of_version_id(version_id: str) -> int | None:
    """The ``seq`` inside a version id, or ``None`` when the text is no version id of ours."""
    if not is_version_id(version_id):
        return None
    packed = base64.urlsafe_b64decode(version_id)
    if not packed.startswith(_HEAD) or not packed.startswith(_TAIL, _SEQ_OFFSET + _SEQ_BYTES):
        return None
    digits = packed[_SEQ_OFFSET : _SEQ_OFFSET + _SEQ_BYTES]
    if digits[-1] & 0x80 or not all(digit & 0x80 for digit in digits[:-1]):
        return None
    return sum((digit & 0x7F) << (7 * i) for i, digit in enumerate(digits))


class StackEdit(msgspec.Struct, frozen=True, gc=False):
    """What adding one entry on top of a stack changes below it.

    ``remove`` is replaced for good, ``unlist`` stays but is no longer the listed one.
    """

    remove: ObjectVersion | None = None
    unlist: ObjectVersion | None = None


def plan_entry(
    versioning: Versioning, current: ObjectVersion | None, null: ObjectVersion | None
) -> StackEdit:
    """How a new object version or delete marker goes on top of the stack.

    ``null`` is the null version, wherever it is; only needed while versioning is suspended.
    """
    listed = current if current is not None and not current.is_delete_marker else None
    match versioning:
        case Versioning.NEVER:
            return StackEdit(remove=current)
        case Versioning.ENABLED:
            return StackEdit(unlist=listed)
        case Versioning.SUSPENDED:
            keep = listed is not None and (null is None or listed.seq != null.seq)
            return StackEdit(remove=null, unlist=listed if keep else None)
    assert_never(versioning)
