"""Policies attached to users, groups and roles: three times the same three operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

import msgspec

from emulator.access.identity import Group, HolderKind, PolicyType, Role, User
from emulator.access.ram_store import RamStore
from emulator.services.ram.faults import already_exists, limit_exceeded, not_exist
from emulator.services.ram.groups import find_group
from emulator.services.ram.names import both, on, on_policy, read_policy_ref
from emulator.services.ram.policies import find_policy
from emulator.services.ram.roles import find_role
from emulator.services.ram.shapes import attached_members
from emulator.services.ram.users import find_user
from emulator.services.ram.work import Work, reading, writing
from emulator.services.rpc.call import Operation, RpcCall
from emulator.services.rpc.dates import iso_seconds
from emulator.services.rpc.dialect import Members

_SYSTEM_MAX = 20  # RAM, limits; documented


class _Kind(msgspec.Struct, frozen=True):
    """One kind of holder: its word in names and codes, and how many custom policies it may have."""

    holder: HolderKind
    word: str
    find: Callable[[RpcCall, RamStore], User | Group | Role]
    custom_max: int


_KINDS = (
    _Kind(HolderKind.USER, "User", find_user, 10),
    _Kind(HolderKind.GROUP, "Group", find_group, 5),
    _Kind(HolderKind.ROLE, "Role", find_role, 5),
)


def _attaching(kind: _Kind) -> Work:
    def attach(call: RpcCall, identities: RamStore) -> Members:
        ref = read_policy_ref(call.parameters)
        holder, uid = kind.find(call, identities), call.account_uid
        policy = find_policy(call, identities, ref)
        ref = msgspec.structs.replace(ref, name=policy.name)
        if not identities.attach(uid, kind.holder, holder.name, ref, call.now_ms):
            raise already_exists(f"{kind.word}.Policy", policy.name)
        attached = identities.attachments_of(uid, kind.holder, holder.name)
        count_max = _SYSTEM_MAX if ref.type is PolicyType.SYSTEM else kind.custom_max
        if sum(one.ref.type is ref.type for _, one in attached) > count_max:
            raise limit_exceeded(f"{kind.word}.Policy", count_max)
        return {}

    return attach


def _detaching(kind: _Kind) -> Work:
    def detach(call: RpcCall, identities: RamStore) -> Members:
        ref = read_policy_ref(call.parameters)
        holder = kind.find(call, identities)
        if not identities.detach(call.account_uid, kind.holder, holder.name, ref):
            raise not_exist(f"{kind.word}.Policy", ref.name)
        return {}

    return detach


def _listing(kind: _Kind) -> Work:
    def list_policies(call: RpcCall, identities: RamStore) -> Members:
        holder = kind.find(call, identities)
        attached = identities.attachments_of(call.account_uid, kind.holder, holder.name)
        return {"Policies": {"Policy": [attached_members(*pair) for pair in attached]}}

    return list_policies


def list_entities_for_policy(call: RpcCall, identities: RamStore) -> Members:
    """What a policy is attached to (RAM ListEntitiesForPolicy; documented)."""
    ref = read_policy_ref(call.parameters)
    find_policy(call, identities, ref)
    holders = identities.holders_of(call.account_uid, ref)
    members: Members = {}
    for kind in _KINDS:
        word = kind.word
        shown = [
            {
                f"{word}Id": holder.id,
                f"{word}Name": holder.name,
                "AttachDate": iso_seconds(holder.attached_ms),
                **_more(call, identities, kind, holder.name),
            }
            for holder in holders
            if holder.kind is kind.holder
        ]
        members[f"{word}s"] = {word: shown}
    return members


def _more(call: RpcCall, identities: RamStore, kind: _Kind, name: str) -> Members:
    """What else is shown of a holder (RAM ListEntitiesForPolicy; documented)."""
    uid = call.account_uid
    match kind.holder:
        case HolderKind.USER:
            user = identities.user(uid, name)
            return {"DisplayName": "" if user is None else user.display_name}
        case HolderKind.GROUP:
            group = identities.group(uid, name)
            return {"Comments": "" if group is None else group.comments}
        case HolderKind.ROLE:
            role = identities.role(uid, name)
            return {} if role is None else {"Arn": role.arn, "Description": role.description}
        case _ as never:
            assert_never(never)


def _operations() -> Mapping[str, Operation]:
    made: dict[str, Operation] = {}
    for kind in _KINDS:
        holder = on(kind.holder.value, f"{kind.word}Name")
        needed = both(on_policy, holder)
        made[f"AttachPolicyTo{kind.word}"] = writing(_attaching(kind), needed)
        made[f"DetachPolicyFrom{kind.word}"] = writing(_detaching(kind), needed)
        made[f"ListPoliciesFor{kind.word}"] = reading(_listing(kind), holder)
    return made


OPERATIONS = {
    **_operations(),
    "ListEntitiesForPolicy": reading(list_entities_for_policy, on_policy),
}
