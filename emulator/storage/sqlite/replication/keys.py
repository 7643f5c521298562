"""Many keys as one value of a statement."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_encode = msgspec.json.Encoder().encode
_NUL = b"\\u0000"


def key_list(keys: Sequence[str]) -> str | None:
    """The keys as a list for ``json_each``; ``None`` if one holds what SQLite's JSON cuts off."""
    text = _encode(keys)
    return None if _NUL in text else text.decode()
