"""Content of unencrypted objects, encrypted for replicas beside the engine's transactions.

A transaction cannot wait for a large object to be read and written. It asks here for the content
instead, the task stays due, and the engine has it written before the next transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from emulator.domain.errors import BlobUnreadable, StorageError
from emulator.domain.model import BlobHome, Extent, StagedBlob
from emulator.domain.ports import BlobReader, BlobStore, BlobWriter
from emulator.kms.object_keys import DATA_KEY_BYTES
from emulator.kms.sealed_content import Sealing, SealingWriter
from emulator.kms.vault import Vault
from emulator.replication.ports import ReplicationStore

_AT_ONCE = 16  # objects between two transactions


class ContentName(msgspec.Struct, frozen=True):
    """Which content is meant: of one version, as it was looked at, for one rule."""

    rule_uid: int
    bucket_id: int
    seq: int
    extents: tuple[Extent, ...]


class Resealed(msgspec.Struct, frozen=True):
    """Content that is encrypted and staged, and its data key; or why it is not."""

    data_key: bytes = b""
    staged: StagedBlob | None = None
    failure: str = ""


class Resealing:
    """What is asked for and what is ready."""

    def __init__(self, vault: Vault, blobs: BlobStore) -> None:
        self._vault = vault
        self._blobs = blobs
        self._asked: dict[ContentName, None] = {}
        self._ready: dict[ContentName, Resealed] = {}

    def take(self, name: ContentName) -> Resealed | None:
        """The content; ``None``, and asked for, if it is not ready. It is given out once."""
        found = self._ready.pop(name, None)
        if found is None and len(self._asked) < _AT_ONCE:
            self._asked[name] = None
        return found

    async def prepare(self, store: ReplicationStore) -> None:
        """Write what was asked for."""
        while self._asked:
            name = next(iter(self._asked))
            self._ready[name] = await self._write(store, name)
            del self._asked[name]

    async def discard(self) -> None:
        """Give up what nobody took: its source went meanwhile, or its key."""
        while self._ready:
            _, left = self._ready.popitem()
            if left.staged is not None:
                await self._blobs.discard(left.staged)

    async def _write(self, store: ReplicationStore, name: ContentName) -> Resealed:
        data_key = self._vault.random(DATA_KEY_BYTES)
        try:
            parts = self._open(store, name.extents)
            writer = SealingWriter(self._blobs.writer(), Sealing(data_key, self._vault.random))
            staged = await _copied(parts, writer)
        except (BlobUnreadable, StorageError) as error:
            return Resealed(failure=str(error))
        return Resealed(data_key, staged)

    def _open(self, store: ReplicationStore, extents: Sequence[Extent]) -> list[bytes | BlobReader]:
        with store.read() as view:
            found = view.blobs([extent.blob_id for extent in extents])
            if any(extent.blob_id not in found for extent in extents):
                raise BlobUnreadable("the content is gone")
            parts: list[bytes | BlobReader] = []
            for extent in extents:
                blob = found[extent.blob_id]
                if blob.home is BlobHome.FILE:
                    parts.append(self._blobs.open([(blob, extent)]))
                    continue
                data = view.inline_data(blob.id) or b""
                parts.append(data[extent.offset_bytes :][: extent.length_bytes])
        return parts


async def _copied(parts: list[bytes | BlobReader], writer: BlobWriter) -> StagedBlob:
    try:
        for part in parts:
            if isinstance(part, bytes):
                await writer.write(part)
                continue
            async for piece in part:
                await writer.write(piece)
        return await writer.finish()
    except BaseException:
        await writer.abort()
        raise
    finally:
        for part in parts:
            if not isinstance(part, bytes):
                await part.aclose()
