"""What can be taken from a set-up whose objects are encrypted with keys of the key service."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.ram_setups import Kind, Lack, lacks_of

DECRYPT, GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
# Each use of a key that a replica takes, in the order they are asked for.
KEY_RIGHTS = (("source", DECRYPT), ("replica", GENERATE), ("replica", DECRYPT))


class KmsKind(enum.Enum):
    """The set-ups of the documentation that take KMS: who has the rights on keys, and where."""

    SAME_CUSTOM = "same-account custom policy"
    SAME_CRYPTO = "same-account AliyunKMSCryptoUserAccess"
    SAME_KEY_POLICIES = "same-account key policies"
    CROSS_CUSTOM = "cross-account custom policy"
    CROSS_CRYPTO = "cross-account AliyunKMSCryptoUserAccess"

    @property
    def crosses(self) -> bool:
        """Whether the destination and its key are another account's."""
        return self in (KmsKind.CROSS_CUSTOM, KmsKind.CROSS_CRYPTO)

    @property
    def is_custom(self) -> bool:
        """Whether the role's own policy names keys."""
        return self in (KmsKind.SAME_CUSTOM, KmsKind.CROSS_CUSTOM)

    @property
    def has_crypto(self) -> bool:
        """Whether the role has the system policy for keys."""
        return self in (KmsKind.SAME_CRYPTO, KmsKind.CROSS_CRYPTO)


class KeyPart(enum.Enum):
    """What of keys and of the rights on them can be taken away."""

    ROLE_POLICY = "role policy on the key"
    KEY_POLICY = "key policy"
    KEY_PRINCIPAL = "role in the key policy"
    ATTACHMENT = "attachment of the system policy"
    DISABLED = "key disabled"
    PENDING = "key pending deletion"
    ALIAS = "alias of the key missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLack:
    """One thing about keys taken away: a part, and where it has them the key and one action."""

    part: KeyPart
    side: str = ""
    action: str = ""

    def __str__(self) -> str:
        return " ".join(each for each in (self.part.value, self.side, self.action) if each)


AnyLack = Lack | KeyLack


def key_lacks_of(kind: KmsKind) -> Iterator[KeyLack]:
    """Every single thing about keys that can be taken from a set-up."""
    for side, action in KEY_RIGHTS:
        if kind.is_custom:
            yield KeyLack(part=KeyPart.ROLE_POLICY, side=side, action=action)
        if kind is KmsKind.SAME_KEY_POLICIES or (kind.crosses and side == "replica"):
            yield KeyLack(part=KeyPart.KEY_POLICY, side=side, action=action)
    if kind is KmsKind.SAME_KEY_POLICIES:
        yield KeyLack(part=KeyPart.KEY_PRINCIPAL, side="source")
    if kind is KmsKind.SAME_KEY_POLICIES or kind.crosses:
        yield KeyLack(part=KeyPart.KEY_PRINCIPAL, side="replica")
    if kind.has_crypto:
        yield KeyLack(part=KeyPart.ATTACHMENT)
    for part in (KeyPart.DISABLED, KeyPart.PENDING):
        for side in ("source", "replica"):
            yield KeyLack(part=part, side=side)
    yield KeyLack(part=KeyPart.ALIAS, side="replica")


def every_lack_of(kind: KmsKind) -> Iterator[AnyLack]:
    """Every single thing that can be taken from a set-up."""
    yield from lacks_of(Kind.CROSS_CUSTOM if kind.crosses else Kind.SAME_CUSTOM)
    yield from key_lacks_of(kind)
