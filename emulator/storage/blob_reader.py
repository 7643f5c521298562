"""Reading blobs from files, piece by piece."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Self

from emulator.domain.errors import BlobUnreadable
from emulator.domain.model import Blob, Extent
from emulator.storage.blob_files import BlobFolder

READ_BYTES = 256 << 10  # one piece; one more is read ahead


class FileBlobReader:
    """An asynchronous iterator of pieces. Whoever opens it closes it with ``aclose``.

    Reading to the end, or to an error, closes it as well. No file is touched before the first
    piece is asked for: an object may have thousands of extents.
    """

    def __init__(
        self,
        folder: BlobFolder,
        files: Sequence[tuple[Blob, Extent]],
        on_close: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._plan = pieces_of(files)
        self._on_close = on_close
        self._closed = False
        self._lock = threading.Lock()
        self._descriptor = -1
        self._file = ""
        self._next: Future[bytes] | None = None
        self._begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece. Raises ``BlobUnreadable``."""
        if not self._begun:
            self._begun = True
            self._next = self._begin()
        if self._next is None or self._closed:
            await self.aclose()
            raise StopAsyncIteration
        try:
            piece = await asyncio.wrap_future(self._next)
        except BaseException:
            await self.aclose()
            raise
        self._next = self._begin()
        return piece

    async def aclose(self) -> None:
        """Let go of the files. Doing it again is harmless."""
        if self._closed:
            return
        self._closed = self._begun = True
        if self._next is None:
            self._close_file()
        else:  # a piece may still be on its way in a thread
            self._next.add_done_callback(lambda _: self._close_file())
        self._on_close()

    def _begin(self) -> Future[bytes] | None:
        planned = next(self._plan, None)
        return None if planned is None else self._folder.submit(self._read, *planned)

    # in a thread

    def _read(self, file: str, offset_bytes: int, length_bytes: int) -> bytes:
        with self._lock:
            try:
                if file != self._file:
                    self._switch_to(file)
                data = os.pread(self._descriptor, length_bytes, offset_bytes)
            except OSError as error:
                raise BlobUnreadable(f"blob file {file}: {error.strerror}") from error
        if len(data) != length_bytes:
            raise BlobUnreadable(f"blob file {file} ends at {offset_bytes + len(data)}")
        return data

    def _switch_to(self, file: str) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._descriptor = os.open(self._folder.path(file), os.O_RDONLY)
        self._file = file

    def _close_file(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            self._file = ""
        if descriptor >= 0:
            os.close(descriptor)


def pieces_of(files: Sequence[tuple[Blob, Extent]]) -> Iterator[tuple[str, int, int]]:
    """(file, offset, length) of each piece to read, none longer than ``READ_BYTES``."""
    for blob, extent in files:
        end = extent.offset_bytes + extent.length_bytes
        for offset in range(extent.offset_bytes, end, READ_BYTES):
            yield blob.file, offset, min(READ_BYTES, end - offset)
