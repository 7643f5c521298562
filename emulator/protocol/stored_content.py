"""Hashing content that is stored already, a stretch at a time."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence

import fastcrc
import msgspec

from emulator.domain.model import Extent, StagedBlob
from emulator.domain.ports import BlobWriter
from emulator.kms.sealed_content import Sealing, new_writer
from emulator.protocol.content import open_if_there
from emulator.protocol.context import ServerContext
from emulator.protocol.pieces import Pieces

_EXTENTS_AT_ONCE = 64  # looked up in one reading, so that the event loop is not held up
_PIECE_BYTES = 1024 * 1024
_HASH_INLINE_BYTES = 64 * 1024  # more than that is hashed outside the event loop


class Hashed(msgspec.Struct, frozen=True, kw_only=True):
    """What stored content hashes to, and the copy that was made of it, if any."""

    md5: bytes
    crc64: int
    copy: StagedBlob | None = None

    @property
    def md5_base64(self) -> str:
        """The MD5 as ``Content-MD5`` shows it."""
        return base64.b64encode(self.md5).decode()


class _Hashing:
    def __init__(self, sink: BlobWriter | None) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.crc64: int | None = None
        self._sink = sink
        self._parts: list[bytes] = []
        self._held = 0

    async def add(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._held += len(piece)
        if self._held >= _PIECE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._held = [], 0
        if len(data) > _HASH_INLINE_BYTES:
            await asyncio.get_running_loop().run_in_executor(None, self._update, data)
        elif data:
            self._update(data)
        if data and self._sink is not None:
            await self._sink.write(data)

    def _update(self, data: bytes) -> None:
        self.md5.update(data)
        self.crc64 = fastcrc.crc64.xz(data, self.crc64)


async def hash_extents(
    context: ServerContext,
    extents: Sequence[Extent],
    *,
    copies: bool = False,
    data_key: bytes | None = None,
    sealing: Sealing | None = None,
) -> Hashed | None:
    """MD5 and CRC-64 of the bytes of some extents; ``None`` if one of them is gone meanwhile.

    The extents are looked up a few at a time: nobody keeps them, so the caller has to make sure
    that they were still there at the end. ``copies``: write the bytes to a blob of their own,
    encrypted with ``sealing``. ``data_key`` is that of what is read, if it is encrypted.
    Raises BlobUnreadable.
    """
    sink = new_writer(context.blobs, sealing) if copies and extents else None
    hashing = _Hashing(sink)
    try:
        for start in range(0, len(extents), _EXTENTS_AT_ONCE):
            content = _open(context, extents[start : start + _EXTENTS_AT_ONCE], data_key)
            if content is None:
                await _abort(sink)
                return None
            try:
                async for piece in content:
                    await hashing.add(piece)
            finally:
                await content.aclose()
        await hashing.flush()
        staged = None if sink is None else await sink.finish()
    except BaseException:
        await _abort(sink)
        raise
    return Hashed(md5=hashing.md5.digest(), crc64=hashing.crc64 or 0, copy=staged)


async def _abort(sink: BlobWriter | None) -> None:
    if sink is not None:
        await sink.abort()


def _open(
    context: ServerContext, extents: Sequence[Extent], data_key: bytes | None
) -> Pieces | None:
    with context.store.read() as view:
        opened = open_if_there(view, context.blobs, extents, data_key)
    return None if opened is None else Pieces(opened)
