"""May the caller do what the request asks: from the operation table to a decision.

Every operation is checked here before its handler runs. Only where one request names many keys
or a second bucket do handlers ask again, for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from emulator.access.audit import Origin, refusal
from emulator.access.authorise import authorise as decide
from emulator.access.decision import (
    AccessCheck,
    Acl,
    BucketFacts,
    Decision,
    DecisionReason,
    OperationClass,
)
from emulator.access.diagnostic import encoded_detail
from emulator.access.identity import PrincipalKind
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.public import is_public
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.domain import errors
from emulator.domain.model import Acl as StoredAcl
from emulator.domain.model import Bucket, ObjectVersion
from emulator.domain.ports import MetaView
from emulator.protocol.call import Call
from emulator.protocol.delivery.payer import check_payer, said_payer
from emulator.protocol.delivery.public_access import is_blocked
from emulator.protocol.errors import wire_error
from emulator.protocol.operations import AccessClass, Level, Operation, ResourceForm
from emulator.protocol.request_context import RequestContext, Values, request_facts

_CLASSES = {each: OperationClass(each.value) for each in AccessClass}
_PUBLIC_ACLS = frozenset({StoredAcl.PUBLIC_READ, StoredAcl.PUBLIC_READ_WRITE})
_DENY_ALL = "The bucket policy is stored but cannot be read."
_FORM_UPLOAD = "PostObject"  # its one key stands in the body, like those of a batch
_GET_OBJECT, _GET_OBJECT_VERSION = "oss:GetObject", "oss:GetObjectVersion"
_GET_TAGGING, _GET_VERSION_TAGGING = "oss:GetObjectTagging", "oss:GetObjectVersionTagging"
_PUT_OBJECT, _PUT_TAGGING = "oss:PutObject", "oss:PutObjectTagging"
_OWNER = Decision(allowed=True, reason=DecisionReason.OWNER)


def authorise(call: Call, view: MetaView) -> None:
    """Check a request's operation. Raises AccessDenied, with the reason OSS gives.

    A denial that hangs on what the body says is left to ``authorise_body``.
    """
    operation, bucket = call.operation, call.found_bucket
    if not operation.action or _is_per_key(operation):
        return
    if _is_plain_owner(call, bucket):
        action = _action(operation, call.version_id)
        resource = _resource(call, operation.resource, bucket, call.key)
        call.context.audit.record(_origin(call), action, resource, _OWNER)
        return
    version = _addressed(call, view, bucket)
    context = RequestContext(call, view, bucket, version)
    for check in _checks(call, view, version, context):
        decision = decide(call.principal, check)
        if not context.asked_of_body:
            _answered(call, check, decision)


def authorise_body(call: Call, view: MetaView, facts: Mapping[str, Values]) -> None:
    """Check a request's operation again where policies ask for condition keys that its body
    gives. Raises AccessDenied."""
    bucket = call.found_bucket
    if _is_plain_owner(call, bucket):
        return
    version = _addressed(call, view, bucket)
    context = RequestContext(call, view, bucket, version, facts)
    for check in _checks(call, view, version, context):
        decision = decide(call.principal, check)
        if context.asked_of_body:
            _answered(call, check, decision)


def _addressed(call: Call, view: MetaView, bucket: Bucket | None) -> ObjectVersion | None:
    """What the request addresses, for conditions and the object ACL."""
    if bucket is None or call.operation.level is not Level.OBJECT:
        return None
    return _entry(view, bucket, call.key, call.version_id)


def _checks(
    call: Call, view: MetaView, version: ObjectVersion | None, context: RequestContext
) -> Iterator[AccessCheck]:
    """Every permission a request needs: of its operation, and of its headers."""
    operation, bucket = call.operation, call.found_bucket
    facts = None if bucket is None else _facts(call, view, bucket, version)
    for action, kind in _actions(call, call.version_id):
        yield AccessCheck(
            action=action,
            resource=_resource(call, operation.resource, bucket, call.key),
            operation=kind,
            bucket=facts,
            object_acl=None if version is None else Acl(version.acl.value),
            context=context,
        )


def authorise_action(call: Call, view: MetaView, action: str) -> None:
    """Check one more action on the bucket of the request. Raises AccessDenied."""
    _ask(call, view, call.bucket, action, "")


def authorise_key(call: Call, view: MetaView, key: str, version_id: str | None) -> None:
    """Check one key of a batch. Raises AccessDenied."""
    bucket, operation = call.bucket, call.operation
    if _is_plain_owner(call, bucket):
        resource = _resource(call, ResourceForm.OBJECT, bucket, key)
        call.context.audit.record(_origin(call), _action(operation, version_id), resource, _OWNER)
        return
    version = _entry(view, bucket, key, version_id)
    context = RequestContext(call, view, bucket, version)
    for action, kind in _actions(call, version_id):
        check = AccessCheck(
            action=action,
            resource=_resource(call, ResourceForm.OBJECT, bucket, key),
            operation=kind,
            bucket=_facts(call, view, bucket, version),
            object_acl=None if version is None else Acl(version.acl.value),
            context=context,
            batch=operation.name != _FORM_UPLOAD,
        )
        _answered(call, check, decide(call.principal, check))


def authorise_source(
    call: Call, view: MetaView, bucket: Bucket, key: str, version_id: str | None
) -> None:
    """Check the reading half of a copy, and who pays for it. Raises AccessDenied."""
    if not _is_plain_owner(call, bucket):
        try:
            check_payer(view, bucket, call.principal, said_payer(call.headers, call.query))
        except errors.AccessDenied as error:
            note_refusal(call, error, _resource(call, ResourceForm.OBJECT, bucket, key))
            raise
    action = _GET_OBJECT if version_id is None else _GET_OBJECT_VERSION
    version = _entry(view, bucket, key, version_id)
    _ask(call, view, bucket, action, key, version, OperationClass.DATA_READ)


def authorise_copied_tags(
    call: Call, view: MetaView, bucket: Bucket, source: ObjectVersion, version_id: str | None
) -> None:
    """Check that the caller may read the source's tags and write them to the copy (OSS
    CopyObject, permissions; documented). Raises AccessDenied."""
    action = _GET_TAGGING if version_id is None else _GET_VERSION_TAGGING
    _ask(call, view, bucket, action, source.key, source)
    _ask(call, view, call.bucket, _PUT_TAGGING, call.key)


def authorise_log_target(call: Call, view: MetaView, bucket: Bucket, prefix: str) -> None:
    """Check that who sends logs to a bucket may write there (OSS PutBucketLogging; documented;
    that the prefix is asked for is inferred). Raises AccessDenied."""
    _ask(call, view, bucket, _PUT_OBJECT, prefix or "*", None, OperationClass.DATA_WRITE)


def note_refusal(call: Call, error: errors.OssError, resource: str = "") -> None:
    """Note in the audit log that something else than a right refuses a request: its signature, the
    Referer, that nobody pays, Block Public Access. ``resource``: of another than is addressed."""
    operation = call.operation
    form = ResourceForm.BUCKET if _is_per_key(operation) else operation.resource
    resource = resource or _resource(call, form, call.found_bucket, call.key)
    action = _action(operation, call.version_id) or f"oss:{operation.name}"
    wire = wire_error(type(error))
    ec = error.ec or ("" if wire is None else wire.ec)
    call.context.audit.record(
        _origin(call), action, resource, refusal(error.code, error.message, ec)
    )


def _ask(  # noqa: PLR0913 - one value for each thing that decides
    call: Call,
    view: MetaView,
    bucket: Bucket,
    action: str,
    key: str,
    version: ObjectVersion | None = None,
    operation: OperationClass = OperationClass.MANAGEMENT,
) -> None:
    """Check one action on an object, or on the bucket where the key is empty."""
    form = ResourceForm.OBJECT if key else ResourceForm.BUCKET
    resource = _resource(call, form, bucket, key)
    if _is_plain_owner(call, bucket):
        call.context.audit.record(_origin(call), action, resource, _OWNER)
        return
    check = AccessCheck(
        action=action,
        resource=resource,
        operation=operation,
        bucket=_facts(call, view, bucket, version),
        object_acl=None if version is None else Acl(version.acl.value),
        context=RequestContext(call, view, bucket, version),
    )
    _answered(call, check, decide(call.principal, check))


def _is_plain_owner(call: Call, bucket: Bucket | None) -> bool:
    """Whether the account's own key asks and no bucket policy could say no."""
    principal = call.principal
    if principal.kind is not PrincipalKind.ROOT:
        return False
    return bucket is None or (not bucket.policy and bucket.owner_uid == principal.account_uid)


