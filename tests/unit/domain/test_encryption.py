"""Which encryption an object and its replica get: tables."""

from __future__ import annotations

import re

import pytest

from emulator.domain.encryption import (
    Encryption,
    EncryptionRequest,
    KeyHolder,
    ReplicaKeys,
    default_key_id,
    encryption_of,
    replica_encryption,
    wanted_encryption,
)

HERE, THERE = KeyHolder("1", "cn-hangzhou"), KeyHolder("2", "cn-shanghai")
KEY = default_key_id(HERE)


def rule(algorithm: str, **more: str) -> str:
    inner = ",".join(
        f'"{name}":"{value}"' for name, value in {"SSEAlgorithm": algorithm, **more}.items()
    )
    return '{"ApplyServerSideEncryptionByDefault":{' + inner + "}}"


OWN = {"KMSMasterKeyID": "own"}
WANTED = [
    (EncryptionRequest(), "", None),
    (EncryptionRequest(data_encryption="SM4"), "", None),
    (EncryptionRequest("AES256"), "", Encryption("AES256")),
    (EncryptionRequest("AES256", data_encryption="SM4"), "", Encryption("AES256")),
    (EncryptionRequest("SM4"), "", Encryption("SM4")),
    (EncryptionRequest("KMS"), "", Encryption("KMS", KEY)),
    (EncryptionRequest("KMS", "k", "SM4"), "", Encryption("KMS", "k", "SM4")),
    (EncryptionRequest(), rule("AES256"), Encryption("AES256")),
    (EncryptionRequest(), rule("SM4"), Encryption("SM4")),
    (EncryptionRequest(), rule("KMS"), Encryption("KMS", KEY)),
    (EncryptionRequest(), rule("KMS", **OWN), Encryption("KMS", "own")),
    (EncryptionRequest(), rule("KMS", **OWN, KMSDataEncryption="SM4"),
     Encryption("KMS", "own", "SM4")),
    (EncryptionRequest("AES256"), rule("KMS", **OWN), Encryption("AES256")),
    (EncryptionRequest("KMS"), rule("KMS", **OWN), Encryption("KMS", KEY)),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "document", "wanted"), WANTED)
def test_the_request_comes_before_the_bucket(
    asked: EncryptionRequest, document: str, wanted: Encryption | None
) -> None:
    assert encryption_of(wanted_encryption(asked, document, HERE)) == wanted


def test_the_default_key_is_of_an_account_and_a_region() -> None:
    holders = [HERE, THERE, KeyHolder("1", "cn-shanghai"), KeyHolder("2", "cn-hangzhou")]
    keys = [default_key_id(holder) for holder in holders]
    assert len(set(keys)) == 4
    assert keys == [default_key_id(holder) for holder in holders]
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key) for key in keys)


KMS = Encryption("KMS", "own", "SM4").to_json()
DEFAULT_KMS = Encryption("KMS", KEY).to_json()
SSE_OSS = Encryption("AES256").to_json()
# Source, the destination's setting, the rule's key: the replica.
REPLICAS = [
    ("", "", "", None),
    ("", rule("AES256"), "k2", Encryption("AES256")),
    ("", rule("KMS"), "k2", Encryption("KMS", default_key_id(THERE))),
    ("", rule("KMS", **OWN), "", Encryption("KMS", "own")),
    (SSE_OSS, rule("KMS", **OWN), "k2", Encryption("AES256")),
    (KMS, rule("AES256"), "k2", Encryption("KMS", "k2", "SM4")),
    (KMS, "", "", Encryption("KMS", "own", "SM4")),
    (DEFAULT_KMS, "", "", Encryption("KMS", default_key_id(THERE))),
    (DEFAULT_KMS, "", "k2", Encryption("KMS", "k2")),
]


@pytest.mark.parametrize(("source", "document", "key", "wanted"), REPLICAS)
def test_a_replica_is_encrypted_as_its_source_or_destination_says(
    source: str, document: str, key: str, wanted: Encryption | None
) -> None:
    keys = ReplicaKeys(HERE, THERE, document, key)
    assert encryption_of(replica_encryption(source, keys)) == wanted
