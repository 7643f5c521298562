"""Who sent an RPC request: signature, date, nonce, temporary credentials, principal."""

from __future__ import annotations

import hmac

from emulator.access.audit import stranger
from emulator.access.credentials import Credential, find_credential, principal_of
from emulator.access.identity import TEMPORARY_KEY_PREFIX, Principal
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.faults import PolicyError
from emulator.services.rpc.dates import read_iso_seconds
from emulator.services.rpc.errors import RpcError, gateway_error, signature_mismatch
from emulator.services.rpc.nonces import NonceMemory
from emulator.services.rpc.request import RpcRequest
from emulator.services.rpc.signing import Claims, is_signed_with, read_claims, string_to_sign

DATE_DIFFERENCE_MS_MAX = 15 * 60 * 1000  # API gateway, Timestamp; documented


class Authenticator:
    """Checks signatures against one store of identities."""

    def __init__(self, policies: PolicyCache, *, check_date: bool) -> None:
        self._policies = policies
        self._check_date = check_date
        self._nonces = NonceMemory(2 * DATE_DIFFERENCE_MS_MAX)

    def authenticate(
        self, identities: IdentityStore, request: RpcRequest, now_ms: int
    ) -> Principal:
        """The caller. Raises RpcError; a nonce counts as used only once everything is right."""
        claims = read_claims(request)
        credential = _find(identities, claims)
        _check_token(claims, credential, now_ms)
        self._check_time(claims, now_ms)
        if not is_signed_with(request, claims, credential.secret):
            raise signature_mismatch(string_to_sign(request, claims))
        if not self._nonces.use(claims.access_key_id, claims.nonce, now_ms):
            raise gateway_error("SignatureNonceUsed")
        try:
            principal = principal_of(identities, self._policies, credential)
        except PolicyError as error:
            message = "A policy of the caller is stored but cannot be read."
            raise RpcError(403, "NoPermission", message) from error
        if principal is None:
            raise gateway_error("InvalidAccessKeyId.NotFound")
        return principal

    def _check_time(self, claims: Claims, now_ms: int) -> None:
        date_ms = read_iso_seconds(claims.date)
        if date_ms is None:
            raise gateway_error("InvalidTimeStamp.Format")
        if self._check_date and abs(now_ms - date_ms) > DATE_DIFFERENCE_MS_MAX:
            raise gateway_error("InvalidTimeStamp.Expired")


def unproven(identities: IdentityStore, request: RpcRequest) -> Principal:
    """Who sent a request that was not authenticated, for the audit log: nobody but for the access
    key id that it names, if that can be read."""
    try:
        access_key_id = read_claims(request).access_key_id
    except RpcError:
        return stranger("")
    credential = find_credential(identities, access_key_id)
    return stranger(access_key_id, "" if credential is None else credential.holder.account_uid)


def _find(identities: IdentityStore, claims: Claims) -> Credential:
    key_id = claims.access_key_id
    if key_id.startswith(TEMPORARY_KEY_PREFIX) and not claims.security_token:
        raise gateway_error("MissingSecurityToken")
    credential = find_credential(identities, key_id)
    if credential is None:
        raise gateway_error("InvalidAccessKeyId.NotFound")
    if not credential.active:
        raise gateway_error("InvalidAccessKeyId.Inactive")
    return credential


def _check_token(claims: Claims, credential: Credential, now_ms: int) -> None:
    """A temporary key needs its own token, a permanent key none."""
    token = claims.security_token
    given = token.encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, credential.security_token.encode()):
        raise gateway_error("InvalidSecurityToken.MismatchWithAccessKey")
    if credential.expires_ms is not None and now_ms >= credential.expires_ms:
        raise gateway_error("InvalidSecurityToken.Expired")
