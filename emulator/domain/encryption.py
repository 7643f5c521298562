"""Which server-side encryption an object gets. Pure.

Only the facts are decided here: algorithm, key id and data algorithm, as PutObject, GET and HEAD
show them. Which key an id means, and the data key that goes with the facts, is the matter of
``kms.object_keys``. Content is encrypted with AES-256 whatever the facts say (inferred: which
data algorithm was used cannot be seen from outside).
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import lru_cache

import msgspec

from emulator.domain import errors


class Algorithm(StrEnum):
    """``x-oss-server-side-encryption`` (OSS PutObject; documented)."""

    AES256 = "AES256"
    SM4 = "SM4"
    KMS = "KMS"


_ALGORITHMS = frozenset(each.value for each in Algorithm)
DATA_ALGORITHM = "SM4"  # the only data encryption that can be asked for


class Encryption(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """How a version is encrypted; ``ObjectVersion.encryption_json`` is its text.

    Fields of other names are refused: a data key under a damaged name would make encrypted
    content look plain.
    """

    algorithm: str
    key_id: str = ""  # of the key service; only with KMS
    data_encryption: str = ""  # only with KMS
    data_key: str = ""  # wrapped, in base64; "" of versions older than their encryption

    def to_json(self) -> str:
        """The text form."""
        return msgspec.json.encode(self).decode()


class EncryptionRequest(msgspec.Struct, frozen=True, gc=False):
    """What the headers of a write ask for, as sent; ``None`` where a header is absent."""

    algorithm: str | None = None
    key_id: str | None = None
    data_encryption: str | None = None


class KeyHolder(msgspec.Struct, frozen=True, gc=False):
    """Whose default key stands in where none is named: keys belong to an account and a region."""

    account_uid: str
    region: str


class _Default(msgspec.Struct, frozen=True):
    algorithm: str = msgspec.field(name="SSEAlgorithm", default="")
    key_id: str = msgspec.field(name="KMSMasterKeyID", default="")
    data_encryption: str = msgspec.field(name="KMSDataEncryption", default="")


class _Rule(msgspec.Struct, frozen=True):
    default: _Default = msgspec.field(name="ApplyServerSideEncryptionByDefault", default=_Default())


_ENCRYPTION = msgspec.json.Decoder(Encryption)
_RULE = msgspec.json.Decoder(_Rule)


def wanted_encryption(asked: EncryptionRequest, rule_document: str, holder: KeyHolder) -> str:
    """The ``encryption_json`` of a new object (OSS PutObject, server-side encryption; documented).

    ``rule_document`` is the bucket's "encryption" setting, ``""`` for none; it applies where the
    request names no algorithm, to copies as well (inferred). A data encryption is kept only
    together with KMS (observed). Raises InvalidEncryptionAlgorithmError,
    InvalidDataEncryptionAlgorithmError, InvalidParameter and InvalidArgument.
    """
    _check(asked)
    if asked.algorithm is None:
        return _default_encryption(rule_document, holder)
    return _encryption_text(
        asked.algorithm, asked.key_id or "", asked.data_encryption or "", holder
    )


def _check(asked: EncryptionRequest) -> None:
    if asked.algorithm is not None and asked.algorithm not in _ALGORITHMS:
        raise errors.InvalidEncryptionAlgorithmError
    if asked.data_encryption is not None and asked.data_encryption != DATA_ALGORITHM:
        raise errors.InvalidDataEncryptionAlgorithmError
    if asked.key_id is None:
        return
    if not asked.key_id:
        raise errors.InvalidParameter("The KMS key id is not valid.", ec="0005-00000205")
    if asked.algorithm != Algorithm.KMS:
        # documented for the setting of a bucket, inferred for a header, which is "valid only
        # with KMS": to pass over a key that somebody names would encrypt with another
        raise errors.InvalidArgument(
            "KMSMasterKeyID is not applicable if the algorithm is not KMS.",
            name="x-oss-server-side-encryption-key-id",
            value=asked.key_id,
        )


@lru_cache(maxsize=256)
def _default_encryption(rule_document: str, holder: KeyHolder) -> str:
    if not rule_document:
        return ""
    default = _RULE.decode(rule_document).default
    if not default.algorithm:
        return ""
    return _encryption_text(default.algorithm, default.key_id, default.data_encryption, holder)


def _encryption_text(algorithm: str, key_id: str, data_encryption: str, holder: KeyHolder) -> str:
    if algorithm != Algorithm.KMS:
        return Encryption(algorithm).to_json()
    return Encryption(algorithm, key_id or default_key_id(holder), data_encryption).to_json()


def encryption_of(encryption_json: str) -> Encryption | None:
    """How a version is encrypted, ``None`` if it is not."""
    return _ENCRYPTION.decode(encryption_json) if encryption_json else None


@lru_cache(maxsize=256)
def default_key_id(holder: KeyHolder) -> str:
    """The id of the service's own key, which stands in where a write names none.

    Always the same for an account and a region, and of the form of a UUID (inferred).
    """
    named = f"acs/oss {holder.account_uid} {holder.region}".encode()
    digits = hashlib.sha256(named).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


class ReplicaKeys(msgspec.Struct, frozen=True, gc=False):
    """What decides the encryption of a rule's replicas, besides their sources'."""

    source: KeyHolder
    destination: KeyHolder
    rule_document: str = ""  # the destination bucket's "encryption" setting
    replica_key_id: str = ""  # the rule's ReplicaKmsKeyID
    keeps_service_key: bool = False  # an SSE-KMS object that names no key gets no key of the rule


def replica_encryption(source_json: str, keys: ReplicaKeys) -> str:
    """The ``encryption_json`` of a replica (OSS replication, encrypted objects; documented).

    What was not encrypted takes the destination's default; SSE-OSS stays SSE-OSS. SSE-KMS gets
    the rule's key, or keeps its own if the rule names none; a source under its account's default
    key gets the destination's default key then (inferred).
    """
    if not source_json:
        return _default_encryption(keys.rule_document, keys.destination)
    source = _ENCRYPTION.decode(source_json)
    if source.algorithm != Algorithm.KMS:
        return source_json
    key_id = keys.replica_key_id or source.key_id
    if keys.keeps_service_key and source.key_id == default_key_id(keys.source):
        key_id = source.key_id
    if key_id == default_key_id(keys.source):
        key_id = default_key_id(keys.destination)
    return msgspec.structs.replace(source, key_id=key_id).to_json()
