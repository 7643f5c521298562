"""Who sent a request: signature, temporary credentials, principal."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import msgspec
from aiohttp import web

from emulator.access.audit import stranger
from emulator.access.credentials import Credential, find_credential, principal_of
from emulator.access.identity import ANONYMOUS, TEMPORARY_KEY_PREFIX, Principal
from emulator.access.policy.faults import PolicyError
from emulator.domain import errors
from emulator.protocol.addressing import Target
from emulator.protocol.context import RequestView, ServerContext
from emulator.protocol.signing import (
    Claims,
    Location,
    SigningRequest,
    check_region,
    check_signature,
    check_time,
    read_claims,
)


class Caller(msgspec.Struct, frozen=True):
    """Who is calling, the region a V4 scope names (``""`` otherwise), and whether a signed URL
    says so."""

    principal: Principal
    signing_region: str
    by_url: bool = False


NOBODY = Caller(ANONYMOUS, "")


def authenticate(
    context: ServerContext,
    view: RequestView,
    request: web.BaseRequest,
    target: Target,
    now_ms: int,
) -> Caller:
    """Check a request's signature. A request without one is anonymous.

    Raises the errors of ``signing``, and InvalidAccessKeyId, InvalidSecurityToken,
    SecurityTokenExpired and AccessKeyIdAndSecurityTokenNotMatch.
    """
    signed = _signed(request, target)
    claims = read_claims(signed)
    if claims is None:
        return NOBODY
    if context.oss.strict_signing_region and target.bucket:
        bucket = view.bucket(target.bucket)
        if bucket is not None:
            check_region(claims, bucket.region)
    credential = _find(view, claims)
    _check_token(claims, credential, now_ms)
    if context.oss.check_signing_time:
        check_time(claims, now_ms / 1000)
    check_signature(claims, signed, credential.secret)
    return _caller(context, view, claims, credential)


def unproven(view: RequestView, request: web.BaseRequest, target: Target) -> Principal:
    """Who sent a request that ``authenticate`` refused, for the audit log: nobody but for the
    access key id that it names, if that can be read."""
    try:
        claims = read_claims(_signed(request, target))
    except errors.OssError:
        claims = None
    return unproven_key(view, "" if claims is None else claims.access_key_id)


def unproven_key(view: RequestView, access_key_id: str) -> Principal:
    """The same of somebody who names this key."""
    credential = find_credential(view.identities, access_key_id)
    return stranger(access_key_id, "" if credential is None else credential.holder.account_uid)


def authenticate_form(
    context: ServerContext,
    view: RequestView,
    claims: Claims,
    now_ms: int,
    check: Callable[[str], None],
) -> Caller:
    """Find who signed an upload form; ``check`` is given the secret and raises for a signature
    that was not made with it. Raises what ``authenticate`` raises for the key and its token."""
    credential = _find(view, claims)
    _check_token(claims, credential, now_ms)
    check(credential.secret)
    return _caller(context, view, claims, credential)


def _signed(request: web.BaseRequest, target: Target) -> SigningRequest:
    return SigningRequest(
        method=request.method,
        bucket=target.bucket,
        key=target.key,
        query=target.query,
        headers=tuple([(name.lower(), value) for name, value in request.headers.items()]),
    )


def _caller(
    context: ServerContext, view: RequestView, claims: Claims, credential: Credential
) -> Caller:
    try:
        principal = principal_of(view.identities, context.policies, credential)
    except PolicyError as error:
        raise errors.AccessDenied("A policy of the caller is stored but cannot be read.") from error
    if principal is None:
        raise errors.InvalidAccessKeyId(claims.access_key_id)
    return Caller(principal, claims.region, claims.location is Location.QUERY)


def _find(view: RequestView, claims: Claims) -> Credential:
    key_id = claims.access_key_id
    credential = find_credential(view.identities, key_id)
    if credential is None:
        temporary = key_id.startswith(TEMPORARY_KEY_PREFIX)
        ec = "0002-00000002" if temporary else "0002-00000902"
        raise errors.InvalidAccessKeyId(key_id, ec=ec)
    if not credential.active:
        raise errors.InvalidAccessKeyId(key_id, "The OSS Access Key Id you provided is disabled.")
    return credential


def _check_token(claims: Claims, credential: Credential, now_ms: int) -> None:
    """A temporary key needs its own token, a permanent key none (inferred for the latter)."""
    token = claims.security_token
    if not credential.security_token:
        if token:
            raise errors.AccessKeyIdAndSecurityTokenNotMatch
        return
    if not token:
        raise errors.InvalidAccessKeyId(claims.access_key_id, ec="0002-00000002")
    given = token.encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, credential.security_token.encode()):
        raise errors.InvalidSecurityToken
    if credential.expires_ms is not None and now_ms >= credential.expires_ms:
        raise errors.SecurityTokenExpired