def _is_per_key(operation: Operation) -> bool:
    """Whether the request names its keys in the body, each to be checked by ``authorise_key``."""
    return operation.resource is ResourceForm.OBJECT and operation.level is not Level.OBJECT


def _entry(
    view: MetaView, bucket: Bucket, key: str, version_id: str | None
) -> ObjectVersion | None:
    """What a check on an object looks at; nothing for a delete marker or an unreadable id."""
    if version_id is None:
        found = view.current_version(bucket.id, key)
    else:
        found = view.version(bucket.id, key, version_id)
    return None if found is None or found.is_delete_marker else found


def _action(operation: Operation, version_id: str | None) -> str:
    if version_id is not None and operation.version_action:
        return operation.version_action
    return operation.action


def _actions(call: Call, version_id: str | None) -> Iterator[tuple[str, OperationClass]]:
    """The permission a request needs, and those that its headers need besides.

    An ACL that lets everybody write grants no more by a header than by the operation of its own
    that sets the same: no ACL, no tags, no retention (inferred).
    """
    operation = call.operation
    yield _action(operation, version_id), _CLASSES[operation.access]
    for name, action in operation.header_actions:
        if name in call.headers:
            yield action, OperationClass.MANAGEMENT


def _resource(call: Call, form: ResourceForm, bucket: Bucket | None, key: str) -> str:
    if bucket is None:
        owner, name, region = call.principal.account_uid, call.bucket_name, "*"
    else:
        owner, name, region = bucket.owner_uid, bucket.name, bucket.location
    match form:
        case ResourceForm.OBJECT:
            return f"acs:oss:{region}:{owner}:{name}/{key}"
        case ResourceForm.BUCKET:
            return f"acs:oss:{region}:{owner}:{name}"
        case ResourceForm.SERVICE:
            return f"acs:oss:*:{owner}:*"


