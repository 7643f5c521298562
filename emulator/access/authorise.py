"""May this principal do this? The order in which OSS asks. Pure.

1. The session policy given at AssumeRole has to allow.
2. An explicit Deny of a RAM policy or of the bucket policy ends it.
3. An Allow of either is enough.
4. The account that owns the bucket may do everything.
5. Data operations fall back to the object ACL unless it is ``default``, then to the bucket ACL.

(OSS, authorisation flow; documented.) Who is anonymous never manages a bucket, whatever its policy
allows everyone; of what is no data of an object but its own (tags, ACL, restoring) a policy decides
(where this line runs is inferred). A RAM policy cannot allow anything on another account's
bucket; that its explicit Deny still counts there is inferred.
"""

from __future__ import annotations

from emulator.access.decision import (
    AccessCheck,
    Acl,
    BucketFacts,
    Decision,
    DecisionReason,
    OperationClass,
)
from emulator.access.denials import explicit_denial, implicit_denial, session_denial
from emulator.access.identity import Principal, PrincipalKind
from emulator.access.policy.evaluate import (
    IMPLICIT_DENY,
    Evaluation,
    Outcome,
    PolicyRequest,
    evaluate,
)

_OWNER = Decision(allowed=True, reason=DecisionReason.OWNER)
_OBJECT_ACL = Decision(allowed=True, reason=DecisionReason.OBJECT_ACL_ALLOW)
_BUCKET_ACL = Decision(allowed=True, reason=DecisionReason.BUCKET_ACL_ALLOW)

_ROOT, _ANONYMOUS = PrincipalKind.ROOT, PrincipalKind.ANONYMOUS


def authorise(principal: Principal, check: AccessCheck) -> Decision:
    """Decide one check. Raises ValueError if its resource is no resource name."""
    bucket = check.bucket
    if principal.kind is _ROOT and (
        bucket is None or (bucket.policy is None and principal.account_uid == bucket.owner_uid)
    ):
        return _OWNER
    return _by_policies(principal, check)


def policy_request(principal: Principal, check: AccessCheck) -> PolicyRequest:
    """What the policies are asked."""
    bucket = check.bucket
    return PolicyRequest(
        check.action,
        check.resource,
        check.context,
        principal.caller,
        principal.kind is _ROOT and _is_own(principal, bucket),
        bucket is not None and bucket.public_blocked,
    )


def _is_own(principal: Principal, bucket: BucketFacts | None) -> bool:
    return bucket is None or bucket.owner_uid == principal.account_uid


def _by_policies(principal: Principal, check: AccessCheck) -> Decision:
    bucket = check.bucket
    owned = _is_own(principal, bucket)
    request = policy_request(principal, check)
    if principal.session_policy is not None:
        said = evaluate((principal.session_policy,), request)
        if said.effect is not Outcome.ALLOW:
            return session_denial(principal, check, said)
    identity = _by_identity(principal, request, owned=owned)
    by_bucket = IMPLICIT_DENY
    if bucket is not None and bucket.policy is not None:
        by_bucket = evaluate((bucket.policy,), request)
    if Outcome.EXPLICIT_DENY in (identity.effect, by_bucket.effect):
        return explicit_denial(principal, check, identity, by_bucket)
    if identity.effect is Outcome.ALLOW:
        return _allow(DecisionReason.IDENTITY_POLICY_ALLOW, identity)
    if by_bucket.effect is Outcome.ALLOW and not _is_never_anonymous(principal, check):
        return _allow(DecisionReason.BUCKET_POLICY_ALLOW, by_bucket)
    if request.owner:
        return _OWNER
    return _by_acl(bucket, check) or implicit_denial(principal, check)


def _by_identity(principal: Principal, request: PolicyRequest, *, owned: bool) -> Evaluation:
    if not principal.identity_policies:
        return IMPLICIT_DENY
    said = evaluate(principal.identity_policies, request)
    if said.effect is Outcome.ALLOW and not owned:
        return IMPLICIT_DENY
    return said


def _is_never_anonymous(principal: Principal, check: AccessCheck) -> bool:
    """Whether an anonymous caller asks to manage a bucket or the service."""
    return (
        principal.kind is _ANONYMOUS
        and check.operation is OperationClass.MANAGEMENT
        and "/" not in check.resource
    )


def _by_acl(bucket: BucketFacts | None, check: AccessCheck) -> Decision | None:
    """The ACL's Allow, or None where no ACL grants the operation."""
    operation = check.operation
    if bucket is None or bucket.public_blocked or operation is OperationClass.MANAGEMENT:
        return None
    acl, granting = bucket.acl, _BUCKET_ACL
    if operation is not OperationClass.LIST and check.object_acl not in (None, Acl.DEFAULT):
        acl, granting = check.object_acl, _OBJECT_ACL
    if acl is Acl.PUBLIC_READ_WRITE:
        return granting
    if acl is Acl.PUBLIC_READ and operation is not OperationClass.DATA_WRITE:
        return granting
    return None


def _allow(reason: DecisionReason, said: Evaluation) -> Decision:
    return Decision(allowed=True, reason=reason, statement=said.statement)
