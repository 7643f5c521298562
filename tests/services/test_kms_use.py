"""Using keys through both client families: data keys, contexts, encrypting anew, imports."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.services.conftest import ROOT_A, World
from tests.support.rpc import Refused, TeaClient, call_v1

INVALID = (400, "InvalidParameter")


class Crypto:
    """The key service as the account itself calls it, with one key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key_id = self("CreateKey")["KeyMetadata"]["KeyId"]

    def __call__(self, action: str, **parameters: Any) -> dict[str, Any]:
        return self.world.root("kms", action, **parameters)

    def refusal(self, action: str, **parameters: Any) -> tuple[int, str]:
        with pytest.raises(Refused) as caught:
            self(action, **parameters)
        return caught.value.status, caught.value.code

    def context(self, name: str = "EncryptionContext", /, **context: str) -> dict[str, Any]:
        """An encryption context as the family gives it."""
        return {name: json.dumps(context) if self.world.family == "core" else context}


@pytest.fixture
def kms(world: World) -> Crypto:
    return Crypto(world)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_b69_a_data_key_comes_back_under_its_context(kms: Crypto) -> None:
    made = kms("GenerateDataKey", KeyId=kms.key_id, **kms.context(a="1", b="2"))
    blob = made["CiphertextBlob"]
    assert base64.b64decode(blob)[:36].decode() == made["KeyVersionId"]
    opened = kms("Decrypt", CiphertextBlob=blob, **kms.context(b="2", a="1"))
    assert opened["Plaintext"] == made["Plaintext"]
    assert opened["KeyId"] == made["KeyId"] == kms.key_id
    assert kms.refusal("Decrypt", CiphertextBlob=blob) == INVALID
    for other in ({"a": "1"}, {"a": "1", "b": "3"}, {"a": "1", "b": "2", "c": ""}):
        assert kms.refusal("Decrypt", CiphertextBlob=blob, **kms.context(**other)) == INVALID


def test_b69_the_order_and_spacing_of_a_context_do_not_matter(kms: Crypto) -> None:
    server, key = kms.world.server, {"KeyId": kms.key_id}
    made = call_v1(
        server, ROOT_A, "kms", "GenerateDataKey", **key, EncryptionContext='{"a":"1","b":"2"}'
    ).json
    opened = call_v1(
        server,
        ROOT_A,
        "kms",
        "Decrypt",
        CiphertextBlob=made["CiphertextBlob"],
        EncryptionContext='{ "b" : "2",\n "a": "1" }',
    ).json
    assert opened["Plaintext"] == made["Plaintext"]


def test_b70_the_length_of_data_keys(kms: Crypto) -> None:
    def length(**parameters: Any) -> int:
        made = kms("GenerateDataKey", KeyId=kms.key_id, **parameters)
        return len(base64.b64decode(made["Plaintext"]))

    assert length() == 32
    assert length(KeySpec="AES_128") == 16
    assert length(KeySpec="AES_256") == 32
    assert length(KeySpec="AES_128", NumberOfBytes=1024) == 1024
    assert length(NumberOfBytes=1) == 1
    for wrong in ({"NumberOfBytes": 1025}, {"KeySpec": "AES_512"}):
        assert kms.refusal("GenerateDataKey", KeyId=kms.key_id, **wrong) == INVALID


def test_a_data_key_without_its_plaintext(kms: Crypto) -> None:
    made = kms("GenerateDataKeyWithoutPlaintext", KeyId=kms.key_id, NumberOfBytes=24)
    assert not made.get("Plaintext")
    opened = kms("Decrypt", CiphertextBlob=made["CiphertextBlob"])
    assert len(base64.b64decode(opened["Plaintext"])) == 24


@pytest.mark.parametrize("spec", ["Aliyun_AES_256", "Aliyun_SM4"])
def test_encrypting_and_decrypting(kms: Crypto, spec: str) -> None:
    key_id = kms("CreateKey", KeySpec=spec)["KeyMetadata"]["KeyId"]
    largest = text(b"x" * 6144)
    for plaintext in (text(b"secret"), largest):
        made = kms("Encrypt", KeyId=key_id, Plaintext=plaintext, **kms.context(a="b"))
        opened = kms("Decrypt", CiphertextBlob=made["CiphertextBlob"], **kms.context(a="b"))
        assert opened["Plaintext"] == plaintext
        assert opened["KeyVersionId"] == made["KeyVersionId"]
    for wrong in (text(b"x" * 6145), "no base64!"):
        assert kms.refusal("Encrypt", KeyId=key_id, Plaintext=wrong) == INVALID


