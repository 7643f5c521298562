"""Which nonces were used, so that a request that was overheard cannot be sent again."""

from __future__ import annotations

import hashlib
from collections import deque

ENTRIES_MAX = 100_000
_DIGEST_BYTES = 16


class NonceMemory:
    """Nonces by access key for ``window_ms`` on the clock; beyond ``entries_max`` the oldest go.

    A request is refused by its date when its nonce is forgotten, as long as the window is at
    least twice the difference that dates may have. What is kept of a nonce is a digest: how long
    one may be is not documented, and memory must not grow with it.
    """

    def __init__(self, window_ms: int, entries_max: int = ENTRIES_MAX) -> None:
        self._window_ms = window_ms
        self._entries_max = entries_max
        self._used: set[tuple[str, bytes]] = set()
        self._order: deque[tuple[int, tuple[str, bytes]]] = deque()

    def __len__(self) -> int:
        return len(self._used)

    def use(self, access_key_id: str, nonce: str, now_ms: int) -> bool:
        """Use a nonce; False where it was used before. A clock set back forgets nothing."""
        while self._order and (
            self._order[0][0] + self._window_ms < now_ms or len(self._order) >= self._entries_max
        ):
            self._used.discard(self._order.popleft()[1])
        entry = (access_key_id, _digest(nonce))
        if entry in self._used:
            return False
        self._used.add(entry)
        self._order.append((now_ms, entry))
        return True


def _digest(nonce: str) -> bytes:
    text = nonce.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()
