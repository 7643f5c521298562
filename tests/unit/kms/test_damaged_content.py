"""Encrypted content of which something was changed: read right, or not at all, never wrong."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.access.policy.cache import PolicyCache
from emulator.domain.encryption import Encryption
from emulator.domain.errors import BlobUnreadable
from emulator.domain.model import Blob, BlobHome, Extent
from emulator.kms.frames import (
    FRAME_BYTES,
    HEAD_BYTES,
    SEALED_FRAME_BYTES,
    open_blob,
    seal,
    sealed_bytes,
)
from emulator.kms.object_keys import KeyUser, is_sealed, new_data_key, open_data_key
from emulator.kms.refusals import KeyRefused
from emulator.kms.sealed_content import OpeningReader
from emulator.kms.vault import TAG_BYTES
from emulator.rng import SeededRng
from emulator.storage.memory import MemoryBlobStore
from tests.unit.kms.keys_twin import HOLDER, KeyWorld

KEY = bytes(range(32))
SIZE = 2 * FRAME_BYTES + 1000  # three frames
CONTENT = hashlib.shake_128(b"content").digest(SIZE)
_numbers = itertools.count()


def entropy(length_bytes: int) -> bytes:
    return hashlib.shake_128(b"%d" % next(_numbers)).digest(length_bytes)


BLOB = seal(KEY, entropy, CONTENT)
ITSELF = KeyUser(principal=None, policies=PolicyCache(), now_ms=0)


def frame_at(place: int) -> int | None:
    """Which frame a stored byte belongs to, ``None`` for the head."""
    return None if place < HEAD_BYTES else (place - HEAD_BYTES) // SEALED_FRAME_BYTES


def regions() -> Iterator[tuple[str, int]]:
    """Every region of the format, its first and last byte."""
    yield from (("format", 0), ("salt begins", 1), ("salt ends", HEAD_BYTES - 1))
    start = HEAD_BYTES
    for frame, length in enumerate((FRAME_BYTES, FRAME_BYTES, SIZE % FRAME_BYTES)):
        tag = start + length
        for name, place in (("content", start), ("content ends", tag - 1), ("tag", tag)):
            yield f"frame {frame} {name}", place
        start = tag + TAG_BYTES
        yield f"frame {frame} tag ends", start - 1
    assert start == len(BLOB) == sealed_bytes(SIZE)


def flipped(place: int, mask: int) -> bytes:
    damaged = bytearray(BLOB)
    damaged[place] ^= mask
    return bytes(damaged)


async def read_file(blob: bytes, extents: list[tuple[int, int]]) -> bytes:
    """What is read of a blob in a file, until it ends or fails; ``BlobUnreadable`` is raised."""
    store = MemoryBlobStore(rng=SeededRng(1), known=set)
    writer = store.writer()
    await writer.write(blob)
    file = (await writer.finish()).file
    record = Blob(id=1, size_bytes=SIZE, home=BlobHome.FILE, file=file)
    reader = OpeningReader(store, [(record, Extent(1, *each)) for each in extents], KEY)
    pieces: list[bytes] = []
    try:
        async for piece in reader:
            pieces.append(piece)
            wanted = b"".join(CONTENT[start : start + length] for start, length in extents)
            assert wanted.startswith(b"".join(pieces)), "a wrong byte was handed on"
    finally:
        await reader.aclose()
    return b"".join(pieces)


def touched(start: int, length: int) -> range:
    return range(start // FRAME_BYTES, (start + length - 1) // FRAME_BYTES + 1)


RANGES = [(0, SIZE), (0, 1), (FRAME_BYTES - 1, 2), (FRAME_BYTES, FRAME_BYTES), (SIZE - 1, 1)]


@pytest.mark.parametrize(("name", "place"), list(regions()))
@pytest.mark.parametrize(("start", "length"), RANGES)
async def test_every_region_of_the_format(name: str, place: int, start: int, length: int) -> None:
    for mask in (0x01, 0x80):
        await check(flipped(place, mask), frame_at(place), start, length)


async def check(blob: bytes, frame: int | None, start: int, length: int) -> None:
    """Both ways to read fail if they touch the frame, and are right if they do not."""
    wanted = CONTENT[start : start + length]
    if frame is None or frame in touched(start, length):
        with pytest.raises(BlobUnreadable):
            open_blob(KEY, blob, start, length)
        with pytest.raises(BlobUnreadable):
            await read_file(blob, [(start, length)])
    else:
        assert open_blob(KEY, blob, start, length) == wanted
        assert await read_file(blob, [(start, length)]) == wanted


@given(
    place=st.integers(0, len(BLOB) - 1),
    mask=st.integers(1, 255),
    start=st.integers(0, SIZE - 1),
    length=st.integers(1, SIZE),
)
@example(place=HEAD_BYTES + SEALED_FRAME_BYTES, mask=1, start=FRAME_BYTES, length=1)
async def test_any_byte_and_any_stretch(place: int, mask: int, start: int, length: int) -> None:
    await check(flipped(place, mask), frame_at(place), start, min(length, SIZE - start))


@given(cut=st.integers(0, len(BLOB) - 1))
async def test_a_blob_that_ends_too_early(cut: int) -> None:
    for start, length in ((0, SIZE), (SIZE - 1, 1)):
        with pytest.raises(BlobUnreadable):
            open_blob(KEY, BLOB[:cut], start, length)
        with pytest.raises(BlobUnreadable):
            await read_file(BLOB[:cut], [(start, length)])


async def test_several_extents_of_a_damaged_blob() -> None:
    second = HEAD_BYTES + SEALED_FRAME_BYTES + 5
    with pytest.raises(BlobUnreadable):
        await read_file(flipped(second, 1), [(0, 10), (FRAME_BYTES, 10), (SIZE - 5, 5)])
    around = [(0, 10), (SIZE - 5, 5)]
    assert await read_file(flipped(second, 1), around) == CONTENT[:10] + CONTENT[-5:]


@pytest.mark.parametrize("algorithm", ["AES256", "SM4", "KMS"])
def test_every_byte_of_what_is_kept_with_an_object(algorithm: str) -> None:
    world = KeyWorld()
    key_id = world.key().id if algorithm == "KMS" else ""
    made = new_data_key(
        world.tx, world.vault, Encryption(algorithm, key_id).to_json(), HOLDER, ITSELF
    )
    text = made.encryption_json.encode()
    for place, mask in itertools.product(range(len(text)), (0x01, 0x04, 0x40, 0x80)):
        damaged = bytearray(text)
        damaged[place] ^= mask
        try:
            changed = damaged.decode()
            assert is_sealed(changed), f"{changed} is taken for plain content"
            opened = open_data_key(world.tx, world.vault, changed, ITSELF)
        except (UnicodeDecodeError, msgspec.MsgspecError, KeyRefused):
            continue
        assert opened == made.data_key


def test_the_key_id_that_is_shown_decides_nothing() -> None:
    world = KeyWorld()
    asked = Encryption("KMS", world.key().id).to_json()
    made = new_data_key(world.tx, world.vault, asked, HOLDER, ITSELF)
    kept = msgspec.json.decode(made.encryption_json, type=Encryption)
    shown = msgspec.structs.replace(kept, key_id=world.key().id).to_json()
    assert open_data_key(world.tx, world.vault, shown, ITSELF) == made.data_key
