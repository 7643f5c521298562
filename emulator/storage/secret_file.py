"""A secret of the emulator in a file of the data folder, readable by its owner only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from emulator.storage.durability import sync_folder

_MODE = 0o600


def kept_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The bytes kept in ``path``; ``make`` makes them if there is no such file yet.

    Blocks on the disk. The file appears whole or not at all. Raises OSError.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    secret = make()
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
    return secret
