"""Making keys and changing them. Each function does one thing in one transaction.

None of them asks who is calling. ``key`` is always a key as ``names.find_key`` answers it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from emulator.domain.encryption import KeyHolder, default_key_id
from emulator.kms.model import (
    SERVICE_ALIAS,
    SERVICE_CREATOR,
    Alias,
    Key,
    KeySpec,
    KeyState,
    KeyVersion,
    Origin,
    Protection,
)
from emulator.kms.ports import KeyTx
from emulator.kms.refusals import KeyRefused, Reason, invalid
from emulator.kms.states import KeyCall, after, as_of
from emulator.kms.vault import Vault
from emulator.rng import Rng

DAY_S = 86_400
WINDOW_DAYS_MIN, WINDOW_DAYS_MAX = 7, 366  # KMS ScheduleKeyDeletion; documented
ROTATION_S_MIN, ROTATION_S_MAX = 7 * DAY_S, 365 * DAY_S  # KMS UpdateRotationPolicy; documented
DESCRIPTION_CHARACTERS_MAX = 8192
TAGS_MAX = 20

_INTERVAL = re.compile(r"([0-9]{1,9})([dhms])")
_UNITS_S = {"d": DAY_S, "h": 3600, "m": 60, "s": 1}
_SERVICE_DESCRIPTION = "Default key of OSS"


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a key is to be; ``id`` and ``version_id`` are ``""`` where chance names them."""

    holder: KeyHolder
    creator: str
    id: str = ""
    version_id: str = ""
    spec: KeySpec = KeySpec.AES_256
    origin: Origin = Origin.KMS
    protection: Protection = Protection.SOFTWARE
    description: str = ""
    policy: str = ""
    rotation_s: int = 0
    instance_id: str = ""
    tags: Mapping[str, str] = {}


def create_key(tx: KeyTx, vault: Vault, rng: Rng, new: NewKey, now_ms: int) -> Key:
    """Make a key with its first version (KMS CreateKey; documented). Raises KeyRefused.

    A key of external material has none at first and waits for it.
    """
    named = replace(
        new,
        id=new.id or _fresh_id(rng, tx.kms_key),
        version_id=new.version_id or _fresh_id(rng, tx.kms_version),
    )
    return insert_key(tx, vault, named, now_ms)


def insert_key(tx: KeyTx, vault: Vault, new: NewKey, now_ms: int) -> Key:
    """As ``create_key``, for a key whose ids are given and not in use."""
    check_description(new.description)
    check_tags(new.tags)
    external = new.origin is Origin.EXTERNAL
    if external and new.rotation_s:
        raise KeyRefused(Reason.UNSUPPORTED_ORIGIN, "External material is not rotated.")
    key = Key(
        id=new.id,
        account_uid=new.holder.account_uid,
        region=new.holder.region,
        created_ms=now_ms,
        creator=new.creator,
        primary_version=new.version_id,
        spec=new.spec,
        origin=new.origin,
        protection=new.protection,
        state=KeyState.PENDING_IMPORT if external else KeyState.ENABLED,
        description=new.description,
        policy=new.policy,
        tags=new.tags,
        has_material=not external,
        rotation_s=new.rotation_s,
        next_rotation_ms=now_ms + new.rotation_s * 1000 if new.rotation_s else 0,
        instance_id=new.instance_id,
    )
    tx.put_kms_key(key)
    material = b"" if external else vault.random(key.spec.material_bytes)
    first = KeyVersion(id=new.version_id, key_id=key.id, created_ms=now_ms, sealed=b"")
    put_material(tx, vault, first, material)
    return key


def _fresh_id(rng: Rng, find: Callable[[str], object]) -> str:
    """An id that is not in use: a seeded source repeats itself after a restart."""
    made = rng.uuid()
    while find(made) is not None:
        made = rng.uuid()
    return made


