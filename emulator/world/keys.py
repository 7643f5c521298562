"""Keys of the key service in a world."""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from emulator.domain.encryption import KeyHolder
from emulator.kms.keys import DAY_S, NewKey, insert_key
from emulator.kms.model import Alias, Key, KeyState, Origin
from emulator.kms.ports import KeyTx
from emulator.kms.vault import Vault
from emulator.world.document import AccountSpec, KmsKeySpec, policy_document
from emulator.world.mistakes import WorldFault

_WINDOW_MS = 30 * DAY_S * 1000  # of a key that is described as PendingDeletion


def put_kms_keys(tx: KeyTx, vault: Vault | None, account: AccountSpec, now_ms: int) -> None:
    """Make the keys an account is described with, or bring those that are there to that state.

    Raises WorldFault for what a key of this data folder can never become.
    """
    for number, spec in enumerate(account.kms_keys):
        if vault is None:
            raise WorldFault(("kms_keys", number), "keys need the key service of a server")
        try:
            _put(tx, vault, account.uid, spec, now_ms)
        except WorldFault as fault:
            raise WorldFault(("kms_keys", number, *fault.path), fault.problem) from fault


def _put(tx: KeyTx, vault: Vault, uid: str, spec: KmsKeySpec, now_ms: int) -> None:
    external = spec.state is KeyState.PENDING_IMPORT
    key = tx.kms_key(spec.id)
    if key is None:
        new = NewKey(
            holder=KeyHolder(uid, spec.region),
            creator=uid,
            id=spec.id,
            version_id=_first_version(spec.id),
            spec=spec.spec,
            origin=Origin.EXTERNAL if external else Origin.KMS,
        )
        key = insert_key(tx, vault, new, now_ms)
    else:
        _check_existing(key, uid, spec)
    tx.put_kms_key(
        replace(
            key,
            state=key.state if external and key.has_material else spec.state,
            delete_ms=now_ms + _WINDOW_MS if spec.state is KeyState.PENDING_DELETION else 0,
            description=spec.description,
            policy=policy_document(spec.policy),
            tags=spec.tags,
        )
    )
    if spec.alias:
        tx.put_kms_alias(Alias(uid, spec.region, spec.alias, key.id))


def _check_existing(key: Key, uid: str, spec: KmsKeySpec) -> None:
    advice = "rename it, or give another --data folder"
    for field, there, wanted in (
        ("id", key.account_uid, uid),
        ("region", key.region, spec.region),
        ("spec", key.spec.value, spec.spec.value),
    ):
        if there != wanted:
            raise WorldFault(
                (field,),
                f"the key {key.id} exists with {there}, which cannot become {wanted}; {advice}",
            )
    external = spec.state is KeyState.PENDING_IMPORT
    if external is not (key.origin is Origin.EXTERNAL) and (external or not key.has_material):
        raise WorldFault(
            ("state",),
            f"the key {key.id} is {key.state.value}; only an import, or taking the material away, "
            "leads from or to PendingImport",
        )


def _first_version(key_id: str) -> str:
    """The id of the first version: always the same for a key, and of the form of a UUID."""
    digits = hashlib.sha256(f"{key_id} 1".encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
