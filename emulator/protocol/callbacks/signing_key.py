"""The key that callbacks are signed with: RSA over MD5 (OSS Callback, signature; documented).

The key is made when it is first needed and kept by whoever ``keep`` is. The library is loaded
then, too, because most emulators never call anybody.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_KEY_BITS: Final = 2048


def string_to_sign(path: str, query: str, body: bytes) -> bytes:
    """The decoded path, the query as it is with its ``?``, a line break, the body."""
    decoded = unquote_to_bytes(path or "/")
    return decoded + (f"?{query}" if query else "").encode() + b"\n" + body


class CallbackKey:
    """A private key; ``keep`` is given a maker of PEM text and answers the text that is kept."""

    def __init__(self, keep: Callable[[Callable[[], bytes]], bytes]) -> None:
        self._keep = keep
        self._key: RSAPrivateKey | None = None
        self._loading = asyncio.Lock()

    async def sign(self, text: bytes) -> str:
        """The signature of a text, in base64."""
        key = await self._loaded()
        return await asyncio.get_running_loop().run_in_executor(None, _sign, key, text)

    async def public_pem(self) -> bytes:
        """The public half, as PEM."""
        key = await self._loaded()
        from cryptography.hazmat.primitives import serialization

        return key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    async def _loaded(self) -> RSAPrivateKey:
        async with self._loading:
            if self._key is None:
                loop = asyncio.get_running_loop()
                self._key = await loop.run_in_executor(None, _load, self._keep)
            return self._key


def _load(keep: Callable[[Callable[[], bytes]], bytes]) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(keep(_make), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _make() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _sign(key: RSAPrivateKey, text: bytes) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    # MD5 is what OSS signs with, and what the verifying samples of its documentation expect.
    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.MD5())).decode()  # noqa: S303
