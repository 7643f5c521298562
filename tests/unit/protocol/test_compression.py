"""When an answer is compressed, and that what comes out is what went in."""

from __future__ import annotations

import zlib

import pytest

from emulator.domain.ports import BlobReader
from emulator.protocol.compression import Gzipped, is_compressed
from emulator.protocol.pieces import Pieces

TEXT = {"Content-Type": "text/plain"}
ANSWERS = [
    ("gzip", TEXT, 1024, True),
    ("GZIP", TEXT, 1024, True),
    ("deflate, gzip", TEXT, 5000, True),
    ("gzip; q=0.1", TEXT, 5000, True),
    ("gzip;q=0", TEXT, 5000, False),
    ("gzip;q=0.0", TEXT, 5000, False),
    ("", TEXT, 5000, False),
    ("identity", TEXT, 5000, False),
    ("*", TEXT, 5000, False),
    ("gzip", TEXT, 1023, False),
    ("gzip", {"Content-Type": "Application/JSON; charset=utf-8"}, 1024, True),
    ("gzip", {"Content-Type": "application/octet-stream"}, 5000, False),
    ("gzip", {}, 5000, False),
    ("gzip", {**TEXT, "Content-Encoding": "br"}, 5000, False),
]


@pytest.mark.parametrize(("accepted", "headers", "size", "wanted"), ANSWERS)
def test_what_is_compressed(
    accepted: str, headers: dict[str, str], size: int, wanted: bool
) -> None:
    assert is_compressed(accepted, headers, size) is wanted


@pytest.mark.parametrize("sizes", [[], [1], [10, 100_000, 3], [20_000] * 20])
async def test_compressed_content_is_whole(sizes: list[int]) -> None:
    parts: list[bytes | BlobReader] = [bytes([size % 256]) * size for size in sizes]
    compressed = [piece async for piece in Gzipped(Pieces(parts))]
    assert all(compressed)
    whole = b"".join(part for part in parts if isinstance(part, bytes))
    assert zlib.decompress(b"".join(compressed), 31) == whole


async def test_the_reader_is_closed_when_nobody_wants_the_rest() -> None:
    content = Pieces([b"one", b"two"])
    compressed = Gzipped(content)
    await compressed.aclose()
    await compressed.aclose()
    assert [piece async for piece in compressed] == []
    assert [piece async for piece in content] == []
