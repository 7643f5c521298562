"""Which key a call is about, and whether its caller may do that with it."""

from __future__ import annotations

import re

from emulator.access.diagnostic import encode_diagnostic
from emulator.access.identity import PrincipalKind
from emulator.domain.encryption import KeyHolder
from emulator.kms.access import KeyDecision, KeyDecisionReason, authorise_key_use
from emulator.kms.model import ALIAS_PREFIX, Key
from emulator.kms.names import ANY_REGION, find_key
from emulator.kms.ports import KeyView
from emulator.kms.refusals import KeyRefused, Reason
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.permission import context_of, note

_REGION = re.compile(r"[a-z0-9-]{1,32}")
_HOST = re.compile(r"(?:https?://)?kms(?:-vpc)?\.([a-z0-9-]+)\.")
_PRINCIPAL_TYPES = {PrincipalKind.USER: "SubUser", PrincipalKind.ROLE: "AssumedRoleUser"}


def holder_of(call: RpcCall) -> KeyHolder:
    """The caller's account, and the region the call is for.

    The region is ``RegionId``, else the one of the host name (``kms.{region}.…``), else the
    server's default: clients whose endpoint is an address send none (inferred).
    """
    return KeyHolder(call.account_uid, _said_region(call) or call.context.oss.default_region)


def key_of(call: RpcCall, view: KeyView, parameter: str = "KeyId", *, alias: bool = False) -> Key:
    """The key that a parameter names, for calls that may name it by an alias or may not.

    A bare id is looked for in every region if the call names none. Raises KeyRefused, RpcError.
    """
    name = call.parameters.required(parameter)
    holder = holder_of(call)
    is_alias = ALIAS_PREFIX in name
    if is_alias and not alias:
        raise KeyRefused(Reason.UNSUPPORTED_ALIAS, f"{parameter} cannot be an alias here.")
    if not is_alias and not _said_region(call):
        holder = KeyHolder(holder.account_uid, ANY_REGION)
    return find_key(view, name, holder, call.now_ms)


def own_key(call: RpcCall, view: KeyView) -> Key:
    """As ``key_of``, for what concerns the caller's account alone: a key of another account, or
    of another region than the call says, is not found (inferred). Raises KeyRefused, RpcError.
    """
    key = key_of(call, view)
    if key.account_uid != call.account_uid or _said_region(call) not in ("", key.region):
        raise KeyRefused(Reason.NOT_FOUND, "The specified Key is not found.")
    return key


def permitted_key(
    call: RpcCall, view: KeyView, parameter: str = "KeyId", *, alias: bool = False
) -> Key:
    """As ``key_of``, and the caller may make this call on the key."""
    key = key_of(call, view, parameter, alias=alias)
    require_key(call, key, f"kms:{call.action}")
    return key


def require_key(call: RpcCall, key: Key, action: str) -> None:
    """Raise the product's NoPermission unless the caller may do ``action`` with the key."""
    decision = authorise_key_use(
        call.principal, key, action, call.context.policies, context_of(call)
    )
    note(call, action, key.arn, decision)
    if not decision.allowed:
        raise call.dialect.forbidden(_denied_detail(call, decision, action, key))


def account_arns(call: RpcCall) -> tuple[str, ...]:
    """``…:key``: what calls about all keys of an account are permitted on."""
    holder = holder_of(call)
    return (f"acs:kms:{holder.region}:{holder.account_uid}:key",)


def alias_arns(call: RpcCall) -> tuple[str, ...]:
    """``…:alias``: what calls about all aliases of an account are permitted on."""
    return (alias_arn(holder_of(call)),)


def named_alias_arns(call: RpcCall) -> tuple[str, ...]:
    """``…:alias/{name}``."""
    return (alias_arn(holder_of(call), call.parameters.required("AliasName")),)


def alias_arn(holder: KeyHolder, name: str = "alias") -> str:
    """The ARN of an alias, ``alias/{name}``, or of all aliases of an account in a region."""
    return f"acs:kms:{holder.region}:{holder.account_uid}:{name}"


def _said_region(call: RpcCall) -> str:
    region = call.parameters.get("RegionId")
    if region:
        if not _REGION.fullmatch(region):
            raise call.dialect.invalid("RegionId", "Format", "The RegionId is not valid.")
        return region
    host = _HOST.match(call.headers.get("host", "").lower())
    return host[1] if host else ""


def _denied_detail(call: RpcCall, decision: KeyDecision, action: str, key: Key) -> dict[str, str]:
    """The children of AccessDeniedDetail (RAM, AccessDeniedDetail; documented)."""
    who = call.principal
    if who.kind not in _PRINCIPAL_TYPES:
        return {}
    explicit = decision.statement is not None
    session = decision.reason is KeyDecisionReason.SESSION_POLICY
    detail = {
        "PolicyType": "SessionPolicy" if session else "AccountLevelIdentityBasedPolicy",
        "AuthPrincipalOwnerId": who.account_uid,
        "AuthPrincipalType": _PRINCIPAL_TYPES[who.kind],
        "AuthPrincipalDisplayName": who.principal_id,
        "NoPermissionType": "ExplicitDeny" if explicit else "ImplicitDeny",
        "AuthAction": action,
    }
    detail["EncodedDiagnosticMessage"] = encode_diagnostic(
        {
            **detail,
            "Resource": key.arn,
            "Reason": decision.reason.value,
            "MatchedStatement": "" if decision.statement is None else decision.statement.describe(),
            "RequestId": call.request_id,
            "AuthPrincipalArn": who.arn,
        }
    )
    return detail
