"""The root key of the key service: a file of the data folder, made once."""

from __future__ import annotations

import hmac
from pathlib import Path

from emulator.config import MEMORY
from emulator.kms.ports import Entropy
from emulator.kms.vault import ROOT_KEY_BYTES, fingerprint
from emulator.storage.folder import DataFolderError
from emulator.storage.secret_file import kept_secret

ROOT_KEY_NAME = "root.key"


class RootKeyLost(DataFolderError):
    """What the folder keeps encrypted is not opened by the root key, if there is one."""

    def __init__(self, folder: Path, problem: str) -> None:
        self.folder = folder
        super().__init__(
            f"the data folder {folder} encrypts keys and objects, and its {ROOT_KEY_NAME} "
            f"{problem}: put back the file that belongs to this folder, or give another folder"
        )


def open_root_key(
    data: str, sealed_with: str, entropy: Entropy, *, holds_sealed: bool = False
) -> bytes:
    """The root key of a data folder, or one for the life of the process in ``:memory:``.

    ``sealed_with`` is the fingerprint the store keeps, ``""`` until a start has got so far: only
    then a key is made, and it is durable before anything is sealed with it. ``holds_sealed``:
    something is sealed all the same, by a release that kept no fingerprint. Blocks on the disk.
    Raises RootKeyLost where the file is another's, damaged or missing.
    """
    if data == MEMORY:
        return entropy(ROOT_KEY_BYTES)
    folder = Path(data)
    path = folder / ROOT_KEY_NAME
    if (sealed_with or holds_sealed) and not path.exists():
        raise RootKeyLost(folder, "is missing")
    root_key = kept_secret(path, lambda: entropy(ROOT_KEY_BYTES))
    if len(root_key) != ROOT_KEY_BYTES:
        raise RootKeyLost(folder, "is damaged")
    if sealed_with and not hmac.compare_digest(fingerprint(root_key), sealed_with):
        raise RootKeyLost(folder, "belongs to another folder")
    return root_key
