"""Bringing one's own key material: parameters to wrap it with, the import, taking it away again.

(KMS, BYOK: GetParametersForImport, ImportKeyMaterial, DeleteKeyMaterial; documented.)
"""

from __future__ import annotations

import base64
import hmac
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from emulator.kms.keys import DAY_S, drop_material, put_material
from emulator.kms.model import ImportTicket, Key, KeyState, Origin
from emulator.kms.ports import KeyTx
from emulator.kms.refusals import KeyRefused, Reason, invalid
from emulator.kms.states import KeyCall, after
from emulator.kms.vault import Vault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding

TICKET_S = DAY_S
TOKEN_BYTES = 128
WRAPPING_SPEC = "RSA_2048"
_BITS = 2048


class Wrapping(StrEnum):
    """``WrappingAlgorithm``."""

    PKCS1 = "RSAES_PKCS1_V1_5"
    OAEP_SHA1 = "RSAES_OAEP_SHA_1"
    OAEP_SHA256 = "RSAES_OAEP_SHA_256"


class WrappingKey(msgspec.Struct, frozen=True):
    """A pair of halves in DER form: PKCS 8 and SubjectPublicKeyInfo."""

    private_der: bytes
    public_der: bytes


class Material(msgspec.Struct, frozen=True):
    """What ImportKeyMaterial brings. ``expires_ms`` 0: the material never expires."""

    token: str
    wrapped: bytes
    expires_ms: int = 0


def make_wrapping_key() -> WrappingKey:
    """A fresh RSA key. Takes a tenth of a second: call it in a thread."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    return WrappingKey(
        made.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        made.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def give_ticket(
    tx: KeyTx, vault: Vault, key: Key, made: tuple[Wrapping, WrappingKey], now_ms: int
) -> ImportTicket:
    """Keep what an import will be unwrapped with; earlier tickets no longer count (inferred).

    Raises KeyRefused for a key whose material was made here.
    """
    _require_external(key)
    algorithm, pair = made
    ticket = ImportTicket(
        key_id=key.id,
        token=base64.b64encode(vault.random(TOKEN_BYTES)).decode(),
        algorithm=algorithm.value,
        sealed=vault.seal(_name_of(key), pair.private_der),
        expires_ms=now_ms + TICKET_S * 1000,
    )
    tx.put_kms_ticket(ticket)
    return ticket


def import_material(tx: KeyTx, vault: Vault, key: Key, brought: Material, now_ms: int) -> Key:
    """Give a key the material that was brought; only the same may come again.

    Raises KeyRefused: INVALID_TOKEN, EXPIRED_TOKEN, INVALID_MATERIAL, STATE, UNSUPPORTED_ORIGIN.
    """
    _require_external(key)
    state = after(key, KeyCall.IMPORT).state
    ticket = tx.kms_ticket(key.id)
    if ticket is None or not hmac.compare_digest(ticket.token.encode(), brought.token.encode()):
        raise KeyRefused(Reason.INVALID_TOKEN, "The ImportToken is not valid.")
    if ticket.expires_ms <= now_ms:
        raise KeyRefused(Reason.EXPIRED_TOKEN, "The ImportToken has expired.")
    if brought.expires_ms and brought.expires_ms <= now_ms:
        raise invalid("KeyMaterialExpireUnix", "The KeyMaterialExpireUnix has passed.")
    material = _unwrapped(vault, key, ticket, brought.wrapped)
    version = tx.kms_version(key.primary_version)
    assert version is not None, "every key has its primary version"
    digest = vault.digest(material)
    if version.digest and version.digest != digest:
        raise KeyRefused(
            Reason.INVALID_MATERIAL, "Only the material that was imported first may come again."
        )
    put_material(tx, vault, replace(version, digest=digest), material)
    changed = replace(key, state=state, has_material=True, material_expires_ms=brought.expires_ms)
    if state is KeyState.PENDING_IMPORT:
        changed = replace(changed, state=KeyState.ENABLED)
    tx.put_kms_key(changed)
    return changed


def delete_material(tx: KeyTx, vault: Vault, key: Key) -> Key:
    """Take the material away; the key waits for it to come again. Raises KeyRefused."""
    _require_external(key)
    changed = after(
        replace(key, has_material=False, material_expires_ms=0), KeyCall.DELETE_MATERIAL
    )
    drop_material(tx, vault, changed)
    return changed


def _require_external(key: Key) -> None:
    if key.origin is not Origin.EXTERNAL:
        raise KeyRefused(
            Reason.UNSUPPORTED_ORIGIN, f"The material of key {key.id} was made by the key service."
        )


def _name_of(key: Key) -> str:
    return f"import {key.id}"


def _unwrapped(vault: Vault, key: Key, ticket: ImportTicket, wrapped: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    private = load_der_private_key(vault.unseal(_name_of(key), ticket.sealed), password=None)
    assert isinstance(private, RSAPrivateKey)
    try:
        material = private.decrypt(wrapped, _padding(Wrapping(ticket.algorithm)))
    except ValueError as error:
        raise _bad_material(key) from error
    if len(material) != key.spec.material_bytes:
        raise _bad_material(key)
    return material


def _bad_material(key: Key) -> KeyRefused:
    return KeyRefused(
        Reason.INVALID_MATERIAL,
        f"The EncryptedKeyMaterial is not {key.spec.material_bytes} bytes wrapped with the "
        "public key and algorithm of the import token.",
    )


def _padding(algorithm: Wrapping) -> AsymmetricPadding:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if algorithm is Wrapping.PKCS1:
        return padding.PKCS1v15()
    # SHA-1 is one of the two digests that can be asked for
    digest = hashes.SHA1() if algorithm is Wrapping.OAEP_SHA1 else hashes.SHA256()  # noqa: S303
    return padding.OAEP(padding.MGF1(digest), digest, None)
