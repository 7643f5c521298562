"""Encrypted content in frames: any stretch can be read, and nothing that was touched opens."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.errors import BlobUnreadable
from emulator.kms.frames import (
    FRAME_BYTES,
    HEAD_BYTES,
    SEALED_FRAME_BYTES,
    Sealer,
    content_bytes,
    open_blob,
    seal,
    sealed_bytes,
)

KEY = bytes(range(32))
_numbers = itertools.count()


def entropy(length_bytes: int) -> bytes:
    return hashlib.shake_128(b"%d" % next(_numbers)).digest(length_bytes)


def content(size_bytes: int) -> bytes:
    return hashlib.shake_128(b"content").digest(size_bytes)


SIZES = [1, 16, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 3 * FRAME_BYTES + 7]


@pytest.mark.parametrize("size_bytes", SIZES)
def test_what_is_sealed_opens_and_has_the_size_it_should_have(size_bytes: int) -> None:
    data = content(size_bytes)
    blob = seal(KEY, entropy, data)
    assert len(blob) == sealed_bytes(size_bytes)
    assert content_bytes(len(blob)) == size_bytes
    assert open_blob(KEY, blob, 0, size_bytes) == data
    assert data[:16] not in blob or size_bytes < 16


def test_two_blobs_under_one_data_key_have_nothing_in_common() -> None:
    one, other = (seal(KEY, entropy, content(100)) for _ in range(2))
    assert one[1:HEAD_BYTES] != other[1:HEAD_BYTES]
    assert one[HEAD_BYTES:] != other[HEAD_BYTES:]


@given(
    pieces=st.lists(st.integers(0, FRAME_BYTES + 50), min_size=1, max_size=6),
    start=st.integers(0, 3 * FRAME_BYTES),
    length=st.integers(1, 3 * FRAME_BYTES),
)
@settings(max_examples=60, deadline=None)
def test_any_stretch_of_content_that_came_in_any_pieces(
    pieces: list[int], start: int, length: int
) -> None:
    data = content(sum(pieces) or 1)
    sealer, sealed, at = Sealer(KEY, entropy), b"", 0
    for piece in pieces:
        sealed += sealer.update(data[at : at + piece])
        at += piece
    sealed += sealer.update(data[at:]) + sealer.finish()
    start = min(start, len(data) - 1)
    length = min(length, len(data) - start)
    assert open_blob(KEY, sealed, start, length) == data[start : start + length]


def test_every_single_byte_that_is_flipped_is_noticed() -> None:
    blob = seal(KEY, entropy, content(200))
    for index in range(len(blob)):
        for mask in (0x01, 0x80):
            damaged = bytearray(blob)
            damaged[index] ^= mask
            with pytest.raises(BlobUnreadable):
                open_blob(KEY, bytes(damaged), 0, 200)


def test_frames_cannot_be_exchanged_cut_off_or_taken_from_another_blob() -> None:
    size = 3 * FRAME_BYTES
    blob, other = (seal(KEY, entropy, content(size)) for _ in range(2))
    head, frames = blob[:HEAD_BYTES], blob[HEAD_BYTES:]
    first, second, third = (
        frames[index * SEALED_FRAME_BYTES : (index + 1) * SEALED_FRAME_BYTES] for index in range(3)
    )
    taken = other[HEAD_BYTES : HEAD_BYTES + SEALED_FRAME_BYTES]
    for wrong in (
        head + second + first + third,
        head + first + second,
        head + first + second + third[:-1],
        head + taken + second + third,
        head[:10],
        b"",
        other[:HEAD_BYTES] + frames,
    ):
        with pytest.raises(BlobUnreadable):
            open_blob(KEY, wrong, 0, size)
    with pytest.raises(BlobUnreadable):
        open_blob(bytes(32), blob, 0, size)
