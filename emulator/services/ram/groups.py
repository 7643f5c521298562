"""Groups and their members."""

from __future__ import annotations

import msgspec

from emulator.access.identity import Group, HolderKind
from emulator.access.ram_store import RamStore
from emulator.services.ram.faults import already_exists, delete_conflict, limit_exceeded, not_exist
from emulator.services.ram.names import COMMENTS, GROUP_NAME, both, group_id, on, on_all
from emulator.services.ram.shapes import group_members
from emulator.services.ram.users import find_user
from emulator.services.ram.work import reading, writing
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dates import iso_seconds
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.paging import cut_marker_page, read_marker_page

_GROUPS_MAX, _GROUPS_OF_USER_MAX = 50, 5  # RAM, limits; documented


def find_group(call: RpcCall, identities: RamStore) -> Group:
    """The group that GroupName names. Raises RpcError."""
    name = call.parameters.required("GroupName")
    group = identities.group(call.account_uid, name)
    if group is None:
        raise not_exist("Group", name)
    return group


def create_group(call: RpcCall, identities: RamStore) -> Members:
    """(RAM CreateGroup; documented)."""
    parameters, uid = call.parameters, call.account_uid
    name = parameters.text("GroupName", GROUP_NAME)
    if identities.group(uid, name) is not None:
        raise already_exists("Group", name)
    if identities.group_count(uid) >= _GROUPS_MAX:
        raise limit_exceeded("Group", _GROUPS_MAX)
    group = Group(
        account_uid=uid,
        name=name,
        group_id=group_id(call.context.rng),
        comments=parameters.text("Comments", COMMENTS, required=False),
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )
    identities.put_group(group)
    return {"Group": group_members(group)}


def get_group(call: RpcCall, identities: RamStore) -> Members:
    """(RAM GetGroup; documented)."""
    return {"Group": group_members(find_group(call, identities))}


def update_group(call: RpcCall, identities: RamStore) -> Members:
    """(RAM UpdateGroup; documented)."""
    parameters, uid = call.parameters, call.account_uid
    group = find_group(call, identities)
    new_name = parameters.text("NewGroupName", GROUP_NAME, required=False)
    if new_name and new_name != group.name:
        other = identities.group(uid, new_name)
        if other is not None and other.group_id != group.group_id:
            raise already_exists("Group", new_name)
        identities.rename_group(uid, group.name, new_name)
        group = msgspec.structs.replace(group, name=new_name)
    if "NewComments" in parameters.values:
        comments = parameters.text("NewComments", COMMENTS, required=False)
        group = msgspec.structs.replace(group, comments=comments)
    group = msgspec.structs.replace(group, updated_ms=call.now_ms)
    identities.put_group(group)
    return {"Group": group_members(group)}


def delete_group(call: RpcCall, identities: RamStore) -> Members:
    """Refused while it has members or policies (RAM DeleteGroup; documented)."""
    group, uid = find_group(call, identities), call.account_uid
    if identities.users_of_group(uid, group.name):
        raise delete_conflict("Group.User", group.name)
    if identities.attachments_of(uid, HolderKind.GROUP, group.name):
        raise delete_conflict("Group.Policy", group.name)
    identities.delete_group(uid, group.name)
    return {}


def list_groups(call: RpcCall, identities: RamStore) -> Members:
    """(RAM ListGroups; documented)."""
    page = read_marker_page(call.parameters)
    found = identities.groups(call.account_uid, after=page.after, limit=page.limit + 1)
    shown, members = cut_marker_page(found, page, lambda group: group.name.casefold())
    return {"Groups": {"Group": [group_members(group) for group in shown]}, **members}


def add_user_to_group(call: RpcCall, identities: RamStore) -> Members:
    """(RAM AddUserToGroup; documented; the codes for twice and too many inferred)."""
    user, group = find_user(call, identities), find_group(call, identities)
    joined = identities.groups_of_user(call.account_uid, user.name)
    if any(one.group_id == group.group_id for one, _ in joined):
        raise already_exists("User.Group", group.name)
    if len(joined) >= _GROUPS_OF_USER_MAX:
        raise limit_exceeded("User.Group", _GROUPS_OF_USER_MAX)
    identities.add_member(call.account_uid, group.name, user.name, call.now_ms)
    return {}


def remove_user_from_group(call: RpcCall, identities: RamStore) -> Members:
    """(RAM RemoveUserFromGroup; documented; the code for one who is not in it inferred)."""
    user, group = find_user(call, identities), find_group(call, identities)
    if not identities.remove_member(call.account_uid, group.name, user.name):
        raise not_exist("User.Group", group.name)
    return {}


def list_users_for_group(call: RpcCall, identities: RamStore) -> Members:
    """(RAM ListUsersForGroup; documented)."""
    group = find_group(call, identities)
    users = [
        {
            "UserName": user.name,
            "DisplayName": user.display_name,
            "JoinDate": iso_seconds(joined_ms),
        }
        for user, joined_ms in identities.users_of_group(call.account_uid, group.name)
    ]
    return {"Users": {"User": users}, "IsTruncated": False}


def list_groups_for_user(call: RpcCall, identities: RamStore) -> Members:
    """(RAM ListGroupsForUser; documented)."""
    user = find_user(call, identities)
    groups = [
        {
            "GroupId": group.group_id,
            "GroupName": group.name,
            "Comments": group.comments,
            "JoinDate": iso_seconds(joined_ms),
        }
        for group, joined_ms in identities.groups_of_user(call.account_uid, user.name)
    ]
    return {"Groups": {"Group": groups}, "IsTruncated": False}


_GROUP, _USER = on("group", "GroupName"), on("user", "UserName")

OPERATIONS = {
    "CreateGroup": writing(create_group, _GROUP),
    "GetGroup": reading(get_group, _GROUP),
    "UpdateGroup": writing(update_group, _GROUP),
    "DeleteGroup": writing(delete_group, _GROUP),
    "ListGroups": reading(list_groups, on_all("group")),
    "AddUserToGroup": writing(add_user_to_group, both(_GROUP, _USER)),
    "RemoveUserFromGroup": writing(remove_user_from_group, both(_GROUP, _USER)),
    "ListUsersForGroup": reading(list_users_for_group, _GROUP),
    "ListGroupsForUser": reading(list_groups_for_user, _USER),
}
