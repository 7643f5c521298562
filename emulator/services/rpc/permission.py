"""May the caller make this call? Policies are asked, and the denial says what decided."""

from __future__ import annotations

from emulator.access.audit import Origin, Verdict
from emulator.access.authorise import authorise
from emulator.access.decision import AccessCheck, Decision, OperationClass
from emulator.access.diagnostic import encoded_detail
from emulator.access.policy.conditions import Context
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dates import iso_seconds


def context_of(call: RpcCall) -> Context:
    """The condition keys every call has (RAM, Condition keys; documented)."""
    source = call.principal.source_identity
    return {
        **({"acs:SourceIdentity": (source,)} if source else {}),
        "acs:SourceIp": (call.peer,),
        "acs:SecureTransport": ("false",),
        "acs:CurrentTime": (iso_seconds(call.now_ms),),
        "acs:UserAgent": (_shown(call.headers.get("user-agent", "")),),
        "acs:AccessId": (call.principal.access_key_id,),
        "acs:MFAPresent": ("false",),
    }


def _shown(header: str) -> str:
    """A header's text with a mark for bytes that are no UTF-8."""
    return header.encode("utf-8", "replace").decode()


def decide(call: RpcCall, action: str, resource: str, context: Context | None = None) -> Decision:
    """What the caller's own policies say; the account itself may do everything."""
    check = AccessCheck(
        action=action,
        resource=resource,
        operation=OperationClass.MANAGEMENT,
        bucket=None,
        context=context_of(call) if context is None else context,
    )
    return authorise(call.principal, check)


def note(call: RpcCall, action: str, resource: str, verdict: Verdict) -> None:
    """Write an answered question into the audit log."""
    origin = Origin(call.now_ms, call.principal, call.action, call.request_id, call.peer)
    call.context.audit.record(origin, action, resource, verdict)


def require(call: RpcCall, action: str, *resources: str, context: Context | None = None) -> None:
    """Raise the product's NoPermission unless the caller may do ``action`` on all resources.

    The error carries AccessDeniedDetail, whose encoded message RAM DecodeDiagnosticMessage reads.
    """
    for resource in resources:
        decision = decide(call, action, resource, context)
        note(call, action, resource, decision)
        if not decision.allowed:
            detail = denied_detail(call, decision, action, resource, context)
            raise call.dialect.forbidden(detail)


def denied_detail(
    call: RpcCall,
    decision: Decision,
    action: str,
    resource: str,
    context: Context | None = None,
) -> dict[str, str]:
    """The children of AccessDeniedDetail (RAM, AccessDeniedDetail; documented)."""
    used = context_of(call) if context is None else context
    return encoded_detail(call.principal, action, resource, used, decision)
