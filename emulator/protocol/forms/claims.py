"""The credentials of an upload form: V1, V2 and V4 over the text of its policy.

(OSS PostObject, POST signatures; documented, V2 from the error pages.) The signed text is the
base64 of the policy exactly as it was sent.
"""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Final, assert_never

import msgspec

from emulator.domain import errors
from emulator.protocol.dates import iso_date, parse_iso_basic
from emulator.protocol.signing import Claims, Location, Scheme
from emulator.protocol.signing.claims import STS_HEADER
from emulator.protocol.signing.fields import (
    check_access_key_id,
    invalid_signing_date,
    parse_credential,
)
from emulator.protocol.signing.header_claims import V2_WORD, V4_WORD
from emulator.protocol.signing.text import legible, wire_bytes
from emulator.protocol.signing.v4 import signing_key

_VERSION: Final = "x-oss-signature-version"
_CREDENTIAL: Final = "x-oss-credential"
_DATE: Final = "x-oss-date"
_SKEW_MS_MAX: Final = 15 * 60 * 1000
_AGE_MS_MAX: Final = 7 * 24 * 60 * 60 * 1000  # of a V4 date (OSS POST V4 signature; documented)

# Where each scheme has its key id and its signature.
_V1_FIELDS: Final = ("ossaccesskeyid", "signature")
_V2_FIELDS: Final = ("x-oss-access-key-id", "x-oss-signature")
_V4_FIELDS: Final = (_CREDENTIAL, "x-oss-signature")

CREDENTIAL_FIELDS: Final = frozenset(
    {"policy", _VERSION, _DATE, STS_HEADER, *_V1_FIELDS, *_V2_FIELDS, *_V4_FIELDS}
)
# What makes a form one that is signed; a date or a token alone does not.
_SIGNING: Final = CREDENTIAL_FIELDS - {_DATE, STS_HEADER}


class FormClaims(msgspec.Struct, frozen=True):
    """Who signed a form, and the policy that was signed; nothing of it is verified yet."""

    claims: Claims
    policy: str


def read_form_claims(fields: Mapping[str, str]) -> FormClaims | None:
    """The credentials among the fields, ``None`` when there are none at all.

    Raises InvalidArgument when some are missing, empty or malformed.
    """
    if _SIGNING.isdisjoint(fields):
        return None
    version = fields.get(_VERSION, "")
    if version == V4_WORD:
        scheme, names = Scheme.V4, _V4_FIELDS
    elif version == V2_WORD:
        scheme, names = Scheme.V2, _V2_FIELDS
    elif not version:
        scheme, names = Scheme.V1, _V1_FIELDS
    else:
        raise errors.InvalidArgument(
            "The signature version is not supported.", name=_VERSION, value=legible(version)
        )
    key_id_field, signature_field = names
    key_id = _required(fields, key_id_field, "0002-00000706", "0002-00000707")
    signature = _required(fields, signature_field, "0002-00000703", "0002-00000704")
    policy = _required(fields, "policy", "0002-00000702", "0002-00000702")
    token = fields.get(STS_HEADER)
    if scheme is not Scheme.V4:
        check_access_key_id(key_id)
        claims = Claims(
            scheme=scheme,
            location=Location.QUERY,
            access_key_id=key_id,
            signature=signature,
            security_token=token,
        )
        return FormClaims(claims, policy)
    return FormClaims(_v4_claims(fields, key_id, signature, token), policy)


def _required(fields: Mapping[str, str], name: str, missing_ec: str, empty_ec: str) -> str:
    value = fields.get(name)
    if value is None:
        message = f"The bucket POST must contain the specified '{name}'."
        raise errors.InvalidArgument(message, name=name, ec=missing_ec)
    if not value:
        raise errors.InvalidArgument(f"The field '{name}' is empty.", name=name, ec=empty_ec)
    return value


def _v4_claims(
    fields: Mapping[str, str], credential_text: str, signature: str, token: str | None
) -> Claims:
    credential = parse_credential(credential_text, _CREDENTIAL)
    date_text = fields.get(_DATE, "")
    signed_at_ms = parse_iso_basic(date_text)
    if signed_at_ms is None or date_text[:8] != credential.date:
        raise invalid_signing_date(date_text)
    return Claims(
        scheme=Scheme.V4,
        location=Location.QUERY,
        access_key_id=credential.access_key_id,
        signature=signature,
        security_token=token,
        date_text=date_text,
        signed_at_s=signed_at_ms // 1000,
        date=credential.date,
        region=credential.region,
        product=credential.product,
    )


def check_form_time(form: FormClaims, now_ms: int) -> None:
    """Refuse a V4 date more than 15 minutes ahead or 7 days ago. Raises AccessDenied."""
    signed_at_s = form.claims.signed_at_s
    if signed_at_s is None:
        return
    signed_at_ms = signed_at_s * 1000
    if signed_at_ms - now_ms > _SKEW_MS_MAX:
        message, ec = "Request is not valid yet.", "0002-00000235"
    elif now_ms - signed_at_ms > _AGE_MS_MAX:
        message, ec = "Request has expired.", "0002-00000069"
    else:
        return
    raise errors.AccessDenied(message, ec=ec, fields={"ServerTime": iso_date(now_ms)})


def check_form_signature(form: FormClaims, secret: str) -> None:
    """Compare the signature with the one ``secret`` gives, in constant time.

    Raises SignatureDoesNotMatch.
    """
    claims, text = form.claims, wire_bytes(form.policy)
    match claims.scheme:
        case Scheme.V1:
            expected = b2a_base64(hmac.digest(wire_bytes(secret), text, "sha1"), newline=False)
        case Scheme.V2:
            expected = b2a_base64(hmac.digest(wire_bytes(secret), text, "sha256"), newline=False)
        case Scheme.V4:
            key = signing_key(secret, claims.date, claims.region, claims.product)
            expected = hmac.digest(key, text, "sha256").hex().encode()
        case _:
            assert_never(claims.scheme)
    if not hmac.compare_digest(expected, wire_bytes(claims.signature)):
        raise errors.SignatureDoesNotMatch(
            fields={
                "OSSAccessKeyId": legible(claims.access_key_id),
                "SignatureProvided": legible(claims.signature),
                "StringToSign": legible(form.policy),
            }
        )
