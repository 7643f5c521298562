"""How encrypted content is laid out: frames that can be read one by one.

A sealed blob is a head (format number and a random salt) and frames, each 64 KiB of content under
AES-256-GCM. The key of the blob is derived from the object's data key and the salt, so every blob
has its own, although one data key serves all blobs of an object. A frame's nonce is its number,
and the number and whether it is the last one are authenticated with it: ranges can be read, and
frames that were changed, exchanged, cut off or taken from another blob do not open.
"""

from __future__ import annotations

import hashlib
import hmac

from emulator.domain.errors import BlobUnreadable
from emulator.kms.model import KeySpec
from emulator.kms.ports import Entropy
from emulator.kms.vault import NONCE_BYTES, TAG_BYTES, Cipher, cipher_of, invalid_tag

FRAME_BYTES = 64 * 1024
SEALED_FRAME_BYTES = FRAME_BYTES + TAG_BYTES
SALT_BYTES = 32
HEAD_BYTES = 1 + SALT_BYTES

_FORMAT = b"\x01"
_PURPOSE = b"ossemu blob: "


def frame_count(size_bytes: int) -> int:
    """How many frames content of this size has; nothing has one empty frame."""
    return max(1, -(-size_bytes // FRAME_BYTES))


def sealed_bytes(size_bytes: int) -> int:
    """How long a sealed blob of content of this size is."""
    return HEAD_BYTES + size_bytes + frame_count(size_bytes) * TAG_BYTES


def content_bytes(sealed_size_bytes: int) -> int:
    """How long the content of a sealed blob is. Raises BlobUnreadable for an impossible size."""
    framed = sealed_size_bytes - HEAD_BYTES
    if framed < TAG_BYTES:
        raise BlobUnreadable("a sealed blob is too short")
    return max(0, framed - -(-framed // SEALED_FRAME_BYTES) * TAG_BYTES)


class Sealer:
    """Seals the content of one blob as it comes."""

    __slots__ = ("_cipher", "_held", "_index", "_out")

    def __init__(self, data_key: bytes, entropy: Entropy) -> None:
        head = _FORMAT + entropy(SALT_BYTES)
        self._cipher = _blob_cipher(data_key, head)
        self._out = [head]
        self._held = b""
        self._index = 0

    def update(self, data: bytes) -> bytes:
        """What more of the blob can be written, now that there is more content."""
        held = self._held + data if self._held else data
        view, start = memoryview(held), 0
        while len(held) - start > FRAME_BYTES:  # the last frame waits for ``finish``
            self._seal(bytes(view[start : start + FRAME_BYTES]), last=False)
            start += FRAME_BYTES
        self._held = held[start:] if start else held
        return self._taken()

    def finish(self) -> bytes:
        """The rest of the blob."""
        self._seal(self._held, last=True)
        self._held = b""
        return self._taken()

    def _seal(self, frame: bytes, *, last: bool) -> None:
        nonce, bound = _bound(self._index, last=last)
        self._out.append(self._cipher.encrypt(nonce, frame, bound))
        self._index += 1

    def _taken(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)


class Opener:
    """Opens frames of one blob whose content is ``size_bytes`` long."""

    __slots__ = ("_cipher", "_last", "_size_bytes")

    def __init__(self, data_key: bytes, head: bytes, size_bytes: int) -> None:
        if len(head) != HEAD_BYTES or head[:1] != _FORMAT:
            raise BlobUnreadable("a sealed blob has a wrong head")
        self._cipher = _blob_cipher(data_key, head)
        self._size_bytes = size_bytes
        self._last = frame_count(size_bytes) - 1

    def frame_bytes(self, index: int) -> int:
        """How long a frame is, sealed."""
        if index < self._last:
            return SEALED_FRAME_BYTES
        return self._size_bytes - self._last * FRAME_BYTES + TAG_BYTES

    def open(self, first: int, sealed: bytes) -> bytes:
        """The content of whole frames from ``first`` on. Raises BlobUnreadable."""
        opened: list[bytes] = []
        index, start = first, 0
        view = memoryview(sealed)
        while start < len(sealed):
            length = self.frame_bytes(index)
            nonce, bound = _bound(index, last=index == self._last)
            try:
                frame = bytes(view[start : start + length])
                opened.append(self._cipher.decrypt(nonce, frame, bound))
            except (invalid_tag(), ValueError) as error:
                raise BlobUnreadable(f"frame {index} of a sealed blob does not open") from error
            index, start = index + 1, start + length
        return opened[0] if len(opened) == 1 else b"".join(opened)


def seal(data_key: bytes, entropy: Entropy, content: bytes) -> bytes:
    """A whole blob."""
    sealer = Sealer(data_key, entropy)
    return sealer.update(content) + sealer.finish()


def open_blob(data_key: bytes, blob: bytes, start: int, length_bytes: int) -> bytes:
    """A stretch of the content of a whole blob. Raises BlobUnreadable."""
    opener = Opener(data_key, blob[:HEAD_BYTES], content_bytes(len(blob)))
    first, beyond = frames_of(start, length_bytes)
    begin, end = (HEAD_BYTES + index * SEALED_FRAME_BYTES for index in (first, beyond))
    content = opener.open(first, blob[begin:end])
    skip = start - first * FRAME_BYTES
    if len(content) < skip + length_bytes:
        raise BlobUnreadable("a sealed blob is shorter than its record")
    return content[skip : skip + length_bytes]


def frames_of(start: int, length_bytes: int) -> tuple[int, int]:
    """The first frame of a stretch of content, and the one after its last."""
    return start // FRAME_BYTES, max(start + length_bytes - 1, 0) // FRAME_BYTES + 1


def _blob_cipher(data_key: bytes, head: bytes) -> Cipher:
    return cipher_of(hmac.digest(data_key, _PURPOSE + head, hashlib.sha256), KeySpec.AES_256)


def _bound(index: int, *, last: bool) -> tuple[bytes, bytes]:
    number = index.to_bytes(NONCE_BYTES, "big")
    return number, number + (b"\x01" if last else b"\x00")
