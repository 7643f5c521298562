"""Signature version 4: HMAC-SHA256 with a scoped key (OSS "V4 signature"; documented)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Final

from emulator.protocol.signing.fields import SIGNED_BY_DEFAULT, UNSIGNED_PAYLOAD, V4_TERMINATOR
from emulator.protocol.signing.request import Claims, SigningRequest
from emulator.protocol.signing.subresources import OSS_PREFIX, is_subresource
from emulator.protocol.signing.text import percent_encode, percent_encode_path, wire_bytes

_SIGNING_KEYS_MAX: Final = 1024


@lru_cache(maxsize=_SIGNING_KEYS_MAX)
def signing_key(secret: str, date: str, region: str, product: str) -> bytes:
    """The key for one day, region and product; a client uses the same one all day."""
    key = wire_bytes("aliyun_v4" + secret)
    for part in (date, region, product, V4_TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def matches(claims: Claims, request: SigningRequest, secret: str) -> bool:
    """Whether any accepted canonical request gives the signature the request carries."""
    provided = wire_bytes(claims.signature)
    key = signing_key(secret, claims.date, claims.region, claims.product)
    return any(
        hmac.compare_digest(_digest(key, claims, canonical), provided)
        for canonical in _candidates(claims, request)
    )


def sign(claims: Claims, request: SigningRequest, secret: str) -> str:
    """The signature over the usual canonical request."""
    key = signing_key(secret, claims.date, claims.region, claims.product)
    return _digest(key, claims, canonical_request(claims, request)).decode()


def canonical_request(claims: Claims, request: SigningRequest) -> bytes:
    """The usual canonical request: no ``=`` for empty values."""
    return next(_candidates(claims, request))


def string_to_sign(claims: Claims, canonical: bytes) -> bytes:
    """Algorithm, date, scope and the hash of the canonical request."""
    scope = f"{claims.date}/{claims.region}/{claims.product}/{V4_TERMINATOR}"
    digest = sha256(canonical).hexdigest()
    return wire_bytes(f"OSS4-HMAC-SHA256\n{claims.date_text}\n{scope}\n{digest}")


def _digest(key: bytes, claims: Claims, canonical: bytes) -> bytes:
    return hmac.digest(key, string_to_sign(claims, canonical), "sha256").hex().encode()


def _candidates(claims: Claims, request: SigningRequest) -> Iterator[bytes]:
    """Canonical requests, the usual one first; they differ in empty query values only."""
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    head = f"{request.method}\n{percent_encode_path(path)}\n"
    tail = _header_block(claims, request)
    if not request.query:
        yield wire_bytes(f"{head}\n{tail}")
        return
    for query in _queries(request):
        yield wire_bytes(f"{head}{query}\n{tail}")


def _header_block(claims: Claims, request: SigningRequest) -> str:
    """Canonical headers, additional header names and the payload marker."""
    additional = claims.additional_headers
    signed = [
        (name, value.strip(" \t"))
        for name, value in request.headers
        if name.startswith(OSS_PREFIX) or name in SIGNED_BY_DEFAULT or name in additional
    ]
    signed.sort()
    lines = "".join([f"{name}:{value}\n" for name, value in signed])
    # The payload marker can only have this value: reading the claims refused any other.
    return f"{lines}\n{';'.join(additional)}\n{UNSIGNED_PAYLOAD}"


def _queries(request: SigningRequest) -> Iterator[str]:
    """Canonical queries; an empty value may be ``name`` or ``name=`` depending on the client."""
    params = [
        (percent_encode(name), percent_encode(value or ""), _keeps_equals(name, value))
        for name, value in request.query
        if name != "x-oss-signature"
    ]
    params.sort()
    yield "&".join([f"{name}={value}" if value else name for name, value, _ in params])
    if all(value for _, value, _ in params):
        return
    for level in (_PLAIN, _ANY):
        if any(kept == level for _, _, kept in params):
            yield "&".join(
                [
                    f"{name}={value}" if value or kept >= level else name
                    for name, value, kept in params
                ]
            )


_NEVER: Final = 0
_ANY: Final = 1  # kept only by clients that sign the wire form
_PLAIN: Final = 2  # kept also by clients that drop the sign for sub-resources


def _keeps_equals(name: str, value: str | None) -> int:
    if value != "":
        return _NEVER
    return _ANY if is_subresource(name) else _PLAIN
