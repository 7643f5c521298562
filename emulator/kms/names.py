"""How keys are named: ids, ARNs and aliases, and which key a name means.

A bare id and an alias are looked for in the account of the caller; a key of another account is
named by its whole ARN (KMS, KeyId; documented).
"""

from __future__ import annotations

import re

from emulator.domain.encryption import KeyHolder
from emulator.kms.model import ALIAS_PREFIX, RESERVED_ALIAS_PREFIX, Alias, Key
from emulator.kms.ports import KeyView
from emulator.kms.refusals import KeyRefused, Reason, invalid
from emulator.kms.states import as_of

ANY_REGION = ""  # of a holder whose request did not say which region it is for

_ARN = re.compile(r"acs:kms:([a-z0-9-]*):([0-9A-Za-z]+):(key/|(?=alias/))(.+)")
_KEY_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_ALIAS = re.compile(r"alias/[0-9A-Za-z/_-]+")
_ALIAS_CHARACTERS_MAX = 255


def find_key(view: KeyView, name: str, holder: KeyHolder, now_ms: int) -> Key:
    """The key that an id, an alias or an ARN of either means to an account in a region.

    Raises KeyRefused: NOT_FOUND, ALIAS_NOT_FOUND, MALFORMED_NAME.
    """
    region, account_uid, named = holder.region, holder.account_uid, name
    arn = _ARN.fullmatch(name)
    if arn is not None:
        region, account_uid, _, named = arn.groups()
    if named.startswith(ALIAS_PREFIX):
        return _key_of_alias(view, named, KeyHolder(account_uid, region), now_ms)
    if not _KEY_ID.fullmatch(named):
        raise KeyRefused(Reason.MALFORMED_NAME, f"{name!r} is no name of a key.")
    return find_by_id(view, named, KeyHolder(account_uid, region), now_ms)


def find_by_id(view: KeyView, key_id: str, holder: KeyHolder, now_ms: int) -> Key:
    """The key of this id, if it is one of the account's and region's. Raises KeyRefused."""
    key = view.kms_key(key_id)
    found = as_of(key, now_ms) if key is not None else None
    if (
        found is None
        or found.account_uid != holder.account_uid
        or holder.region not in (ANY_REGION, found.region)
    ):
        raise KeyRefused(Reason.NOT_FOUND, "The specified Key is not found.")
    return found


def find_alias(view: KeyView, name: str, holder: KeyHolder, now_ms: int) -> Alias:
    """The alias of this name, while its key is there. Raises KeyRefused."""
    alias = view.kms_alias(holder.account_uid, holder.region, name)
    key = view.kms_key(alias.key_id) if alias is not None else None
    if alias is None or key is None or as_of(key, now_ms) is None:
        raise KeyRefused(Reason.ALIAS_NOT_FOUND, "The specified Alias is not found.")
    return alias


def check_alias(name: str) -> None:
    """Raise KeyRefused for what cannot be the name of an alias that a user makes or removes."""
    if len(name) > _ALIAS_CHARACTERS_MAX or not _ALIAS.fullmatch(name):
        raise invalid(
            "AliasName", "The AliasName is alias/ and up to 249 of 0-9, A-Z, a-z, _, / and -."
        )
    if name.startswith(RESERVED_ALIAS_PREFIX):
        raise invalid("AliasName", f"Aliases that begin with {RESERVED_ALIAS_PREFIX} are reserved.")


def _key_of_alias(view: KeyView, name: str, holder: KeyHolder, now_ms: int) -> Key:
    alias = find_alias(view, name, holder, now_ms)
    key = view.kms_key(alias.key_id)
    assert key is not None, "find_alias saw it"
    found = as_of(key, now_ms)
    assert found is not None, "find_alias saw it"
    return found
