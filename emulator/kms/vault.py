"""The vault: key material under the local root key, and what is encrypted with it.

Material is sealed with AES-256-GCM under a key derived from the root key; the version's id is
authenticated with it, so that sealed material cannot be put in the place of another's. The
library is loaded with the first key that is used: most emulators never have one.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol

from emulator.kms.model import KeySpec, KeyVersion
from emulator.kms.ports import Entropy
from emulator.kms.refusals import KeyRefused, Reason

ROOT_KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
CIPHERS_MAX = 1024


class DamagedMaterial(Exception):
    """Sealed material that this root key does not open: the data folder was tampered with."""


class Cipher(Protocol):
    """Authenticated encryption with one key; the tag stands at the end of the ciphertext."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """The ciphertext with its tag."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """The plaintext. Raises ``invalid_tag()`` or ValueError."""
        ...


class Vault:
    """Holds the root key. ``ciphers_max`` bounds how many versions' material is kept open.

    What is kept open decides nothing: states are read from the store at every use.
    """

    def __init__(
        self, root_key: bytes, entropy: Entropy, *, ciphers_max: int = CIPHERS_MAX
    ) -> None:
        if len(root_key) != ROOT_KEY_BYTES:
            raise ValueError(f"a root key has {ROOT_KEY_BYTES} bytes")
        self.random = entropy
        self.fingerprint = fingerprint(root_key)
        self._wrapping_key = _derived(root_key, b"wrap")
        self._digest_key = _derived(root_key, b"digest")
        self._wrapping: Cipher | None = None
        self._ciphers: dict[str, tuple[str, Cipher]] = {}  # by version: key and cipher
        self._ciphers_max = ciphers_max

    def seal(self, name: str, secret: bytes) -> bytes:
        """The secret under the root key, bound to ``name``."""
        nonce = self.random(NONCE_BYTES)
        return nonce + self._wrap().encrypt(nonce, secret, name.encode())

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """What ``seal`` was given. Raises DamagedMaterial."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._wrap().decrypt(nonce, rest, name.encode())
        except (invalid_tag(), ValueError) as error:
            raise DamagedMaterial(f"the material of {name} does not open") from error

    def digest(self, material: bytes) -> str:
        """Tells material again without giving it away."""
        return hmac.digest(self._digest_key, material, hashlib.sha256).hex()

    def cipher(self, version: KeyVersion, spec: KeySpec) -> Cipher:
        """The cipher of a version's material. Raises KeyRefused if it has none."""
        if not version.sealed:
            raise KeyRefused(Reason.PENDING_IMPORT)
        made = cipher_of(self.unseal(version.id, version.sealed), spec)
        while len(self._ciphers) >= self._ciphers_max:
            del self._ciphers[next(iter(self._ciphers))]
        self._ciphers[version.id] = (version.key_id, made)
        return made

    def open_cipher(self, key_id: str, version_id: str) -> Cipher | None:
        """The cipher of a key's version if it is kept open."""
        kept = self._ciphers.pop(version_id, None)
        if kept is None:
            return None
        self._ciphers[version_id] = kept  # the one used longest ago stands first
        return kept[1] if kept[0] == key_id else None

    def forget(self, version_id: str) -> None:
        """Keep a version's material open no longer; call it when its key's state changes."""
        self._ciphers.pop(version_id, None)

    def _wrap(self) -> Cipher:
        if self._wrapping is None:
            self._wrapping = cipher_of(self._wrapping_key, KeySpec.AES_256)
        return self._wrapping


def fingerprint(root_key: bytes) -> str:
    """Tells whether a root key is the one that a data folder was sealed with."""
    return _derived(root_key, b"fingerprint").hex()


def _derived(root_key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(root_key, b"ossemu key service: " + purpose, hashlib.sha256)


def invalid_tag() -> type[Exception]:
    """What a cipher raises for bytes it did not make."""
    from cryptography.exceptions import InvalidTag

    return InvalidTag


def cipher_of(material: bytes, spec: KeySpec) -> Cipher:
    """AES-256-GCM or SM4-GCM with this material."""
    if spec is KeySpec.SM4:
        return _Sm4(material)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(material)


class _Sm4:
    """SM4-GCM, which the library has no ready-made form of."""

    def __init__(self, material: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import algorithms

        self._algorithm = algorithms.SM4(material)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher as Mode
        from cryptography.hazmat.primitives.ciphers import modes

        encryptor = Mode(self._algorithm, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data or b"")
        body = encryptor.update(data) + encryptor.finalize()
        return body + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher as Mode
        from cryptography.hazmat.primitives.ciphers import modes

        body, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        decryptor = Mode(self._algorithm, modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated_data or b"")
        return decryptor.update(body) + decryptor.finalize()