def test_what_was_damaged_is_refused(kms: Crypto) -> None:
    blob = base64.b64decode(kms("GenerateDataKey", KeyId=kms.key_id)["CiphertextBlob"])
    for place in (36, 48, len(blob) - 1):
        damaged = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        assert kms.refusal("Decrypt", CiphertextBlob=text(damaged)) == INVALID
    for wrong in (text(b"x"), "no base64!", text(blob[:-1])):
        assert kms.refusal("Decrypt", CiphertextBlob=wrong) == INVALID
    strange = text(b"0" * 36 + blob[36:])
    assert kms.refusal("Decrypt", CiphertextBlob=strange) == (404, "Forbidden.KeyNotFound")


def test_a_context_that_is_none_is_refused(kms: Crypto) -> None:
    twice = '{"a":"b","a":"b"}'
    for wrong in ('{"a":1}', "[]", "x", json.dumps({"a": "b" * 8192}), twice):
        answer = call_v1(
            kms.world.server,
            ROOT_A,
            "kms",
            "GenerateDataKey",
            KeyId=kms.key_id,
            EncryptionContext=wrong,
        )
        assert (answer.status, answer.json["Code"]) == INVALID
        assert answer.json["HttpStatus"] == 400


def test_encrypting_anew(kms: Crypto) -> None:
    other = kms("CreateKey")["KeyMetadata"]["KeyId"]
    made = kms("GenerateDataKey", KeyId=kms.key_id, **kms.context(a="1"))
    blob = made["CiphertextBlob"]
    again = kms(
        "ReEncrypt",
        CiphertextBlob=blob,
        DestinationKeyId=other,
        **kms.context("SourceEncryptionContext", a="1"),
        **kms.context("DestinationEncryptionContext", b="2"),
    )
    assert again["KeyId"] == other
    opened = kms("Decrypt", CiphertextBlob=again["CiphertextBlob"], **kms.context(b="2"))
    assert (opened["KeyId"], opened["Plaintext"]) == (other, made["Plaintext"])
    plain = {"CiphertextBlob": blob, "DestinationKeyId": other}
    assert kms.refusal("ReEncrypt", **plain) == INVALID
    source = kms.context("SourceEncryptionContext", a="1")
    assert kms.refusal("ReEncrypt", SourceKeyId=other, **plain, **source) == INVALID
    kms("DisableKey", KeyId=other)
    assert kms.refusal("ReEncrypt", **plain, **source) == (409, "Rejected.Disabled")


def test_a_dry_run_gives_nothing_away(kms: Crypto) -> None:
    blob = kms("GenerateDataKey", KeyId=kms.key_id)["CiphertextBlob"]
    would = (400, "DryRunOperationError")
    dry = {"DryRun": "true"}
    assert kms.refusal("GenerateDataKey", KeyId=kms.key_id, **dry) == would
    assert kms.refusal("Encrypt", KeyId=kms.key_id, Plaintext="YQ==", **dry) == would
    assert kms.refusal("Decrypt", CiphertextBlob=blob, **dry) == would
    kms("DisableKey", KeyId=kms.key_id)
    assert kms.refusal("GenerateDataKey", KeyId=kms.key_id, **dry) == (409, "Rejected.Disabled")


_ALGORITHMS = {
    "RSAES_PKCS1_V1_5": padding.PKCS1v15(),
    "RSAES_OAEP_SHA_256": padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
}


