"""Combined CRC-64 values against those of the joined bytes."""

from __future__ import annotations

import pytest
from fastcrc.crc64 import xz
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.crc64 import combine, combine_all

PIECES = st.lists(st.binary(max_size=300), max_size=6)


def test_the_documented_value_in_two_halves() -> None:
    assert combine(xz(b"12345"), xz(b"6789"), 4) == 11051210869376104954


@given(first=st.binary(max_size=600), second=st.binary(max_size=600))
def test_two_pieces_are_the_whole(first: bytes, second: bytes) -> None:
    assert combine(xz(first), xz(second), len(second)) == xz(first + second)


@given(PIECES)
def test_many_pieces_are_the_whole(pieces: list[bytes]) -> None:
    whole = combine_all((xz(piece), len(piece)) for piece in pieces)
    assert whole == (xz(b"".join(pieces)) if any(pieces) else 0)


@settings(max_examples=20, deadline=None)
@given(length=st.integers(0, 3_000_000), first=st.binary(min_size=1, max_size=20))
def test_long_second_pieces(length: int, first: bytes) -> None:
    second = bytes(length)
    assert combine(xz(first), xz(second), length) == xz(first + second)


@given(
    one=st.integers(0, 2**64 - 1),
    lengths=st.tuples(st.integers(0, 2**50), st.integers(0, 2**50)),
)
def test_appending_in_two_steps_is_appending_at_once(one: int, lengths: tuple[int, int]) -> None:
    """Lengths beyond what can be hashed: the zero polynomial stands for the second piece."""
    first, second = lengths
    assert combine(combine(one, 0, first), 0, second) == combine(one, 0, first + second)


@pytest.mark.parametrize("crc64", [0, 1, 1 << 63, 2**64 - 1])
def test_nothing_appended_changes_nothing(crc64: int) -> None:
    assert combine(crc64, 0, 0) == crc64
