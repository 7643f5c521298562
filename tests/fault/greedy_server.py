"""``ossemu`` with a planted bug: PutObject reads the whole body before it looks at it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import emulator.protocol.api.objects as api_object
from emulator.__main__ import main
from emulator.config import OssSettings
from emulator.domain.objects import Content
from emulator.domain.ports import BlobStore
from emulator.kms.sealed_content import Sealing
from emulator.protocol.body import ExpectedDigest, RequestBody, receive_content


class HeldBody(RequestBody):
    """A body whose pieces are all held at once."""

    __slots__ = ("_body",)

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self.declared_bytes = body.declared_bytes

    def require_length(self) -> None:
        self._body.require_length()

    async def pieces(self, bytes_max: int) -> AsyncIterator[bytes]:
        held = await self._body.read(bytes_max)
        for start in range(0, len(held), 1 << 20):
            yield held[start : start + (1 << 20)]


async def receive_all(
    body: RequestBody,
    blobs: BlobStore,
    settings: OssSettings,
    expected: ExpectedDigest,
    sealing: Sealing | None,
) -> Content:
    """What is planted."""
    return await receive_content(HeldBody(body), blobs, settings, expected, sealing=sealing)


if __name__ == "__main__":
    setattr(api_object, "receive_content", receive_all)  # noqa: B010 - the one place to plant it
    sys.exit(main())
