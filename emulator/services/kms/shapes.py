"""How keys, versions and aliases are shown (KMS, KeyMetadata and others; documented)."""

from __future__ import annotations

from emulator.kms.model import Alias, Key, KeyState, KeyVersion, Rotation
from emulator.services.rpc.dates import iso_seconds
from emulator.services.rpc.dialect import Members

KEY_USAGE = "ENCRYPT/DECRYPT"


def date(instant_ms: int) -> str:
    """An instant as the API shows it, ``""`` for never."""
    return iso_seconds(instant_ms) if instant_ms else ""


def key_metadata(key: Key) -> Members:
    """KeyMetadata as CreateKey shows it."""
    pending = key.state is KeyState.PENDING_DELETION
    members: Members = {
        "KeyId": key.id,
        "Arn": key.arn,
        "KeyState": key.state.value,
        "KeySpec": key.spec.value,
        "KeyUsage": KEY_USAGE,
        "Origin": key.origin.value,
        "ProtectionLevel": key.protection.value,
        "PrimaryKeyVersion": key.primary_version,
        "Creator": key.creator,
        "CreationDate": iso_seconds(key.created_ms),
        "DeleteDate": date(key.delete_ms if pending else 0),
        "Description": key.description,
        "MaterialExpireTime": date(key.material_expires_ms),
        "LastRotationDate": iso_seconds(key.rotated_ms or key.created_ms),
        "AutomaticRotation": key.rotation.value,
        "DKMSInstanceId": key.instance_id,
    }
    if key.rotation is not Rotation.DISABLED:
        members["RotationInterval"] = f"{key.rotation_s}s"
    if key.rotation is Rotation.ENABLED:
        members["NextRotationDate"] = date(key.next_rotation_ms)
    return members


def described_key(key: Key) -> Members:
    """KeyMetadata as DescribeKey shows it."""
    return {
        **key_metadata(key),
        "DeletionProtection": "Enabled" if key.locked else "Disabled",
        "DeletionProtectionDescription": key.description_of_lock,
    }


def key_version(version: KeyVersion) -> Members:
    """KeyVersion."""
    return {
        "KeyId": version.key_id,
        "KeyVersionId": version.id,
        "CreationDate": iso_seconds(version.created_ms),
    }


def alias(shown: Alias) -> Members:
    """Alias."""
    return {"AliasName": shown.name, "AliasArn": shown.arn, "KeyId": shown.key_id}
