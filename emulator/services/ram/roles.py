"""Roles."""

from __future__ import annotations

import msgspec

from emulator.access.identity import Role
from emulator.access.policy.records import PolicyKind
from emulator.access.ram_store import RamStore
from emulator.services.ram.faults import (
    already_exists,
    check_document,
    delete_conflict,
    limit_exceeded,
    not_exist,
)
from emulator.services.ram.names import DESCRIPTION, ROLE_NAME, on, on_all, role_id
from emulator.services.ram.shapes import role_members, whole_role_members
from emulator.services.ram.tags import has_tags, read_tags
from emulator.services.ram.work import reading, writing
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.paging import MarkerPage, cut_marker_page, read_marker_page

_ROLES_MAX = 1000  # RAM, limits; documented
_SESSION_S_MIN, _SESSION_S_MAX = 3600, 43200  # RAM, MaxSessionDuration; documented
_TAGGED = "role"


def find_role(call: RpcCall, identities: RamStore) -> Role:
    """The role that RoleName names. Raises RpcError."""
    name = call.parameters.required("RoleName")
    role = identities.role(call.account_uid, name)
    if role is None:
        raise not_exist("Role", name)
    return role


def create_role(call: RpcCall, identities: RamStore) -> Members:
    """(RAM CreateRole; documented)."""
    parameters, uid = call.parameters, call.account_uid
    name = parameters.text("RoleName", ROLE_NAME)
    trust = parameters.required("AssumeRolePolicyDocument")
    check_document(call.context.policies, PolicyKind.TRUST, trust, "AssumeRolePolicyDocument")
    role = Role(
        account_uid=uid,
        name=name,
        role_id=role_id(call.context.rng),
        trust_policy=trust,
        max_session_duration_s=parameters.number(
            "MaxSessionDuration", _SESSION_S_MIN, _SESSION_S_MAX, _SESSION_S_MIN
        ),
        description=parameters.text("Description", DESCRIPTION, required=False),
        allow_console_login=parameters.flag("AllowConsoleLogin", default=True),
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )
    tags = read_tags(call)
    if identities.role(uid, name) is not None:
        raise already_exists("Role", name)
    if identities.role_count(uid) >= _ROLES_MAX:
        raise limit_exceeded("Role", _ROLES_MAX)
    identities.put_role(role)
    identities.put_tags(uid, _TAGGED, name, tags)
    return {"Role": whole_role_members(role)}


def get_role(call: RpcCall, identities: RamStore) -> Members:
    """(RAM GetRole; documented)."""
    return {"Role": whole_role_members(find_role(call, identities))}


def update_role(call: RpcCall, identities: RamStore) -> Members:
    """What is not given stays (RAM UpdateRole; documented)."""
    parameters = call.parameters
    role = find_role(call, identities)
    trust = parameters.get("NewAssumeRolePolicyDocument", role.trust_policy)
    if trust != role.trust_policy:
        name = "NewAssumeRolePolicyDocument"
        check_document(call.context.policies, PolicyKind.TRUST, trust, name)
    description = role.description
    if "NewDescription" in parameters.values:
        description = parameters.text("NewDescription", DESCRIPTION, required=False)
    updated = msgspec.structs.replace(
        role,
        trust_policy=trust,
        description=description,
        max_session_duration_s=parameters.number(
            "NewMaxSessionDuration", _SESSION_S_MIN, _SESSION_S_MAX, role.max_session_duration_s
        ),
        allow_console_login=parameters.flag(
            "NewAllowConsoleLogin", default=role.allow_console_login
        ),
        updated_ms=call.now_ms,
    )
    identities.put_role(updated)
    return {"Role": whole_role_members(updated)}


def delete_role(call: RpcCall, identities: RamStore) -> Members:
    """Refused while policies are attached; its temporary credentials end (RAM DeleteRole;
    documented)."""
    role = find_role(call, identities)
    if role.policies:
        raise delete_conflict("Role.Policy", role.name)
    identities.delete_role(call.account_uid, role.name)
    return {}


def list_roles(call: RpcCall, identities: RamStore) -> Members:
    """(RAM ListRoles; documented)."""
    page = read_marker_page(call.parameters)
    uid, wanted = call.account_uid, read_tags(call)
    found = _roles_with(identities, uid, wanted, page)
    shown, members = cut_marker_page(found, page, lambda role: role.name.casefold())
    roles = [role_members(role, identities.tags_of(uid, _TAGGED, role.name)) for role in shown]
    return {"Roles": {"Role": roles}, **members}


def _roles_with(
    identities: RamStore, uid: str, wanted: dict[str, str], page: MarkerPage
) -> list[Role]:
    if not wanted:
        return identities.roles(uid, after=page.after, limit=page.limit + 1)
    every = identities.roles(uid, after=page.after, limit=_ROLES_MAX)
    found = [one for one in every if has_tags(identities.tags_of(uid, _TAGGED, one.name), wanted)]
    return found[: page.limit + 1]


_ROLE = on("role", "RoleName")

OPERATIONS = {
    "CreateRole": writing(create_role, _ROLE),
    "GetRole": reading(get_role, _ROLE),
    "UpdateRole": writing(update_role, _ROLE),
    "DeleteRole": writing(delete_role, _ROLE),
    "ListRoles": reading(list_roles, on_all("role")),
}
