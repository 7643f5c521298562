"""Policies and their versions."""

from __future__ import annotations

import re

import msgspec

from emulator.access.identity import PolicyRef, PolicyType, PolicyVersion, RamPolicy
from emulator.access.policy.records import PolicyKind
from emulator.access.ram_store import RamStore
from emulator.access.system_policies import SYSTEM_POLICY_NAMES
from emulator.services.ram.faults import (
    already_exists,
    check_document,
    delete_conflict,
    limit_exceeded,
    not_exist,
)
from emulator.services.ram.names import (
    DESCRIPTION,
    POLICY_NAME,
    on_all,
    on_policy,
    read_policy_ref,
)
from emulator.services.ram.shapes import (
    default_version,
    policy_members,
    tag_members,
    version_id,
    version_members,
)
from emulator.services.ram.tags import has_tags, read_tags
from emulator.services.ram.work import reading, writing
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.errors import RpcError
from emulator.services.rpc.paging import MarkerPage, cut_marker_page, read_marker_page

_POLICIES_MAX, _VERSIONS_MAX = 1500, 5  # RAM, limits; documented
_ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
_VERSION_ID = re.compile(r"v([1-9][0-9]{0,8})")
_TAGGED = "policy"
_TYPES = tuple(member.value for member in PolicyType)


def find_policy(call: RpcCall, identities: RamStore, ref: PolicyRef) -> RamPolicy:
    """The policy. Raises RpcError."""
    policy = identities.policy(call.account_uid, ref)
    if policy is None:
        raise not_exist("Policy", ref.name)
    return policy


def _find_custom(call: RpcCall, identities: RamStore) -> RamPolicy:
    """System policies cannot be changed: by their names no custom policy is found."""
    name = call.parameters.text("PolicyName", POLICY_NAME)
    return find_policy(call, identities, PolicyRef(PolicyType.CUSTOM, name))


def _shown(call: RpcCall, identities: RamStore, policy: RamPolicy) -> Members:
    count = identities.attachment_count(call.account_uid, PolicyRef(policy.type, policy.name))
    return policy_members(policy, count)


def _read_document(call: RpcCall) -> str:
    document = call.parameters.required("PolicyDocument")
    check_document(call.context.policies, PolicyKind.RAM, document, "PolicyDocument")
    return document


def create_policy(call: RpcCall, identities: RamStore) -> Members:
    """(RAM CreatePolicy; documented)."""
    parameters, uid = call.parameters, call.account_uid
    name = parameters.text("PolicyName", POLICY_NAME)
    policy = RamPolicy(
        account_uid=uid,
        name=name,
        type=PolicyType.CUSTOM,
        document=_read_document(call),
        description=parameters.text("Description", DESCRIPTION, required=False),
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )
    tags = read_tags(call)
    for type_ in PolicyType:
        if identities.policy(uid, PolicyRef(type_, name)) is not None:
            raise already_exists("Policy", name)
    if identities.policy_count(uid) >= _POLICIES_MAX:
        raise limit_exceeded("Policy", _POLICIES_MAX)
    identities.put_policy(policy)
    identities.put_tags(uid, _TAGGED, name, tags)
    return {"Policy": _shown(call, identities, policy)}


def get_policy(call: RpcCall, identities: RamStore) -> Members:
    """With the document in force (RAM GetPolicy; documented)."""
    policy = find_policy(call, identities, read_policy_ref(call.parameters))
    versions = _versions(call, identities, policy)
    shown = version_members(default_version(policy, versions), policy.default_version)
    return {"Policy": _shown(call, identities, policy), "DefaultPolicyVersion": shown}


def update_policy_description(call: RpcCall, identities: RamStore) -> Members:
    """(RAM UpdatePolicyDescription; documented)."""
    description = call.parameters.text("NewDescription", DESCRIPTION)
    policy = msgspec.structs.replace(
        _find_custom(call, identities), description=description, updated_ms=call.now_ms
    )
    identities.describe_policy(call.account_uid, policy.name, description, call.now_ms)
    return {"Policy": _shown(call, identities, policy)}


def delete_policy(call: RpcCall, identities: RamStore) -> Members:
    """With CascadingDelete attachments and versions go with it (RAM DeletePolicy; documented)."""
    cascading = call.parameters.flag("CascadingDelete")
    policy, uid = _find_custom(call, identities), call.account_uid
    if not cascading:
        holders = identities.holders_of(uid, PolicyRef(PolicyType.CUSTOM, policy.name))
        if holders:
            kind = holders[0].kind.value.capitalize()
            raise delete_conflict(f"Policy.{kind}", policy.name)
        if len(identities.policy_versions(uid, policy.name)) > 1:
            raise delete_conflict("Policy.Version", policy.name)
    identities.delete_policy(uid, policy.name)
    return {}


def list_policies(call: RpcCall, identities: RamStore) -> Members:
    """System policies first, then the account's own, each by name (order inferred)."""
    type_ = call.parameters.get("PolicyType")
    if type_ and type_ not in _TYPES:
        raise RpcError(
            400, "InvalidParameter.PolicyType", f"The policy type must be {' or '.join(_TYPES)}."
        )
    page, wanted, uid = read_marker_page(call.parameters), read_tags(call), call.account_uid
    found = _listed(identities, uid, type_, page)
    if wanted:
        found = [one for one in found if has_tags(_tags(identities, uid, one), wanted)]
    shown, members = cut_marker_page(found, page, _place)
    policies = [
        {**_shown(call, identities, one), **_tag_members(identities, uid, one)} for one in shown
    ]
    return {"Policies": {"Policy": policies}, **members}


