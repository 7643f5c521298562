"""Credentials in the Authorization header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emulator.domain.errors import InvalidArgument
from emulator.protocol.dates import iso_basic, parse_http_date, parse_iso_basic
from emulator.protocol.signing.fields import (
    check_access_key_id,
    check_payload_marker,
    invalid_signing_date,
    parse_additional_headers,
    parse_credential,
    without_defaults,
)
from emulator.protocol.signing.request import Claims, Location, Scheme, SigningRequest

V4_WORD: Final = "OSS4-HMAC-SHA256"
V2_WORD: Final = "OSS2"
V1_WORD: Final = "OSS"

_V4_FIELDS: Final = frozenset({"Credential", "AdditionalHeaders", "Signature"})
_V2_FIELDS: Final = frozenset({"AccessKeyId", "AdditionalHeaders", "Signature"})


def read_header(
    authorization: str, headers: Mapping[str, str], token: str | None, request: SigningRequest
) -> Claims:
    """Claims of an Authorization header; ``headers`` is the same headers as a mapping.

    Raises InvalidArgument, InvalidAccessKeyId.
    """
    word, _, rest = authorization.partition(" ")
    if word == V4_WORD:
        return _v4(rest, headers, token, request)
    if word == V1_WORD:
        return _v1(rest, headers, token)
    if word == V2_WORD:
        return _v2(rest, headers, token, request)
    raise _malformed("")


def _v1(rest: str, headers: Mapping[str, str], token: str | None) -> Claims:
    access_key_id, colon, signature = rest.strip(" ").partition(":")
    if not colon or not access_key_id or not signature or ":" in signature:
        raise _malformed("0002-00000062")
    check_access_key_id(access_key_id)
    date_text, signed_at_s = _date_line(headers)
    return Claims(
        scheme=Scheme.V1,
        location=Location.HEADER,
        access_key_id=access_key_id,
        signature=signature,
        security_token=token,
        date_text=date_text,
        signed_at_s=signed_at_s,
    )


def _v2(
    rest: str, headers: Mapping[str, str], token: str | None, request: SigningRequest
) -> Claims:
    fields = _fields(rest, ":", _V2_FIELDS, "")
    access_key_id = fields.get("AccessKeyId", "")
    signature = fields.get("Signature", "")
    if not access_key_id or not signature:
        raise _malformed("")
    check_access_key_id(access_key_id)
    date_text, signed_at_s = _date_line(headers)
    return Claims(
        scheme=Scheme.V2,
        location=Location.HEADER,
        access_key_id=access_key_id,
        signature=signature,
        security_token=token,
        date_text=date_text,
        signed_at_s=signed_at_s,
        additional_headers=parse_additional_headers(fields.get("AdditionalHeaders"), request),
    )


def _v4(
    rest: str, headers: Mapping[str, str], token: str | None, request: SigningRequest
) -> Claims:
    fields = _fields(rest, "=", _V4_FIELDS, "0002-00000202")
    signature = fields.get("Signature")
    if not signature or "Credential" not in fields:
        raise _malformed("0002-00000202")
    credential = parse_credential(fields["Credential"], "Authorization")
    check_payload_marker(headers)
    date_text, signed_at_s = _v4_date(headers)
    if signed_at_s is not None and date_text[:8] != credential.date:
        raise invalid_signing_date(credential.date)
    additional = parse_additional_headers(fields.get("AdditionalHeaders"), request)
    return Claims(
        scheme=Scheme.V4,
        location=Location.HEADER,
        access_key_id=credential.access_key_id,
        signature=signature,
        security_token=token,
        date_text=date_text,
        signed_at_s=signed_at_s,
        date=credential.date,
        region=credential.region,
        product=credential.product,
        additional_headers=without_defaults(additional),
    )


def _fields(text: str, separator: str, names: frozenset[str], ec: str) -> dict[str, str]:
    """``name<separator>value`` items between commas, blanks around them allowed, in any order."""
    fields: dict[str, str] = {}
    for item in text.split(","):
        name, found, value = item.partition(separator)
        name = name.strip(" \t")
        if not found or name not in names or name in fields:
            raise _malformed(ec)
        fields[name] = value.strip(" \t")
    return fields


def _date_line(headers: Mapping[str, str]) -> tuple[str, int | None]:
    """The date line of V1 and V2: ``x-oss-date`` wins, because browsers cannot set ``Date``."""
    text = headers.get("x-oss-date") or headers.get("date") or ""
    at_ms = parse_http_date(text)
    return text, _seconds(parse_iso_basic(text) if at_ms is None else at_ms)


def _v4_date(headers: Mapping[str, str]) -> tuple[str, int | None]:
    text = headers.get("x-oss-date")
    if text is not None:
        return text, _seconds(parse_iso_basic(text))
    text = headers.get("date", "")
    at_ms = parse_http_date(text)
    if at_ms is None:
        return text, _seconds(parse_iso_basic(text))
    return iso_basic(at_ms), _seconds(at_ms)


def _seconds(instant_ms: int | None) -> int | None:
    return None if instant_ms is None else instant_ms // 1000


def _malformed(ec: str) -> InvalidArgument:
    # The header is not repeated in the error: a mistyped one may hold a secret.
    return InvalidArgument("Authorization header is invalid.", name="Authorization", ec=ec)
