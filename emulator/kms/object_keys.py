"""Data keys of objects: made, opened and wrapped anew, by whoever may.

An encrypted version carries its data key in ``encryption_json``, wrapped: under a key of the vault
for SSE-OSS, under a key of the key service for SSE-KMS. Whoever shares an object's bytes (a copy,
a replica) shares the data key too, wrapped as it suits them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

import msgspec

from emulator.access.identity import Principal
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.conditions import EMPTY_CONTEXT, Context
from emulator.access.policy.faults import PolicyError
from emulator.domain.encryption import (
    Algorithm,
    Encryption,
    KeyHolder,
    default_key_id,
    encryption_of,
)
from emulator.kms import using
from emulator.kms.access import DECRYPT, GENERATE_DATA_KEY, KeyDecision, authorise_key_use
from emulator.kms.keys import service_key
from emulator.kms.model import Key
from emulator.kms.names import find_key
from emulator.kms.ports import KeyTx, KeyView
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.vault import DamagedMaterial, Vault
from emulator.rng import Rng

DATA_KEY_BYTES = using.DATA_KEY_BYTES

_SSE_OSS = "data key of an object"

NoteUse = Callable[[str, str, KeyDecision], None]


class KeyUser(msgspec.Struct, frozen=True):
    """Who uses keys, and how it is told to the audit log. No principal: OSS itself.

    Keys of ``owner_uid`` are shown by their id, those of others by their ARN; "" is the holder.
    """

    principal: Principal | None
    policies: PolicyCache
    now_ms: int
    note: NoteUse | None = None
    context: Context = EMPTY_CONTEXT
    owner_uid: str = ""


class KeyDenied(KeyRefused):
    """A user may not use a key; ``decision`` says why."""

    def __init__(self, decision: KeyDecision, user: Principal, key_arn: str) -> None:
        self.decision = decision
        self.user = user.arn or user.name
        self.key_arn = key_arn
        super().__init__(Reason.DENIED, decision.message, missing=decision.missing)


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """The ``encryption_json`` of an object with its data key, and that key in the clear."""

    encryption_json: str
    data_key: bytes


def is_sealed(encryption_json: str) -> bool:
    """Whether content is encrypted. Versions without a data key are older than encryption."""
    encryption = encryption_of(encryption_json)
    return encryption is not None and bool(encryption.data_key)


def needs_service_key(view: KeyView, encryption_json: str, holder: KeyHolder) -> bool:
    """Whether the holder's service key is asked for and has not been made yet."""
    encryption = encryption_of(encryption_json)
    return (
        encryption is not None
        and encryption.algorithm == Algorithm.KMS
        and encryption.key_id == default_key_id(holder)
        and view.kms_key(encryption.key_id) is None
    )


def make_service_key(tx: KeyTx, vault: Vault, rng: Rng, holder: KeyHolder, now_ms: int) -> None:
    """Make the holder's service key, unless it is there."""
    service_key(tx, vault, rng, holder, now_ms)


def new_data_key(
    view: KeyView, vault: Vault, encryption_json: str, holder: KeyHolder, user: KeyUser
) -> Sealed:
    """A data key for a new object that is to be encrypted like this.

    ``holder`` is whose keys bare ids and aliases name, in which region a key must be. Raises
    KeyRefused.
    """
    return _wrapped(view, vault, encryption_json, holder, user, None)


def rewrap(
    view: KeyView, vault: Vault, encryption_json: str, holder: KeyHolder, user: KeyUser,
    data_key: bytes,
) -> str:  # fmt: skip
    """The ``encryption_json`` of an object that shares bytes under ``data_key``, itself to be
    encrypted like this. It takes the right to make data keys (OSS replication, KMS; documented).

    Raises KeyRefused.
    """
    return _wrapped(view, vault, encryption_json, holder, user, data_key).encryption_json


def open_data_key(view: KeyView, vault: Vault, encryption_json: str, user: KeyUser) -> bytes:
    """The data key of an encrypted object, for whoever may decrypt with its key.

    Raises KeyRefused.
    """
    encryption = encryption_of(encryption_json)
    assert encryption is not None, "the object is not encrypted"
    try:
        wrapped = base64.b64decode(encryption.data_key, validate=True)
    except binascii.Error as error:
        raise KeyRefused(Reason.BAD_CIPHERTEXT) from error
    if encryption.algorithm != Algorithm.KMS:
        try:
            return vault.unseal(_SSE_OSS, wrapped)
        except DamagedMaterial as error:
            raise KeyRefused(Reason.BAD_CIPHERTEXT) from error
    key = using.key_of_blob(view, wrapped, user.now_ms)
    _require(user, key, DECRYPT)
    return using.decrypt(view, vault, key, wrapped)


def opens_none(vault: Vault, kept: Sequence[str]) -> bool:
    """Whether the vault opens no data key of these SSE-OSS objects (``encryption_json``), of
    which there are some: it is another folder's."""
    return bool(kept) and not any(_opens(vault, each) for each in kept)


def _opens(vault: Vault, encryption_json: str) -> bool:
    encryption = encryption_of(encryption_json)
    try:
        wrapped = base64.b64decode(encryption.data_key if encryption else "", validate=True)
        vault.unseal(_SSE_OSS, wrapped)
    except (binascii.Error, DamagedMaterial):
        return False
    return True


def _wrapped(
    view: KeyView,
    vault: Vault,
    encryption_json: str,
    holder: KeyHolder,
    user: KeyUser,
    data_key: bytes | None,
) -> Sealed:
    encryption = encryption_of(encryption_json)
    assert encryption is not None, "nothing is to be encrypted"
    if encryption.algorithm != Algorithm.KMS:
        data_key = data_key or vault.random(DATA_KEY_BYTES)
        return _sealed(encryption, encryption.key_id, vault.seal(_SSE_OSS, data_key), data_key)
    key = _named_key(view, encryption.key_id, holder, user.now_ms)
    _require(user, key, GENERATE_DATA_KEY)
    shown = key.id if key.account_uid == (user.owner_uid or holder.account_uid) else key.arn
    if data_key is None:
        made = using.generate_data_key(view, vault, key)
        return _sealed(encryption, shown, made.blob, made.plaintext)
    wrapped = using.encrypt(view, vault, key, data_key)
    return _sealed(encryption, shown, wrapped.blob, data_key)


def _named_key(view: KeyView, name: str, holder: KeyHolder, now_ms: int) -> Key:
    """The key of this name; it must be in the region of the bucket (documented)."""
    key = find_key(view, name, holder, now_ms)
    if key.region != holder.region:
        raise KeyRefused(Reason.NOT_FOUND, f"The key {key.arn} is not in {holder.region}.")
    return key


def _sealed(encryption: Encryption, key_id: str, wrapped: bytes, data_key: bytes) -> Sealed:
    text = base64.b64encode(wrapped).decode()
    made = msgspec.structs.replace(encryption, key_id=key_id, data_key=text)
    return Sealed(made.to_json(), data_key)


def _require(user: KeyUser, key: Key, action: str) -> None:
    """Raise KeyRefused unless the user may do this with the key. OSS itself may."""
    if user.principal is None:
        return
    try:
        decision = authorise_key_use(user.principal, key, action, user.policies, user.context)
    except PolicyError as error:
        missing = f"{action} on {key.arn}"
        raise KeyRefused(Reason.DENIED, f"{missing}: {error}", missing=missing) from error
    if user.note is not None:
        user.note(action, key.arn, decision)
    if not decision.allowed:
        raise KeyDenied(decision, user.principal, key.arn)
