"""Signature version 2: HMAC-SHA256 over V1's lines and the whole query (SDK sources; observed)."""

from __future__ import annotations

import hmac
from binascii import b2a_base64

from emulator.protocol.signing.request import Claims, SigningRequest
from emulator.protocol.signing.text import percent_encode, wire_bytes
from emulator.protocol.signing.v1 import head_lines


def matches(claims: Claims, request: SigningRequest, secret: str) -> bool:
    """Whether the string to sign gives the signature the request carries."""
    computed = _digest(string_to_sign(claims, request), secret)
    return hmac.compare_digest(computed, wire_bytes(claims.signature))


def sign(claims: Claims, request: SigningRequest, secret: str) -> str:
    """The signature of the request."""
    return _digest(string_to_sign(claims, request), secret).decode()


def string_to_sign(claims: Claims, request: SigningRequest) -> bytes:
    """V1's lines, the additional header names, then resource and query fully encoded."""
    additional = claims.additional_headers
    head = head_lines(claims, request, additional)
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    items = [
        (percent_encode(name), percent_encode(value or ""))
        for name, value in request.query
        if name != "x-oss-signature"
    ]
    items.sort()
    query = "&".join([f"{name}={value}" if value else name for name, value in items])
    resource = f"{percent_encode(path)}?{query}" if query else percent_encode(path)
    return wire_bytes(f"{head}{';'.join(additional)}\n{resource}")


def _digest(text: bytes, secret: str) -> bytes:
    return b2a_base64(hmac.digest(wire_bytes(secret), text, "sha256"), newline=False)
