"""The key service and the objects it encrypts as an account sees them: keys, clients, refusals."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import oss2
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.support.process import KEY_A, SECRET_A, EmulatorProcess
from tests.support.rpc import CoreClient, Keys

SSE = "x-oss-server-side-encryption"
KEY_ID = f"{SSE}-key-id"


def sse_kms(key: str = "", **more: str) -> dict[str, str]:
    """The headers that ask for SSE-KMS."""
    return {SSE: "KMS", **({KEY_ID: key} if key else {}), **more}


def bucket_of_a(server: EmulatorProcess, name: str, *, create: bool = False) -> oss2.Bucket:
    """A bucket of account A."""
    bucket = oss2.Bucket(oss2.Auth(KEY_A, SECRET_A), server.endpoint, name, connect_timeout=20)
    if create:
        bucket.create_bucket()
    return bucket


class KeyService:
    """The key service as account A sees it."""

    def __init__(self, server: EmulatorProcess) -> None:
        self._client = CoreClient(server, Keys(KEY_A, SECRET_A))

    def __call__(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation. Raises Refused."""
        return self._client("kms", action, **parameters)

    def make(self, **parameters: str) -> str:
        """The id of a fresh key."""
        return str(self("CreateKey", **parameters)["KeyMetadata"]["KeyId"])

    def bring(self, key_id: str, material: bytes, *, expires_s: int = 0) -> None:
        """Import material."""
        wrapping = {"WrappingAlgorithm": "RSAES_PKCS1_V1_5", "WrappingKeySpec": "RSA_2048"}
        given = self("GetParametersForImport", KeyId=key_id, **wrapping)
        public = load_der_public_key(base64.b64decode(given["PublicKey"]))
        assert isinstance(public, RSAPublicKey)
        wrapped = base64.b64encode(public.encrypt(material, padding.PKCS1v15())).decode()
        self(
            "ImportKeyMaterial",
            KeyId=key_id,
            EncryptedKeyMaterial=wrapped,
            ImportToken=given["ImportToken"],
            KeyMaterialExpireUnix=expires_s,
        )


def refusal(what: Any, *given: Any, **named: Any) -> tuple[int, str, str]:
    """Status, code and EC of a refused request."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        what(*given, **named)
    error = caught.value
    return error.status, error.code, error.details.get("EC", "")


def clock_s(server: EmulatorProcess) -> int:
    """The time on the server's clock, in seconds since 1970."""
    text = str(server.control("GET", "clock")["now"])
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
