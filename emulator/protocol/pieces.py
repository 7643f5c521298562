"""The content of an answer that is sent piece by piece."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Self

from emulator.domain.ports import BlobReader


class Pieces:
    """Bytes at hand and readers of blobs, one after the other; a ``BlobReader`` itself.

    It owns the readers: each is closed when it has been read, and all that are left with
    ``aclose``, which whoever holds this calls in any case.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Iterable[bytes | BlobReader]) -> None:
        self._parts = deque(parts)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece, never empty. Raises what the readers raise."""
        parts = self._parts
        while parts:
            part = parts[0]
            if isinstance(part, bytes):
                parts.popleft()
                if part:
                    return part
                continue
            async for piece in part:
                return piece
            parts.popleft()
            await part.aclose()
        raise StopAsyncIteration

    async def begin(self) -> None:
        """Read the first piece ahead, so that content which cannot be read at all is answered
        with an error. Raises what the readers raise, and is closed then."""
        try:
            async for piece in self:
                self._parts.appendleft(piece)
                return
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the readers that are left. Doing it again is harmless."""
        while self._parts:
            part = self._parts.popleft()
            if not isinstance(part, bytes):
                await part.aclose()