def service_key(tx: KeyTx, vault: Vault, rng: Rng, holder: KeyHolder, now_ms: int) -> Key:
    """The key OSS uses where none is named; made, with its alias, on the first use.

    Its id is ``domain.encryption.default_key_id`` (KMS, service keys; documented).
    """
    key_id = default_key_id(holder)
    key = tx.kms_key(key_id)
    if key is not None:
        return key
    new = NewKey(
        holder=holder, creator=SERVICE_CREATOR, id=key_id, description=_SERVICE_DESCRIPTION
    )
    key = create_key(tx, vault, rng, new, now_ms)
    tx.put_kms_alias(Alias(holder.account_uid, holder.region, SERVICE_ALIAS, key.id))
    return key


def put_material(tx: KeyTx, vault: Vault, version: KeyVersion, material: bytes) -> None:
    """Store a version with its material sealed, ``b""`` for none."""
    sealed = vault.seal(version.id, material) if material else b""
    tx.put_kms_version(replace(version, sealed=sealed), vault.fingerprint)


def add_version(tx: KeyTx, vault: Vault, rng: Rng, key: Key, now_ms: int) -> tuple[Key, KeyVersion]:
    """Give a key new material; what the old encrypted stays readable (KMS CreateKeyVersion).

    Raises KeyRefused for the key's state, and for external material.
    """
    check_changeable(key)
    after(key, KeyCall.ROTATE)
    if key.origin is Origin.EXTERNAL:
        raise KeyRefused(Reason.UNSUPPORTED_ORIGIN, "External material is not rotated.")
    version = KeyVersion(
        id=_fresh_id(rng, tx.kms_version), key_id=key.id, created_ms=now_ms, sealed=b""
    )
    put_material(tx, vault, version, vault.random(key.spec.material_bytes))
    changed = replace(
        key,
        primary_version=version.id,
        rotated_ms=now_ms,
        next_rotation_ms=now_ms + key.rotation_s * 1000 if key.rotation_s else 0,
    )
    tx.put_kms_key(changed)
    return changed, version


def set_rotation(tx: KeyTx, key: Key, rotation_s: int, now_ms: int) -> Key:
    """Rotate a key every so many seconds, 0 for never (KMS UpdateRotationPolicy; documented)."""
    check_changeable(key)
    after(key, KeyCall.ROTATE)
    if rotation_s and key.origin is Origin.EXTERNAL:
        raise KeyRefused(Reason.UNSUPPORTED_ORIGIN, "External material is not rotated.")
    since_ms = key.rotated_ms or key.created_ms
    due_ms = max(now_ms, since_ms + rotation_s * 1000) if rotation_s else 0
    changed = replace(key, rotation_s=rotation_s, next_rotation_ms=due_ms)
    tx.put_kms_key(changed)
    return changed


def read_interval(text: str) -> int:
    """``365d``, ``8760h``, ``31536000s`` as seconds. Raises KeyRefused out of 7 to 365 days."""
    found = _INTERVAL.fullmatch(text)
    interval_s = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not ROTATION_S_MIN <= interval_s <= ROTATION_S_MAX:
        raise invalid("RotationInterval", "The RotationInterval is 7 to 365 days, as in 365d.")
    return interval_s


def change_state(tx: KeyTx, vault: Vault, key: Key, call: KeyCall) -> Key:
    """Enable or disable a key, or cancel its deletion. Raises KeyRefused."""
    check_changeable(key)
    changed = replace(after(key, call), delete_ms=0)
    tx.put_kms_key(changed)
    vault.forget(key.primary_version)
    return changed


def schedule_deletion(tx: KeyTx, vault: Vault, key: Key, window_days: int, now_ms: int) -> Key:
    """Let a key go when the window has passed (KMS ScheduleKeyDeletion; documented).

    Raises KeyRefused, also for a key that is protected.
    """
    check_changeable(key)
    if not WINDOW_DAYS_MIN <= window_days <= WINDOW_DAYS_MAX:
        raise invalid(
            "PendingWindowInDays",
            f"The PendingWindowInDays is {WINDOW_DAYS_MIN} to {WINDOW_DAYS_MAX}.",
        )
    if key.locked:
        raise KeyRefused(Reason.LOCKED, f"Deletion protection is enabled for key {key.id}.")
    changed = replace(
        after(key, KeyCall.SCHEDULE_DELETION),
        delete_ms=now_ms + window_days * DAY_S * 1000,
    )
    tx.put_kms_key(changed)
    vault.forget(key.primary_version)
    return changed


