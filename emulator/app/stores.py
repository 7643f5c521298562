"""Opening what the emulator keeps: the vault of the key service, blobs, secrets of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from emulator.config import MEMORY, Settings
from emulator.kms.vault import Vault
from emulator.rng import Rng
from emulator.storage.blobs import FileBlobStore
from emulator.storage.memory import MemoryBlobStore
from emulator.storage.root_key import open_root_key
from emulator.storage.secret_file import kept_secret
from emulator.storage.sqlite.store import SqliteStore

_LOG = logging.getLogger("ossemu")
_BLOBS = "blobs"
_CALLBACK_KEY = "callback-key.pem"


def open_vault(settings: Settings, store: SqliteStore) -> Vault:
    """The key service's vault. Raises DataFolderError where keys are there that do not open."""
    with store.read() as view:
        sealed_with = view.kms_root_fingerprint()
    try:
        return Vault(open_root_key(settings.data, sealed_with, os.urandom), os.urandom)
    except BaseException:
        store.abandon()  # a refused start leaves the folder as it was
        raise


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
