"""The content of an answer closes what it reads from, whatever becomes of the answer."""

from __future__ import annotations

from typing import Self

import pytest

from emulator.domain.errors import BlobUnreadable
from emulator.protocol.pieces import Pieces


class Reader:
    """Pieces of a blob; ``None`` is where it cannot be read."""

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = iter(pieces)
        self.closed = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except StopIteration:
            raise StopAsyncIteration from None
        if piece is None:
            raise BlobUnreadable("gone")
        return piece

    async def aclose(self) -> None:
        self.closed += 1


async def test_bytes_and_readers_come_in_order_and_each_reader_is_closed_once() -> None:
    first, second = Reader(b"b", b"c"), Reader(b"e")
    pieces = Pieces([b"a", first, b"", b"d", second])
    assert [piece async for piece in pieces] == [b"a", b"b", b"c", b"d", b"e"]
    await pieces.aclose()
    assert (first.closed, second.closed) == (1, 1)


async def test_what_is_abandoned_half_way_is_closed() -> None:
    first, second = Reader(b"b", b"c"), Reader(b"e")
    pieces = Pieces([first, second])
    async for _ in pieces:
        break
    await pieces.aclose()
    await pieces.aclose()
    assert (first.closed, second.closed) == (1, 1)
    assert [piece async for piece in pieces] == []


async def test_what_never_began_is_closed() -> None:
    reader = Reader(b"a")
    await Pieces([reader]).aclose()
    assert reader.closed == 1


async def test_the_first_piece_read_ahead_is_not_lost() -> None:
    pieces = Pieces([b"", Reader(b"a", b"b"), b"c"])
    await pieces.begin()
    assert b"".join([piece async for piece in pieces]) == b"abc"


async def test_content_that_cannot_be_read_is_known_before_the_answer_begins() -> None:
    broken, other = Reader(None), Reader(b"a")
    with pytest.raises(BlobUnreadable):
        await Pieces([broken, other]).begin()
    assert (broken.closed, other.closed) == (1, 1)


async def test_nothing_at_all_is_no_piece() -> None:
    pieces = Pieces([])
    await pieces.begin()
    assert [piece async for piece in pieces] == []
