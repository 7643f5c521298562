"""May the caller do what the request asks: from the operation table to a decision.

Every operation is checked here before its handler runs. Only where one request names many keys
or a second bucket do handlers ask again, for each of them.
"""

from __future__ import annotations

from emulator.access.authorise import authorise as decide
from emulator.access.decision import AccessCheck, Acl, BucketFacts, Decision, OperationClass
from emulator.access.identity import PrincipalKind
from emulator.access.policy.conditions import Context
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.domain import errors
from emulator.domain.model import Bucket, ObjectVersion
from emulator.domain.ports import MetaView
from emulator.protocol.call import Call
from emulator.protocol.dates import iso_date
from emulator.protocol.object_headers import read_tagging_pairs
from emulator.protocol.operations import AccessClass, Level, Operation, ResourceForm

_CLASSES = {each: OperationClass(each.value) for each in AccessClass}
_DENY_ALL = "The bucket policy is stored but cannot be read."
_GET_OBJECT, _GET_OBJECT_VERSION = "oss:GetObject", "oss:GetObjectVersion"


def authorise(call: Call, view: MetaView) -> None:
    """Check a request's operation. Raises AccessDenied, with the reason OSS gives."""
    operation = call.operation
    bucket = call.found_bucket
    if not operation.action or _is_plain_owner(call, bucket) or _is_per_key(operation):
        return
    version = None
    if operation.level is Level.OBJECT and bucket is not None:
        version = _entry(view, bucket, call.key, call.version_id)
    actions = [_action(operation, call.version_id)]
    actions += [action for name, action in operation.header_actions if name in call.headers]
    for action in actions:
        check = AccessCheck(
            action=action,
            resource=_resource(call, operation.resource, bucket, call.key),
            operation=_CLASSES[operation.access],
            bucket=None if bucket is None else _facts(call, bucket),
            object_acl=None if version is None else Acl(version.acl.value),
            context=_context(call, version),
        )
        _require(decide(call.principal, check))


def authorise_action(call: Call, view: MetaView, action: str) -> None:
    """Check one more action on the bucket of the request. Raises AccessDenied."""
    bucket = call.bucket
    if _is_plain_owner(call, bucket):
        return
    check = AccessCheck(
        action=action,
        resource=_resource(call, ResourceForm.BUCKET, bucket, ""),
        operation=OperationClass.MANAGEMENT,
        bucket=_facts(call, bucket),
        context=_context(call, None),
    )
    _require(decide(call.principal, check))


def authorise_key(call: Call, view: MetaView, key: str, version_id: str | None) -> None:
    """Check one key of a batch. Raises AccessDenied."""
    bucket, operation = call.bucket, call.operation
    if _is_plain_owner(call, bucket):
        return
    version = _entry(view, bucket, key, version_id)
    check = AccessCheck(
        action=_action(operation, version_id),
        resource=_resource(call, ResourceForm.OBJECT, bucket, key),
        operation=_CLASSES[operation.access],
        bucket=_facts(call, bucket),
        object_acl=None if version is None else Acl(version.acl.value),
        context=_context(call, version),
        batch=True,
    )
    _require(decide(call.principal, check))


def authorise_source(
    call: Call, view: MetaView, bucket: Bucket, key: str, version_id: str | None
) -> None:
    """Check the reading half of a copy. Raises AccessDenied."""
    if _is_plain_owner(call, bucket):
        return
    version = _entry(view, bucket, key, version_id)
    check = AccessCheck(
        action=_GET_OBJECT if version_id is None else _GET_OBJECT_VERSION,
        resource=_resource(call, ResourceForm.OBJECT, bucket, key),
        operation=OperationClass.DATA_READ,
        bucket=_facts(call, bucket),
        object_acl=None if version is None else Acl(version.acl.value),
        context=_context(call, version),
    )
    _require(decide(call.principal, check))


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


def _resource(call: Call, form: ResourceForm, bucket: Bucket | None, key: str) -> str:
    if bucket is None:
        owner, name, region = call.principal.account_uid, call.bucket_name, "*"
    else:
        owner, name, region = bucket.owner_uid, bucket.name, bucket.location
    return form.value.format(account=owner, owner=owner, region=region, bucket=name, key=key)


def _facts(call: Call, bucket: Bucket) -> BucketFacts:
    policy: NamedPolicy | None = None
    if bucket.policy:
        try:
            parsed = call.context.policies.get(PolicyKind.BUCKET, bucket.policy)
        except PolicyError as error:  # it was readable when it was put
            raise errors.AccessDenied(_DENY_ALL) from error
        policy = NamedPolicy(bucket.name, parsed)
    return BucketFacts(owner_uid=bucket.owner_uid, acl=Acl(bucket.acl.value), policy=policy)


def _context(call: Call, version: ObjectVersion | None) -> Context:
    """The condition keys of a request (OSS bucket policy, Condition; documented).

    A listing's absent prefix and delimiter count as empty, an absent ACL header as the default it
    stands for (inferred).
    """
    headers, query = call.headers, call.query
    context = {
        "acs:SourceIp": (call.peer,),
        "acs:SecureTransport": ("false",),
        "acs:CurrentTime": (iso_date(call.now_ms),),
        "acs:UserAgent": (headers.get("user-agent", ""),),
        "acs:AccessId": (call.principal.access_key_id,),
        "acs:MFAPresent": ("false",),
        "oss:Prefix": (query.get("prefix", ""),),
        "oss:Delimiter": (query.get("delimiter", ""),),
        "oss:x-oss-acl": (headers.get("x-oss-acl", "private"),),
        "oss:x-oss-object-acl": (headers.get("x-oss-object-acl", "default"),),
    }
    if version is not None:
        for key, value in version.tags.items():
            context[f"oss:ExistingObjectTag/{key}"] = (value,)
    for key, value in read_tagging_pairs(headers.get("x-oss-tagging")):
        context[f"oss:RequestObjectTag/{key}"] = (value,)
    return context


def _require(decision: Decision) -> None:
    if not decision.allowed:
        raise errors.AccessDenied(
            decision.message, ec=decision.ec, detail=dict(decision.denied_detail)
        )
