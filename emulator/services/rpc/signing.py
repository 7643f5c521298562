"""Both signatures of RPC-style APIs, as pure functions of a request.

V1: base64(HMAC-SHA1(secret + "&", METHOD & %2F & encoded parameters)); V3:
hex(HMAC-SHA256(secret, hash of the canonical request)) (Alibaba Cloud OpenAPI, RPC signature
method and V3 request signature; documented).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import msgspec

from emulator.services.rpc.errors import gateway_error, missing
from emulator.services.rpc.request import RpcRequest

V3_ALGORITHM = "ACS3-HMAC-SHA256"
_V1_METHOD, _V1_VERSION = "HMAC-SHA1", "1.0"
_V1_REQUIRED = ("AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp")
_AUTHORIZATION = re.compile(
    r"(?P<algorithm>ACS3-[A-Z0-9-]+) +Credential=(?P<key>[!-+\--~]+), *"
    r"SignedHeaders=(?P<headers>[!-+\--~]+), *Signature=(?P<signature>[0-9A-Fa-f]+)"
)
# What a V3 signature has to cover, for it says what is asked (documented as the headers to sign;
# that a request without them is refused is inferred).
_V3_SIGNED = ("host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce")
_V3_TOKEN = "x-acs-security-token"  # noqa: S105 - the name of a header
_V3_HASH = "x-acs-content-sha256"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of its signature; ``date`` and ``nonce`` as written."""

    access_key_id: str
    security_token: str
    date: str
    nonce: str
    signature: str
    signed_headers: tuple[str, ...] = ()  # V3 only


def encode(text: str) -> str:
    """Percent-encoding in which only ``A-Z a-z 0-9 - _ . ~`` stay as they are."""
    return quote(text, safe="~")


def read_claims(request: RpcRequest) -> Claims:
    """Who the request says it is from. Raises RpcError for what is missing or not supported."""
    return _read_v3(request) if request.is_v3 else _read_v1(request)


def string_to_sign(request: RpcRequest, claims: Claims) -> str:
    """The text under the signature."""
    if not claims.signed_headers:
        return v1_string_to_sign(request.method, request.parameters)
    text = canonical_request(request, claims.signed_headers)
    hashed = hashlib.sha256(text.encode("utf-8", "surrogateescape"))
    return f"{V3_ALGORITHM}\n{hashed.hexdigest()}"


def is_signed_with(request: RpcRequest, claims: Claims, secret: str) -> bool:
    """Whether the signature was made with this secret over this request, its body included."""
    text = string_to_sign(request, claims)
    if not claims.signed_headers:
        return _equal(v1_signature(secret, text), claims.signature)
    stated = request.headers.get(_V3_HASH, "")
    if not _equal(hashlib.sha256(request.body).hexdigest(), stated.lower()):
        return False
    return _equal(v3_signature(secret, text), claims.signature.lower())


def v1_string_to_sign(method: str, parameters: Mapping[str, str]) -> str:
    """The method, ``/`` and every parameter but the signature."""
    signed = {name: value for name, value in parameters.items() if name != "Signature"}
    return f"{method}&%2F&{encode(_canonical_query(signed))}"


def v1_signature(secret: str, text: str) -> str:
    """base64(HMAC-SHA1); the key ends in ``&``."""
    digest = hmac.digest(f"{secret}&".encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()


def v3_signature(secret: str, text: str) -> str:
    """hex(HMAC-SHA256)."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def canonical_request(request: RpcRequest, signed_headers: Iterable[str]) -> str:
    """What V3 hashes. The header lines end with a line feed of their own."""
    names = tuple(signed_headers)
    lines = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    return "\n".join(
        (
            request.method,
            request.path,
            _canonical_query(request.query),
            lines,
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _canonical_query(parameters: Mapping[str, str]) -> str:
    """Pairs in the order of the names' bytes."""
    ordered = sorted(parameters.items(), key=lambda pair: pair[0].encode())
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in ordered)


def _read_v1(request: RpcRequest) -> Claims:
    parameters = request.parameters
    for name in _V1_REQUIRED:
        if not parameters.get(name):
            raise missing(name)
    if parameters["SignatureMethod"].upper() != _V1_METHOD or parameters.get("SignatureType"):
        raise gateway_error("InvalidSignatureMethod")
    if parameters["SignatureVersion"] != _V1_VERSION:
        raise gateway_error("InvalidSignatureVersion")
    if not parameters.get("Signature"):
        raise gateway_error("IncompleteSignature")
    return Claims(
        access_key_id=parameters["AccessKeyId"],
        security_token=parameters.get("SecurityToken", ""),
        date=parameters["Timestamp"],
        nonce=parameters["SignatureNonce"],
        signature=parameters["Signature"],
    )


def _read_v3(request: RpcRequest) -> Claims:
    headers = request.headers
    match = _AUTHORIZATION.fullmatch(headers["authorization"].strip())
    if match is None:
        raise gateway_error("IncompleteSignature")
    if match["algorithm"] != V3_ALGORITHM:
        raise gateway_error("InvalidSignatureMethod")
    signed = tuple(match["headers"].lower().split(";"))
    needed = (*_V3_SIGNED, _V3_HASH, *((_V3_TOKEN,) if _V3_TOKEN in headers else ()))
    if any(name not in headers or name not in signed for name in needed):
        raise gateway_error("IncompleteSignature")
    return Claims(
        access_key_id=match["key"],
        security_token=headers.get(_V3_TOKEN, ""),
        date=headers["x-acs-date"],
        nonce=headers["x-acs-signature-nonce"],
        signature=match["signature"],
        signed_headers=signed,
    )


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogateescape"))
