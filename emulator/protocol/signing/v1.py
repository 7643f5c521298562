"""Signature version 1: HMAC-SHA1 (OSS "Include signatures in headers / URLs"; documented)."""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from emulator.protocol.signing.request import Claims, Location, SigningRequest
from emulator.protocol.signing.subresources import CORE, NAMED, OSS_PREFIX
from emulator.protocol.signing.text import wire_bytes

_Params = list[tuple[str, str]]
_SUBSET_SEARCH_MAX: Final = 4  # two to this power signatures, at most, for one refused request


def matches(claims: Claims, request: SigningRequest, secret: str) -> bool:
    """Whether any accepted string to sign gives the signature the request carries."""
    provided = wire_bytes(claims.signature)
    key = wire_bytes(secret)
    return any(
        hmac.compare_digest(_digest(key, candidate), provided)
        for candidate in _candidates(claims, request)
    )


def sign(claims: Claims, request: SigningRequest, secret: str) -> str:
    """The signature over the usual string to sign."""
    return _digest(wire_bytes(secret), string_to_sign(claims, request)).decode()


def string_to_sign(claims: Claims, request: SigningRequest) -> bytes:
    """The usual string to sign: every sub-resource present takes part."""
    return next(_candidates(claims, request))


def head_lines(claims: Claims, request: SigningRequest, additional: tuple[str, ...] = ()) -> str:
    """Method, Content-MD5, Content-Type, date and canonical headers, each ended by a newline."""
    md5 = content_type = ""
    canonical: list[tuple[str, str]] = []
    for name, value in request.headers:
        if name.startswith(OSS_PREFIX) or name in additional:
            canonical.append((name, value.strip(" \t")))
        if name == "content-type":
            content_type = value
        elif name == "content-md5":
            md5 = value
    lines = f"{request.method}\n{md5}\n{content_type}\n{claims.date_text}\n"
    if canonical:
        canonical.sort()
        lines += "".join([f"{name}:{value}\n" for name, value in canonical])
    return lines


def _digest(key: bytes, text: bytes) -> bytes:
    return b2a_base64(hmac.digest(key, text, "sha1"), newline=False)


def _candidates(claims: Claims, request: SigningRequest) -> Iterator[bytes]:
    """Strings to sign, the usual one first.

    SDK lists of sub-resources disagree, so no single string suits every client. Each string covers
    method, bucket, key, signed headers and all names that every SDK signs.
    """
    head = head_lines(claims, request)
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    if not request.query:
        yield wire_bytes(head + path)
        return
    required, optional = _split(claims, request)
    tried: list[_Params] = []
    for selection in _selections(required, optional):
        yield wire_bytes(head + path + _resource_query(selection, empty_suffix=""))
        tried.append(selection)
    for selection in tried:
        if any(not value for _, value in selection):
            yield wire_bytes(head + path + _resource_query(selection, empty_suffix="="))


def _split(claims: Claims, request: SigningRequest) -> tuple[_Params, _Params]:
    """Sub-resources that must be signed, and those only some clients sign.

    In a URL everything that selects an operation must be signed: whoever holds a URL for one
    operation could otherwise append the name of another one.
    """
    must = NAMED if claims.location is Location.QUERY else CORE
    required: _Params = []
    optional: _Params = []
    for name, value in request.query:
        if name in must:
            required.append((name, value or ""))
        elif name in NAMED or name.startswith(OSS_PREFIX):
            optional.append((name, value or ""))
    return required, optional


def _selections(required: _Params, optional: _Params) -> Iterator[_Params]:
    yield sorted(required + optional)
    if not optional:
        return
    plain = [param for param in optional if not param[0].startswith(OSS_PREFIX)]
    if len(plain) != len(optional):
        yield sorted(required + plain)
    if plain:
        yield sorted(required)
    if len(optional) <= _SUBSET_SEARCH_MAX:
        for size in range(1, len(optional)):
            for subset in combinations(optional, size):
                yield sorted([*required, *subset])


def _resource_query(params: _Params, *, empty_suffix: str) -> str:
    if not params:
        return ""
    items = [f"{name}={value}" if value else name + empty_suffix for name, value in params]
    return "?" + "&".join(items)
