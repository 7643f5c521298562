"""Aliases: other names of keys, one key each. None of these functions asks who is calling."""

from __future__ import annotations

from emulator.domain.encryption import KeyHolder
from emulator.kms.keys import check_changeable
from emulator.kms.model import Alias, Key
from emulator.kms.names import check_alias, find_alias
from emulator.kms.ports import KeyTx
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.states import KeyCall, after, as_of


def create_alias(tx: KeyTx, name: str, key: Key, now_ms: int) -> None:
    """Name a key (KMS CreateAlias; documented). Raises KeyRefused: ALIAS_EXISTS and others."""
    check_alias(name)
    check_changeable(key)
    after(key, KeyCall.CREATE_ALIAS)
    there = tx.kms_alias(key.account_uid, key.region, name)
    holder = tx.kms_key(there.key_id) if there is not None else None
    if holder is not None and as_of(holder, now_ms) is not None:
        raise KeyRefused(Reason.ALIAS_EXISTS, f"The alias {name} exists.", parameter="AliasName")
    tx.put_kms_alias(Alias(key.account_uid, key.region, name, key.id))


def update_alias(tx: KeyTx, name: str, key: Key, now_ms: int) -> None:
    """Let an alias name another key (KMS UpdateAlias; documented). Raises KeyRefused."""
    check_alias(name)
    check_changeable(key)
    find_alias(tx, name, KeyHolder(key.account_uid, key.region), now_ms)
    after(key, KeyCall.UPDATE_ALIAS)
    tx.put_kms_alias(Alias(key.account_uid, key.region, name, key.id))


def delete_alias(tx: KeyTx, name: str, holder: KeyHolder, now_ms: int) -> None:
    """Remove an alias; the key stays (KMS DeleteAlias; documented). Raises KeyRefused."""
    check_alias(name)
    tx.delete_kms_alias(find_alias(tx, name, holder, now_ms))
