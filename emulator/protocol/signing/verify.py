"""Time and signature of a request against what it claims."""

from __future__ import annotations

from typing import Final, assert_never

from emulator.domain.errors import (
    AccessDenied,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
)
from emulator.protocol.dates import iso_date
from emulator.protocol.signing import v1, v2, v4
from emulator.protocol.signing.claims import STS_HEADER, STS_HEADER_ALIAS
from emulator.protocol.signing.fields import invalid_signing_region
from emulator.protocol.signing.request import Claims, Location, Scheme, SigningRequest
from emulator.protocol.signing.text import legible

SKEW_S_MAX: Final = 900

_MASK: Final = "***"
_TOKENS: Final = frozenset({STS_HEADER, STS_HEADER_ALIAS})


def check_time(claims: Claims, now_s: float) -> None:
    """Refuse stale, early and undated requests.

    Header signatures must be within 15 minutes of the server's time, URLs within their validity;
    a V4 URL may be used up to 15 minutes before its date (OSS signature pages; documented).
    Raises RequestTimeTooSkewed, AccessDenied.
    """
    signed_at_s = claims.signed_at_s
    if claims.location is Location.QUERY:
        _check_url_time(claims, now_s)
    elif signed_at_s is None:
        raise _no_valid_date(claims)
    elif abs(now_s - signed_at_s) > SKEW_S_MAX:
        raise RequestTimeTooSkewed(
            ec="0002-00000504",
            fields={
                "MaxAllowedSkewMilliseconds": str(SKEW_S_MAX * 1000),
                "RequestTime": iso_date(int(signed_at_s * 1000)),
                "ServerTime": iso_date(int(now_s * 1000)),
            },
        )


def check_region(claims: Claims, region: str) -> None:
    """For strict set-ups: the scope of V4 must name the bucket's region; raises InvalidArgument."""
    if claims.scheme is Scheme.V4 and claims.region != region:
        raise invalid_signing_region(claims.region, in_url=claims.location is Location.QUERY)


def check_signature(claims: Claims, request: SigningRequest, secret: str) -> None:
    """Compare the signature with the one ``secret`` gives, in constant time.

    Raises SignatureDoesNotMatch with the server's strings; the secret and the security token are
    not in them.
    """
    match claims.scheme:
        case Scheme.V4:
            valid = v4.matches(claims, request, secret)
        case Scheme.V1:
            valid = v1.matches(claims, request, secret)
        case Scheme.V2:
            valid = v2.matches(claims, request, secret)
        case _:
            assert_never(claims.scheme)
    if not valid:
        raise _mismatch(claims, request)


def _check_url_time(claims: Claims, now_s: float) -> None:
    expires_at_s = claims.expires_at_s
    if expires_at_s is None:
        raise _no_valid_date(claims)
    if now_s > expires_at_s:
        message, ec = "Request has expired.", "0002-00000069"
    elif claims.signed_at_s is not None and claims.signed_at_s - now_s > SKEW_S_MAX:
        message, ec = "Request is not valid yet.", "0002-00000235"
    else:
        return
    fields = {
        "Expires": iso_date(int(expires_at_s * 1000)),
        "ServerTime": iso_date(int(now_s * 1000)),
    }
    raise AccessDenied(message, ec=ec, fields=fields)


def _no_valid_date(claims: Claims) -> AccessDenied:
    ec = "0002-00000502" if claims.date_text else "0002-00000503"
    return AccessDenied("OSS authentication requires a valid Date.", ec=ec)


def _mismatch(claims: Claims, request: SigningRequest) -> SignatureDoesNotMatch:
    fields = {
        "OSSAccessKeyId": legible(claims.access_key_id),
        "SignatureProvided": legible(claims.signature),
    }
    shown = _without_token(request)
    ec = ""
    canonical = b""
    match claims.scheme:
        case Scheme.V4:
            # The string holds a hash only, so it can be the true one; the request is shown masked.
            text = v4.string_to_sign(claims, v4.canonical_request(claims, request))
            canonical = v4.canonical_request(claims, shown)
            ec = "0002-00000201"
        case Scheme.V1:
            text = v1.string_to_sign(claims, shown)
            ec = "0002-00000040"
        case Scheme.V2:
            text = v2.string_to_sign(claims, shown)
        case _:
            assert_never(claims.scheme)
    fields["StringToSign"] = _shown(text)
    fields["StringToSignBytes"] = text.hex(" ").upper()
    if canonical:
        fields["CanonicalRequest"] = _shown(canonical)
    return SignatureDoesNotMatch(ec=ec, fields=fields)


def _shown(data: bytes) -> str:
    return legible(data.decode("utf-8", "replace"))


def _without_token(request: SigningRequest) -> SigningRequest:
    """The request with security tokens masked: error bodies end up in logs and screenshots."""
    return SigningRequest(
        method=request.method,
        bucket=request.bucket,
        key=request.key,
        query=tuple((n, _MASK if n in _TOKENS and v else v) for n, v in request.query),
        headers=tuple((n, _MASK if n in _TOKENS else v) for n, v in request.headers),
    )
