"""``ossemu`` with a planted bug: a short write of content is taken for a whole one."""

from __future__ import annotations

import os
import sys

import emulator.storage.blobs
from emulator.__main__ import main
from emulator.storage.blob_files import FileBlobWriter


class ShortWriter(FileBlobWriter):
    """Writes once and believes it."""

    def _write_pieces(self, pieces: list[bytes]) -> None:
        super()._write_pieces([])  # opens the file
        data = b"".join(pieces)
        os.write(self._descriptor, data)
        self._size_bytes += len(data)


if __name__ == "__main__":
    setattr(emulator.storage.blobs, "FileBlobWriter", ShortWriter)  # noqa: B010 - planted
    sys.exit(main())