def _facts(
    call: Call, view: MetaView, bucket: Bucket, version: ObjectVersion | None
) -> BucketFacts:
    """What the decision needs to know of the bucket; Block Public Access is looked up only where
    something public could be blocked."""
    policy: NamedPolicy | None = None
    if bucket.policy:
        try:
            parsed = call.context.policies.get(PolicyKind.BUCKET, bucket.policy)
        except PolicyError as error:  # it was readable when it was put
            raise errors.AccessDenied(_DENY_ALL) from error
        policy = NamedPolicy(bucket.name, parsed)
    could_be_blocked = (
        bucket.acl in _PUBLIC_ACLS
        or (version is not None and version.acl in _PUBLIC_ACLS)
        or (policy is not None and is_public(policy.policy))
    )
    return BucketFacts(
        owner_uid=bucket.owner_uid,
        acl=Acl(bucket.acl.value),
        policy=policy,
        public_blocked=could_be_blocked and is_blocked(view, bucket),
    )


def _origin(call: Call) -> Origin:
    return Origin(call.now_ms, call.principal, call.operation.name, call.request_id, call.peer)


def _answered(call: Call, check: AccessCheck, decision: Decision) -> None:
    """Note the answer in the audit log, and raise it if it is no."""
    call.context.audit.record(_origin(call), check.action, check.resource, decision)
    if not decision.allowed:
        detail = encoded_detail(
            call.principal, check.action, check.resource, request_facts(call), decision
        )
        raise errors.AccessDenied(decision.message, ec=decision.ec, detail=detail)
