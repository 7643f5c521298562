"""Answers compressed on their way out (OSS GetObject, Accept-Encoding; documented)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import Self

from emulator.domain.ports import BlobReader

_SIZE_BYTES_MIN = 1024
_TYPES = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/rss+xml",
        "application/x-javascript",
        "text/cache-manifest",
        "text/css",
        "text/html",
        "text/json",
        "text/plain",
        "text/xml",
    }
)
_GZIP_WINDOW_BITS = 31  # zlib's way of saying "with a gzip head"
_INLINE_BYTES = 16 * 1024  # more than that is compressed outside the event loop


def is_compressed(accepted: str, headers: Mapping[str, str], size_bytes: int) -> bool:
    """Whether the whole content of an object is sent compressed.

    ``accepted`` is the request's Accept-Encoding, ``headers`` what the answer would show. Content
    that is encoded already is left alone (inferred).
    """
    if size_bytes < _SIZE_BYTES_MIN or "Content-Encoding" in headers:
        return False
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type in _TYPES and any(map(_names_gzip, accepted.split(",")))


def _names_gzip(coding: str) -> bool:
    name, _, parameter = coding.partition(";")
    if name.strip().lower() != "gzip":
        return False
    weight = parameter.replace(" ", "").lower()
    return not (weight.startswith("q=0") and not weight.strip("q=0."))


class Gzipped:
    """Another reader's content, compressed; a ``BlobReader`` itself that owns the other."""

    __slots__ = ("_compressor", "_source")

    def __init__(self, source: BlobReader) -> None:
        self._source: BlobReader | None = source
        self._compressor = zlib.compressobj(wbits=_GZIP_WINDOW_BITS)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece, never empty. Raises what the reader raises."""
        while self._source is not None:
            piece = await anext(self._source, None)
            if piece is None:
                await self.aclose()
                return self._compressor.flush()
            compressed = await self._compress(piece)
            if compressed:
                return compressed
        raise StopAsyncIteration

    async def _compress(self, piece: bytes) -> bytes:
        compress = self._compressor.compress
        if len(piece) <= _INLINE_BYTES:
            return compress(piece)
        return await asyncio.get_running_loop().run_in_executor(None, compress, piece)

    async def aclose(self) -> None:
        """Close the reader. Doing it again is harmless."""
        source, self._source = self._source, None
        if source is not None:
            await source.aclose()
