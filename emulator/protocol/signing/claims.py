"""From a request to what it claims about its signer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emulator.domain.errors import InvalidArgument, InvalidRequest
from emulator.protocol.signing.header_claims import read_header
from emulator.protocol.signing.query_claims import (
    COMPANION_NAMES,
    CREDENTIAL_NAMES,
    read_query,
)
from emulator.protocol.signing.request import Claims, SigningRequest
from emulator.protocol.signing.subresources import OSS_PREFIX
from emulator.protocol.signing.text import legible

STS_HEADER: Final = "x-oss-security-token"
STS_HEADER_ALIAS: Final = "security-token"  # what the V1 signers of Py2 and Java2 send

_STS_NAMES: Final = (STS_HEADER, STS_HEADER_ALIAS)
_SINGLE_HEADERS: Final = frozenset(
    {"authorization", "date", "content-md5", "content-type", STS_HEADER_ALIAS}
)
_NO_PARAMS: Final[Mapping[str, str]] = {}


def read_claims(request: SigningRequest) -> Claims | None:
    """Who the request says it is from, or None when it is anonymous.

    Nothing is verified here but the form. A missing or unreadable date is left to check_time, so
    that an unknown key id is reported first (order of checks; inferred). Raises InvalidArgument
    for malformed or double credentials and doubled headers, AccessDenied for incomplete URLs,
    InvalidAccessKeyId for impossible key ids, InvalidRequest for the token of a URL in a header.
    """
    headers = dict(request.headers)
    if len(headers) != len(request.headers):
        _refuse_doubled_headers(request)
    params = _credential_params(request) if request.query else _NO_PARAMS
    signed_url = not CREDENTIAL_NAMES.isdisjoint(params)
    authorization = headers.get("authorization")
    if authorization is None:
        if not signed_url:
            return None
        _refuse_header_token(headers, params)
        return read_query(params, headers, request)
    if signed_url:
        raise InvalidArgument("Both header and query string authentication are given.")
    return read_header(authorization, headers, _header_token(headers, params), request)


def _refuse_doubled_headers(request: SigningRequest) -> None:
    """One signer may join the values, one handler take the first: refuse instead of guessing."""
    seen: set[str] = set()
    for name, _ in request.headers:
        if name in seen and (name in _SINGLE_HEADERS or name.startswith(OSS_PREFIX)):
            raise InvalidArgument("A header was sent twice.", name=legible(name))
        seen.add(name)


def _credential_params(request: SigningRequest) -> Mapping[str, str]:
    params: dict[str, str] = {}
    for name, value in request.query:
        if name in CREDENTIAL_NAMES or name in COMPANION_NAMES:
            if name in params:
                raise InvalidArgument("A parameter of the signature was sent twice.", name=name)
            params[name] = value or ""
    return params


def _header_token(headers: Mapping[str, str], params: Mapping[str, str]) -> str | None:
    token = headers.get(STS_HEADER)
    alias = headers.get(STS_HEADER_ALIAS)
    if token is not None and alias is not None:
        raise InvalidArgument("The security token is given twice.", name=STS_HEADER)
    if token is None:
        token = alias
    if token is not None and params and any(name in params for name in _STS_NAMES):
        raise InvalidArgument("The security token is given in header and query.", name=STS_HEADER)
    return token


def _refuse_header_token(headers: Mapping[str, str], params: Mapping[str, str]) -> None:
    if not any(name in headers for name in _STS_NAMES):
        return
    if any(name in params for name in _STS_NAMES):
        raise InvalidArgument("The security token is given in header and query.", name=STS_HEADER)
    raise InvalidRequest("The security token must be provided by a query string parameter.")