def lock(tx: KeyTx, key: Key, *, locked: bool, description: str) -> None:
    """Protect a key from deletion, or no longer (KMS SetDeletionProtection; documented).

    Raises KeyRefused: a key about to be deleted cannot be protected (inferred).
    """
    check_changeable(key)
    if key.state is KeyState.PENDING_DELETION:
        raise KeyRefused(Reason.STATE, f"Key {key.id} is about to be deleted.")
    shown = description if locked else ""
    tx.put_kms_key(replace(key, locked=locked, description_of_lock=shown))


def describe(tx: KeyTx, key: Key, description: str) -> None:
    """Put a description in place of the former (KMS UpdateKeyDescription; documented)."""
    check_changeable(key)
    check_description(description)
    tx.put_kms_key(replace(key, description=description))


def set_policy(tx: KeyTx, key: Key, policy: str) -> None:
    """Put a key policy, already checked, in place of the former (KMS SetKeyPolicy)."""
    check_changeable(key)
    tx.put_kms_key(replace(key, policy=policy))


def tag(tx: KeyTx, key: Key, tags: Mapping[str, str]) -> None:
    """Add tags; one of the same name gets the new value (KMS TagResources; documented)."""
    check_changeable(key)
    merged = {**key.tags, **tags}
    check_tags(merged)
    tx.put_kms_key(replace(key, tags=merged))


def untag(tx: KeyTx, key: Key, names: frozenset[str] | None) -> None:
    """Remove tags by name, ``None`` for all; those that are not there are no error."""
    check_changeable(key)
    kept = {} if names is None else {k: v for k, v in key.tags.items() if k not in names}
    tx.put_kms_key(replace(key, tags=kept))


def remove_due(tx: KeyTx, vault: Vault, rng: Rng, key: Key, now_ms: int) -> bool:
    """Carry out what time brought to a key: deletion, loss of material, rotation.

    Answers whether anything was.
    """
    found = as_of(key, now_ms)
    if found is None:
        for version in tx.kms_versions(key.id):
            vault.forget(version.id)
        tx.delete_kms_key(key.id)
        return True
    if found is not key:
        drop_material(tx, vault, found)
        return True
    if key.due_ms and key.due_ms <= now_ms:
        add_version(tx, vault, rng, key, now_ms)
        return True
    return False


def drop_material(tx: KeyTx, vault: Vault, key: Key) -> None:
    """Store a key that has lost its material; its versions remember what it was."""
    for version in tx.kms_versions(key.id):
        vault.forget(version.id)
        tx.put_kms_version(replace(version, sealed=b""), vault.fingerprint)
    tx.put_kms_key(key)


def check_changeable(key: Key) -> None:
    """Raise KeyRefused for a key that belongs to a service (the reason is inferred)."""
    if key.is_service_key:
        raise KeyRefused(
            Reason.DENIED, f"Key {key.id} is managed by OSS: it can be used and not changed."
        )


def check_description(text: str) -> None:
    """Raise KeyRefused for a description that is too long."""
    if len(text) > DESCRIPTION_CHARACTERS_MAX:
        raise invalid(
            "Description", f"The Description has at most {DESCRIPTION_CHARACTERS_MAX} characters."
        )


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise KeyRefused for tags that a key cannot have, by their form or their number."""
    for name, value in tags.items():
        if not 1 <= len(name) <= 128 or len(value) > 128:
            raise invalid(
                "Tags", "A tag has a key of 1 to 128 characters and a value of up to 128."
            )
        if name.lower().startswith(("aliyun", "acs:")):
            raise invalid("Tags", "Keys of tags do not begin with aliyun or acs:.")
    if len(tags) > TAGS_MAX:
        raise KeyRefused(Reason.LIMIT, f"A key has at most {TAGS_MAX} tags.", parameter="Tags")
