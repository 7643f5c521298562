"""Several ranges of an object in one answer: ``multipart/byteranges``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emulator.domain.ports import BlobReader, Rng
from emulator.protocol.ranges import ByteRange


def new_boundary(rng: Rng) -> str:
    """A line that separates the ranges, of the form of a UUID (documented sample)."""
    digits = rng.hex(32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def multipart_ranges(
    chosen: Sequence[ByteRange],
    size_bytes: int,
    content_type: str,
    boundary: str,
    open_range: Callable[[ByteRange], list[bytes | BlobReader]],
) -> tuple[list[bytes | BlobReader], int]:
    """The parts of the answer in order, and its length in bytes (OSS GetObject, multi-range
    download, sample answer; documented)."""
    parts: list[bytes | BlobReader] = []
    length_bytes, before = 0, ""
    for each in chosen:
        last = each.start + each.length_bytes - 1
        head = (
            f"{before}--{boundary}\r\nContent-type: {content_type}\r\n"
            f"Content-range: bytes {each.start}-{last}/{size_bytes}\r\n\r\n"
        ).encode()
        parts += [head, *open_range(each)]
        length_bytes += len(head) + each.length_bytes
        before = "\r\n"
    end = f"\r\n--{boundary}--\r\n".encode()
    parts.append(end)
    return parts, length_bytes + len(end)
