"""Credentials in the query of a presigned URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emulator.domain.errors import AccessDenied, InvalidArgument
from emulator.protocol.dates import parse_iso_basic
from emulator.protocol.signing.fields import (
    check_access_key_id,
    check_payload_marker,
    invalid_signing_date,
    parse_additional_headers,
    parse_credential,
    parse_expiry_s,
    parse_seconds,
    without_defaults,
)
from emulator.protocol.signing.header_claims import V2_WORD, V4_WORD
from emulator.protocol.signing.request import Claims, Location, Scheme, SigningRequest
from emulator.protocol.signing.text import legible

V4_EXPIRES_S_MAX: Final = 604_800

# Any of these makes a request a signed one.
CREDENTIAL_NAMES: Final = frozenset(
    {
        "OSSAccessKeyId",
        "Signature",
        "x-oss-signature-version",
        "x-oss-signature",
        "x-oss-credential",
        "x-oss-access-key-id",
    }
)
# These belong to the credentials, but a request may carry them without being signed.
COMPANION_NAMES: Final = frozenset(
    {
        "Expires",
        "security-token",
        "x-oss-security-token",
        "x-oss-date",
        "x-oss-expires",
        "x-oss-additional-headers",
    }
)


def read_query(
    params: Mapping[str, str], headers: Mapping[str, str], request: SigningRequest
) -> Claims:
    """Claims of a presigned URL; ``params`` are its credential parameters, each sent once.

    Raises AccessDenied, InvalidArgument, InvalidAccessKeyId.
    """
    version = params.get("x-oss-signature-version")
    if version is None:
        if "OSSAccessKeyId" in params or "Signature" in params:
            return _v1(params)
        version = ""
    elif "OSSAccessKeyId" in params or "Signature" in params:
        raise InvalidArgument("The query holds credentials of two signature versions.")
    if version == V4_WORD:
        return _v4(params, headers, request)
    if version == V2_WORD:
        return _v2(params, request)
    raise InvalidArgument(
        "The signature version is invalid.", name="x-oss-signature-version", value=legible(version)
    )


def _v1(params: Mapping[str, str]) -> Claims:
    if "OSSAccessKeyId" not in params or "Expires" not in params:
        message = (
            "Query-string authentication requires the Signature, Expires and "
            "OSSAccessKeyId parameters"
        )
        raise AccessDenied(message, ec="0002-00000071")
    access_key_id = params["OSSAccessKeyId"]
    if not access_key_id:
        raise AccessDenied("OSSAccessKeyId must not be empty.", ec="0002-00000072")
    signature = params.get("Signature")
    if not signature:
        raise AccessDenied("The Signature parameter is missing.", ec="0002-00000074")
    check_access_key_id(access_key_id)
    return Claims(
        scheme=Scheme.V1,
        location=Location.QUERY,
        access_key_id=access_key_id,
        # Some tools leave "+" unencoded, and a decoder on the way makes a blank of it.
        signature=signature.replace(" ", "+"),
        security_token=params.get("security-token"),
        date_text=params["Expires"],
        expires_at_s=parse_expiry_s(params["Expires"]),
    )


def _v2(params: Mapping[str, str], request: SigningRequest) -> Claims:
    access_key_id = params.get("x-oss-access-key-id")
    if not access_key_id:
        raise AccessDenied("The x-oss-access-key-id parameter is missing.")
    expires = params.get("x-oss-expires")
    if not expires:
        ec = "0002-00000113" if expires is None else "0002-00000114"
        raise AccessDenied("The x-oss-expires parameter is missing.", ec=ec)
    signature = params.get("x-oss-signature")
    if not signature:
        raise AccessDenied("The x-oss-signature parameter is missing.")
    check_access_key_id(access_key_id)
    return Claims(
        scheme=Scheme.V2,
        location=Location.QUERY,
        access_key_id=access_key_id,
        signature=signature.replace(" ", "+"),
        security_token=params.get("security-token"),
        date_text=expires,
        expires_at_s=parse_expiry_s(expires),
        additional_headers=parse_additional_headers(
            params.get("x-oss-additional-headers"), request
        ),
    )


def _v4(params: Mapping[str, str], headers: Mapping[str, str], request: SigningRequest) -> Claims:
    signature = params.get("x-oss-signature")
    if not signature:
        message = "The x-oss-signature parameter is missing."
        raise AccessDenied(message, ec="0002-00000219")
    credential = parse_credential(params.get("x-oss-credential", ""), "x-oss-credential")
    check_payload_marker(headers)
    date_text = params.get("x-oss-date", "")
    signed_at_ms = parse_iso_basic(date_text)
    signed_at_s = None if signed_at_ms is None else signed_at_ms // 1000
    if signed_at_s is not None and date_text[:8] != credential.date:
        raise invalid_signing_date(credential.date)
    expires_s = _v4_expires_s(params.get("x-oss-expires", ""))
    additional = parse_additional_headers(params.get("x-oss-additional-headers"), request)
    return Claims(
        scheme=Scheme.V4,
        location=Location.QUERY,
        access_key_id=credential.access_key_id,
        signature=signature,
        security_token=params.get("x-oss-security-token"),
        date_text=date_text,
        signed_at_s=signed_at_s,
        expires_at_s=None if signed_at_s is None else signed_at_s + expires_s,
        date=credential.date,
        region=credential.region,
        product=credential.product,
        additional_headers=without_defaults(additional),
    )


def _v4_expires_s(text: str) -> int:
    seconds = parse_seconds(text)
    if seconds is None or not 1 <= seconds <= V4_EXPIRES_S_MAX:
        raise InvalidArgument(
            f"x-oss-expires must be a number of seconds from 1 to {V4_EXPIRES_S_MAX}.",
            name="x-oss-expires",
            value=legible(text),
            ec="0002-00000232",
        )
    return seconds
