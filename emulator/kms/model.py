"""The records of the key service: keys, their versions, aliases, tickets for imports.

Instants are milliseconds since 1970-01-01 UTC; 0 means "never".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from emulator.domain.encryption import KeyHolder

ALIAS_PREFIX = "alias/"
RESERVED_ALIAS_PREFIX = "alias/acs/"
SERVICE_ALIAS = "alias/acs/oss"  # of the key OSS uses where none is named; documented
SERVICE_CREATOR = "Oss"  # ``Creator`` of that key (inferred)


class KeyState(StrEnum):
    """``KeyState`` (KMS DescribeKey; documented)."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    PENDING_IMPORT = "PendingImport"


class KeySpec(StrEnum):
    """``KeySpec`` of the keys that encrypt (KMS CreateKey; documented).

    The specs that sign (RSA, EC) are not built.
    """

    AES_256 = "Aliyun_AES_256"
    SM4 = "Aliyun_SM4"

    @property
    def material_bytes(self) -> int:
        """How long the key material is."""
        return 32 if self is KeySpec.AES_256 else 16


class Origin(StrEnum):
    """Where key material comes from."""

    KMS = "Aliyun_KMS"
    EXTERNAL = "EXTERNAL"


class Protection(StrEnum):
    """``ProtectionLevel``; shown, without effect here."""

    SOFTWARE = "SOFTWARE"
    HSM = "HSM"


class Rotation(StrEnum):
    """``AutomaticRotation``."""

    DISABLED = "Disabled"
    ENABLED = "Enabled"
    SUSPENDED = "Suspended"


class Key(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One key. ``state`` is as it was last set: ``states.as_of`` says what time has made of it.

    ``policy`` is the key policy as it was put, ``""`` for the default one. ``description_of_lock``
    says why the key is protected from deletion.
    """

    id: str
    account_uid: str
    region: str
    created_ms: int
    creator: str
    primary_version: str
    spec: KeySpec = KeySpec.AES_256
    origin: Origin = Origin.KMS
    protection: Protection = Protection.SOFTWARE
    state: KeyState = KeyState.ENABLED
    description: str = ""
    policy: str = ""
    tags: Mapping[str, str] = {}
    delete_ms: int = 0  # when the key goes; only of PendingDeletion
    material_expires_ms: int = 0  # of imported material
    has_material: bool = True
    rotation_s: int = 0  # 0: not rotated
    rotated_ms: int = 0
    next_rotation_ms: int = 0
    locked: bool = False  # deletion protection
    description_of_lock: str = ""
    instance_id: str = ""  # ``DKMSInstanceId``; shown, without effect here

    @property
    def arn(self) -> str:
        """``acs:kms:{region}:{uid}:key/{id}``."""
        return key_arn(self.region, self.account_uid, self.id)

    @property
    def holder(self) -> KeyHolder:
        """Whose it is, and where."""
        return KeyHolder(self.account_uid, self.region)

    @property
    def is_service_key(self) -> bool:
        """Whether OSS made the key for itself: users may use but not change it."""
        return self.creator == SERVICE_CREATOR

    @property
    def rotation(self) -> Rotation:
        """Whether the key is rotated by itself; only while it is enabled."""
        if not self.rotation_s:
            return Rotation.DISABLED
        return Rotation.ENABLED if self.state is KeyState.ENABLED else Rotation.SUSPENDED

    @property
    def due_ms(self) -> int:
        """When something befalls the key by itself, 0: never."""
        instants = [self.material_expires_ms if self.has_material else 0]
        if self.state is KeyState.PENDING_DELETION:
            instants.append(self.delete_ms)
        if self.rotation is Rotation.ENABLED:
            instants.append(self.next_rotation_ms)
        return min((instant for instant in instants if instant), default=0)


class KeyVersion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One version of a key. ``sealed`` is its material under the root key, ``b""`` for none.

    ``digest`` tells imported material again without giving it away, ``""`` where none was.
    """

    id: str
    key_id: str
    created_ms: int
    sealed: bytes
    digest: str = ""


class Alias(msgspec.Struct, frozen=True, gc=False):
    """Another name of a key: ``alias/…``, one of its account and region."""

    account_uid: str
    region: str
    name: str
    key_id: str

    @property
    def arn(self) -> str:
        """``acs:kms:{region}:{uid}:alias/…``."""
        return f"acs:kms:{self.region}:{self.account_uid}:{self.name}"


class ImportTicket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest parameters for an import: what a key's material may be wrapped with.

    ``sealed`` is the private half of the wrapping key under the root key.
    """

    key_id: str
    token: str
    algorithm: str
    sealed: bytes
    expires_ms: int


def key_arn(region: str, account_uid: str, key_id: str) -> str:
    """``acs:kms:{region}:{uid}:key/{id}``."""
    return f"acs:kms:{region}:{account_uid}:key/{key_id}"
