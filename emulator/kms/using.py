"""What keys are for: data keys, encrypting and decrypting, and wrapping anew.

Every function takes a view (or a transaction) and the vault, and asks the state of the key, but
not who is calling: ``access.authorise_key_use`` is for that, before.

A ciphertext is the 36 characters of the key version's id, a nonce and the AES-GCM body; the
encryption context and the version's id are authenticated with it and not in it (KMS,
CiphertextBlob; the first 36 documented, the rest inferred).
"""

from __future__ import annotations

import msgspec

from emulator.kms.context import NO_CONTEXT, EncryptionContext, canonical
from emulator.kms.model import Key
from emulator.kms.ports import KeyView
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.states import KeyCall, after, as_of
from emulator.kms.vault import NONCE_BYTES, TAG_BYTES, Cipher, Vault, invalid_tag

VERSION_ID_BYTES = 36
DATA_KEY_BYTES = 32
BLOB_BYTES_MIN = VERSION_ID_BYTES + NONCE_BYTES + TAG_BYTES


class Ciphertext(msgspec.Struct, frozen=True, gc=False):
    """What encrypting gives: the blob, and which key and version made it."""

    key_id: str
    version_id: str
    blob: bytes


class DataKey(msgspec.Struct, frozen=True, gc=False):
    """A fresh data key, in the clear and wrapped."""

    key_id: str
    version_id: str
    plaintext: bytes
    blob: bytes


def generate_data_key(
    view: KeyView,
    vault: Vault,
    key: Key,
    context: EncryptionContext = NO_CONTEXT,
    length_bytes: int = DATA_KEY_BYTES,
) -> DataKey:
    """Random bytes, and the same bytes under the key. Raises KeyRefused for the key's state."""
    plaintext = vault.random(length_bytes)
    made = encrypt(view, vault, key, plaintext, context)
    return DataKey(made.key_id, made.version_id, plaintext, made.blob)


def encrypt(
    view: KeyView,
    vault: Vault,
    key: Key,
    plaintext: bytes,
    context: EncryptionContext = NO_CONTEXT,
) -> Ciphertext:
    """The plaintext under the newest version of the key. Raises KeyRefused for its state."""
    after(key, KeyCall.USE)
    version_id = key.primary_version
    bound = version_id.encode("ascii")
    nonce = vault.random(NONCE_BYTES)
    cipher = _cipher(view, vault, key, version_id)
    body = cipher.encrypt(nonce, plaintext, bound + canonical(context))
    return Ciphertext(key.id, version_id, bound + nonce + body)


def key_of_blob(view: KeyView, blob: bytes, now_ms: int) -> Key:
    """The key that a ciphertext was made with, whoever may use it.

    Raises KeyRefused: BAD_CIPHERTEXT, or NOT_FOUND for a key that is gone.
    """
    if len(blob) < BLOB_BYTES_MIN:
        raise _bad()
    try:
        version_id = blob[:VERSION_ID_BYTES].decode("ascii")
    except UnicodeDecodeError as error:
        raise _bad() from error
    key = view.kms_key_of_version(version_id)
    found = as_of(key, now_ms) if key is not None else None
    if found is None:
        raise KeyRefused(Reason.NOT_FOUND, "The key of the ciphertext is not found.")
    return found


def decrypt(
    view: KeyView,
    vault: Vault,
    key: Key,
    blob: bytes,
    context: EncryptionContext = NO_CONTEXT,
) -> bytes:
    """The plaintext of a ciphertext; ``key`` is what ``key_of_blob`` answered.

    Raises KeyRefused: BAD_CIPHERTEXT for other bytes or another context, and for the key's state.
    """
    after(key, KeyCall.USE)
    bound, nonce = blob[:VERSION_ID_BYTES], blob[VERSION_ID_BYTES:][:NONCE_BYTES]
    cipher = _cipher(view, vault, key, bound.decode("ascii"))
    body = blob[VERSION_ID_BYTES + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, body, bound + canonical(context))
    except (invalid_tag(), ValueError) as error:
        raise _bad() from error


class Rewrapping(msgspec.Struct, frozen=True, gc=False):
    """A ciphertext to be made anew; ``source`` is what ``key_of_blob`` answered for ``blob``."""

    source: Key
    blob: bytes
    context: EncryptionContext
    target: Key
    target_context: EncryptionContext


def rewrap(view: KeyView, vault: Vault, asked: Rewrapping) -> Ciphertext:
    """The same plaintext under another key or context, never shown in between.

    Raises KeyRefused as ``decrypt`` and ``encrypt`` do.
    """
    plaintext = decrypt(view, vault, asked.source, asked.blob, asked.context)
    return encrypt(view, vault, asked.target, plaintext, asked.target_context)


def _cipher(view: KeyView, vault: Vault, key: Key, version_id: str) -> Cipher:
    cipher = vault.open_cipher(key.id, version_id)
    if cipher is not None:
        return cipher
    version = view.kms_version(version_id)
    if version is None or version.key_id != key.id:
        raise KeyRefused(Reason.VERSION_NOT_FOUND, "The specified KeyVersion is not found.")
    return vault.cipher(version, key.spec)


def _bad() -> KeyRefused:
    return KeyRefused(
        Reason.BAD_CIPHERTEXT,
        "The ciphertext was changed, or its encryption context is another.",
        parameter="CiphertextBlob",
    )