@pytest.mark.parametrize("algorithm", list(_ALGORITHMS))
def test_bringing_ones_own_material(kms: Crypto, algorithm: str) -> None:
    key_id = kms("CreateKey", Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    wrapping = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"}
    given = kms("GetParametersForImport", KeyId=key_id, **wrapping)
    assert given["TokenExpireTime"]
    public = load_der_public_key(base64.b64decode(given["PublicKey"]))
    assert isinstance(public, RSAPublicKey)
    wrapped = text(public.encrypt(b"m" * 32, _ALGORITHMS[algorithm]))
    brought = {"KeyId": key_id, "EncryptedKeyMaterial": wrapped, "KeyMaterialExpireUnix": 0}
    wrong = kms.refusal("ImportKeyMaterial", ImportToken="bm8=", **brought)
    assert wrong == (400, "InvalidImportToken")
    kms("ImportKeyMaterial", ImportToken=given["ImportToken"], **brought)
    assert kms("DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"
    made = kms("GenerateDataKey", KeyId=key_id)
    kms("DeleteKeyMaterial", KeyId=key_id)
    refused = kms.refusal("Decrypt", CiphertextBlob=made["CiphertextBlob"])
    assert refused == (409, "Rejected.PendingImport")
    kms("ImportKeyMaterial", ImportToken=given["ImportToken"], **brought)
    opened = kms("Decrypt", CiphertextBlob=made["CiphertextBlob"])
    assert opened["Plaintext"] == made["Plaintext"]
    own = kms.refusal("GetParametersForImport", KeyId=kms.key_id, **wrapping)
    assert own == (400, "Unsupported.Origin")
    rotation = {"EnableAutomaticRotation": True, "RotationInterval": "30d"}
    assert kms.refusal("UpdateRotationPolicy", KeyId=key_id, **rotation) == (
        400,
        "Unsupported.Origin",
    )


def test_material_that_was_not_wrapped_is_refused(kms: Crypto) -> None:
    key_id = kms("CreateKey", Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_1", "WrappingKeySpec": "RSA_2048"}
    token = kms("GetParametersForImport", KeyId=key_id, **wrapping)["ImportToken"]
    for wrong in (text(b"x" * 256), "no base64!"):
        brought = {"KeyId": key_id, "ImportToken": token, "EncryptedKeyMaterial": wrong}
        refused = kms.refusal("ImportKeyMaterial", KeyMaterialExpireUnix=0, **brought)
        assert refused == (400, "InvalidKeyMaterial")
    elliptic = {"WrappingAlgorithm": "SM2PKE", "WrappingKeySpec": "EC_SM2"}
    assert kms.refusal("GetParametersForImport", KeyId=key_id, **elliptic) == INVALID


def test_b14_answers_in_xml(kms: Crypto) -> None:
    server = kms.world.server
    good = call_v1(server, ROOT_A, "kms", "DescribeKey", KeyId=kms.key_id, Format="XML")
    assert b"<KMS>" in good.body
    assert f"<KeyId>{kms.key_id}</KeyId>".encode() in good.body
    bad = call_v1(server, ROOT_A, "kms", "DescribeKey", KeyId="alias/none", Format="XML")
    assert bad.status == 404
    assert b"<KMS><HttpStatus>404</HttpStatus><Code>Forbidden.AliasNotFound</Code>" in bad.body


def test_one_familys_keys_are_the_others(kms: Crypto) -> None:
    blob = kms("GenerateDataKey", KeyId=kms.key_id)["CiphertextBlob"]
    tea = TeaClient(kms.world.server, ROOT_A)
    assert tea("kms", "Decrypt", CiphertextBlob=blob)["KeyId"] == kms.key_id


def test_regions_are_apart(kms: Crypto) -> None:
    server = kms.world.server
    made = call_v1(server, ROOT_A, "kms", "CreateKey", RegionId="cn-beijing").json["KeyMetadata"]
    assert made["Arn"].startswith("acs:kms:cn-beijing:")
    there = {"KeyId": made["KeyId"], "RegionId": "cn-beijing"}
    elsewhere = {"KeyId": made["KeyId"], "RegionId": "cn-hangzhou"}
    assert call_v1(server, ROOT_A, "kms", "DescribeKey", **there).status == 200
    assert call_v1(server, ROOT_A, "kms", "DescribeKey", **elsewhere).status == 404
    # a client that says no region finds its account's keys by id
    assert call_v1(server, ROOT_A, "kms", "DescribeKey", KeyId=made["KeyId"]).status == 200
    assert call_v1(server, ROOT_A, "kms", "ListKeys", RegionId="a b").status == 400