def _listed(identities: RamStore, uid: str, type_: str, page: MarkerPage) -> list[RamPolicy]:
    found: list[RamPolicy] = []
    if type_ != PolicyType.CUSTOM.value:
        refs = (PolicyRef(PolicyType.SYSTEM, name) for name in sorted(SYSTEM_POLICY_NAMES))
        system = (identities.policy(uid, ref) for ref in refs)
        found = [one for one in system if one is not None and _place(one) > page.after]
    if type_ != PolicyType.SYSTEM.value:
        after = page.after.removeprefix("1/") if page.after.startswith("1/") else ""
        found += identities.custom_policies(uid, after=after, limit=_POLICIES_MAX)
    return found


def _place(policy: RamPolicy) -> str:
    """Where a policy stands in a listing."""
    return f"{0 if policy.type is PolicyType.SYSTEM else 1}/{policy.name.casefold()}"


def _tags(identities: RamStore, uid: str, policy: RamPolicy) -> dict[str, str]:
    if policy.type is PolicyType.SYSTEM:
        return {}
    return identities.tags_of(uid, _TAGGED, policy.name)


def _tag_members(identities: RamStore, uid: str, policy: RamPolicy) -> Members:
    tags = _tags(identities, uid, policy)
    return {"Tags": tag_members(tags)} if tags else {}


# versions


def _versions(call: RpcCall, identities: RamStore, policy: RamPolicy) -> list[PolicyVersion]:
    if policy.type is PolicyType.SYSTEM:
        return [default_version(policy, [])]
    return identities.policy_versions(call.account_uid, policy.name)


def _find_version(call: RpcCall, identities: RamStore, policy: RamPolicy) -> PolicyVersion:
    wanted = call.parameters.required("VersionId")
    match = _VERSION_ID.fullmatch(wanted)
    for version in _versions(call, identities, policy):
        if match is not None and version.number == int(match[1]):
            return version
    raise not_exist("Policy.Version", wanted)


def create_policy_version(call: RpcCall, identities: RamStore) -> Members:
    """(RAM CreatePolicyVersion; documented)."""
    parameters, uid = call.parameters, call.account_uid
    document = _read_document(call)
    as_default = parameters.flag("SetAsDefault")
    strategy = parameters.one_of("RotateStrategy", ("None", _ROTATE), "None")
    policy = _find_custom(call, identities)
    versions = identities.policy_versions(uid, policy.name)
    if len(versions) >= _VERSIONS_MAX:
        if strategy != _ROTATE:
            raise limit_exceeded("Policy.Version", _VERSIONS_MAX)
        oldest = next(one for one in versions if one.number != policy.default_version)
        identities.delete_policy_version(uid, policy.name, oldest.number)
    version = identities.add_policy_version(uid, policy.name, document, call.now_ms)
    default = policy.default_version
    if as_default:
        identities.set_default_version(uid, policy.name, version, call.now_ms)
        default = version.number
    return {"PolicyVersion": version_members(version, default)}


def get_policy_version(call: RpcCall, identities: RamStore) -> Members:
    """(RAM GetPolicyVersion; documented)."""
    policy = find_policy(call, identities, read_policy_ref(call.parameters))
    version = _find_version(call, identities, policy)
    return {"PolicyVersion": version_members(version, policy.default_version)}


def list_policy_versions(call: RpcCall, identities: RamStore) -> Members:
    """(RAM ListPolicyVersions; documented)."""
    policy = find_policy(call, identities, read_policy_ref(call.parameters))
    versions = _versions(call, identities, policy)
    shown = [version_members(version, policy.default_version) for version in versions]
    return {"PolicyVersions": {"PolicyVersion": shown}}


def set_default_policy_version(call: RpcCall, identities: RamStore) -> Members:
    """(RAM SetDefaultPolicyVersion; documented)."""
    policy = _find_custom(call, identities)
    version = _find_version(call, identities, policy)
    identities.set_default_version(call.account_uid, policy.name, version, call.now_ms)
    return {}


def delete_policy_version(call: RpcCall, identities: RamStore) -> Members:
    """The version in force stays (RAM DeletePolicyVersion; documented)."""
    policy = _find_custom(call, identities)
    version = _find_version(call, identities, policy)
    if version.number == policy.default_version:
        raise delete_conflict("Policy.Version.Default", version_id(version.number))
    identities.delete_policy_version(call.account_uid, policy.name, version.number)
    return {}


OPERATIONS = {
    "CreatePolicy": writing(create_policy, on_policy),
    "GetPolicy": reading(get_policy, on_policy),
    "UpdatePolicyDescription": writing(update_policy_description, on_policy),
    "DeletePolicy": writing(delete_policy, on_policy),
    "ListPolicies": reading(list_policies, on_all("policy")),
    "CreatePolicyVersion": writing(create_policy_version, on_policy),
    "GetPolicyVersion": reading(get_policy_version, on_policy),
    "ListPolicyVersions": reading(list_policy_versions, on_policy),
    "SetDefaultPolicyVersion": writing(set_default_policy_version, on_policy),
    "DeletePolicyVersion": writing(delete_policy_version, on_policy),
}
