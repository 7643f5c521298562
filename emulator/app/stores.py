"""Opening what the emulator keeps: the vault of the key service, blobs, secrets of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from emulator.config import MEMORY, Settings
from emulator.domain.errors import StorageError
from emulator.kms.object_keys import opens_none
from emulator.kms.vault import Vault
from emulator.rng import Rng, SeededRng
from emulator.storage.blobs import FileBlobStore
from emulator.storage.memory import MemoryBlobStore
from emulator.storage.root_key import RootKeyLost, open_root_key
from emulator.storage.secret_file import kept_secret
from emulator.storage.sqlite.store import SqliteStore

_LOG = logging.getLogger("ossemu")
_BLOBS = "blobs"
_CALLBACK_KEY = "callback-key.pem"


def open_vault(settings: Settings, store: SqliteStore) -> Vault:
    """The key service's vault. Raises DataFolderError where something sealed does not open.

    ``keep_fingerprint`` has to follow before anything is sealed.
    """
    try:
        return _open_vault(settings.data, store)
    except BaseException:
        store.abandon()  # a refused start leaves the folder as it was
        raise


def _open_vault(data: str, store: SqliteStore) -> Vault:
    with store.read() as view:
        sealed_with = view.kms_root_fingerprint()
        sealed = [] if sealed_with else view.newest_sealed_objects()
    root_key = open_root_key(data, sealed_with, os.urandom, holds_sealed=bool(sealed))
    vault = Vault(root_key, os.urandom)
    if opens_none(vault, sealed):
        raise RootKeyLost(Path(data), "belongs to another folder")
    return vault


async def go_on_with_seed(settings: Settings, store: SqliteStore, rng: SeededRng) -> None:
    """Let no start on a data folder draw the names again that an earlier one drew and stored."""
    if settings.seed is None or settings.data == MEMORY:
        return
    try:
        rng.go_on(await store.write(lambda tx: tx.count_start()))
    except StorageError as error:  # a full disk, say, which must not keep anybody from deleting
        _LOG.warning("this start could not be counted, so names may be drawn again: %s", error)


async def keep_fingerprint(store: SqliteStore, vault: Vault) -> None:
    """Tie the folder to its root key, once: from then on it opens with no other.

    Whatever is sealed comes later in the store's log, so that no crash keeps that without this.
    """
    with store.read() as view:
        if view.kms_root_fingerprint():
            return
    try:
        await store.write(lambda tx: tx.keep_kms_root(vault.fingerprint))
    except StorageError as error:  # a full disk, say, which must not keep anybody from deleting
        _LOG.warning("which root key the data folder has could not be kept: %s", error)


def open_blobs(
    settings: Settings, store: SqliteStore, rng: Rng, failed: Callable[[], None]
) -> FileBlobStore | MemoryBlobStore:
    """Where large content is kept; ``failed`` is told when the disk stops keeping it."""
    if settings.data == MEMORY:
        return MemoryBlobStore(rng=rng, known=store.known_files)
    return FileBlobStore(
        Path(settings.data) / _BLOBS,
        durability=settings.durability,
        rng=rng,
        known=store.known_files,
        on_failure=lambda _: failed(),
    )


def keep_callback_key(settings: Settings, make: Callable[[], bytes]) -> bytes:
    """The key that callbacks are signed with, made at its first use."""
    if settings.data == MEMORY:
        return make()
    try:
        return kept_secret(Path(settings.data) / _CALLBACK_KEY, make)
    except OSError as error:  # a full disk, say: the key then lasts as long as the process
        _LOG.warning("the key of callbacks could not be kept: %s", error)
        return make()
