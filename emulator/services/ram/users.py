"""Users and their access keys."""

from __future__ import annotations

import msgspec

from emulator.access.identity import AccessKey, PrincipalKind, User
from emulator.access.ram_store import RamStore
from emulator.services.ram.faults import already_exists, delete_conflict, limit_exceeded, not_exist
from emulator.services.ram.names import (
    COMMENTS,
    DISPLAY_NAME,
    EMAIL,
    MOBILE_PHONE,
    USER_NAME,
    on,
    on_all,
    resource,
    user_id,
)
from emulator.services.ram.shapes import key_members, user_members
from emulator.services.ram.work import reading, writing
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.ids import KEY_ID_LETTERS, SECRET_LETTERS, random_text
from emulator.services.rpc.paging import cut_marker_page, read_marker_page

_USERS_MAX, _KEYS_MAX = 1000, 2  # RAM, limits; documented
_TEXTS = {
    "display_name": ("DisplayName", DISPLAY_NAME),
    "mobile_phone": ("MobilePhone", MOBILE_PHONE),
    "email": ("Email", EMAIL),
    "comments": ("Comments", COMMENTS),
}


def find_user(call: RpcCall, identities: RamStore) -> User:
    """The user that UserName names. Raises RpcError."""
    name = call.parameters.required("UserName")
    user = identities.user(call.account_uid, name)
    if user is None:
        raise not_exist("User", name)
    return user


def create_user(call: RpcCall, identities: RamStore) -> Members:
    """(RAM CreateUser; documented)."""
    parameters, uid = call.parameters, call.account_uid
    name = parameters.text("UserName", USER_NAME)
    if identities.user(uid, name) is not None:
        raise already_exists("User", name)
    if identities.user_count(uid) >= _USERS_MAX:
        raise limit_exceeded("User", _USERS_MAX)
    user = User(
        account_uid=uid,
        name=name,
        user_id=user_id(call.context.rng),
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )
    user = _with_texts(call, user, "")
    identities.put_user(user)
    return {"User": user_members(user)}


def _with_texts(call: RpcCall, user: User, prefix: str) -> User:
    """The user with the texts that are given; the names of their parameters have a prefix."""
    texts = {
        field: call.parameters.text(prefix + parameter, rule, required=False)
        for field, (parameter, rule) in _TEXTS.items()
        if prefix + parameter in call.parameters.values
    }
    return msgspec.structs.replace(user, **texts)


def get_user(call: RpcCall, identities: RamStore) -> Members:
    """Who has never logged in has an empty date (RAM GetUser; documented)."""
    return {"User": {**user_members(find_user(call, identities)), "LastLoginDate": ""}}


def update_user(call: RpcCall, identities: RamStore) -> Members:
    """(RAM UpdateUser; documented)."""
    parameters, uid = call.parameters, call.account_uid
    user = find_user(call, identities)
    new_name = parameters.text("NewUserName", USER_NAME, required=False)
    if new_name and new_name != user.name:
        other = identities.user(uid, new_name)
        if other is not None and other.user_id != user.user_id:
            raise already_exists("User", new_name)
        identities.rename_user(uid, user.name, new_name)
        user = msgspec.structs.replace(user, name=new_name)
    user = msgspec.structs.replace(_with_texts(call, user, "New"), updated_ms=call.now_ms)
    identities.put_user(user)
    return {"User": user_members(user)}


def delete_user(call: RpcCall, identities: RamStore) -> Members:
    """Refused while keys, policies or groups hang on it (RAM DeleteUser; documented)."""
    user, uid = find_user(call, identities), call.account_uid
    if identities.access_keys_of(uid, user.name):
        raise delete_conflict("User.AccessKey", user.name)
    if user.policies:
        raise delete_conflict("User.Policy", user.name)
    if identities.groups_of_user(uid, user.name):
        raise delete_conflict("User.Group", user.name)
    identities.delete_user(uid, user.name)
    return {}


def list_users(call: RpcCall, identities: RamStore) -> Members:
    """(RAM ListUsers; documented)."""
    page = read_marker_page(call.parameters)
    found = identities.users(call.account_uid, after=page.after, limit=page.limit + 1)
    shown, members = cut_marker_page(found, page, lambda user: user.name.casefold())
    return {"Users": {"User": [user_members(user) for user in shown]}, **members}


# access keys


def _key_owner(call: RpcCall, identities: RamStore) -> str:
    """Whose keys are meant: UserName's, or the caller's own. ``""`` is the account itself."""
    if call.parameters.get("UserName") or call.principal.kind is PrincipalKind.ROLE:
        return find_user(call, identities).name
    return call.principal.name


def _on_key_owner(call: RpcCall) -> tuple[str, ...]:
    name = call.parameters.get("UserName") or call.principal.name
    return (resource(call, "user", name),)


def _find_key(call: RpcCall, identities: RamStore) -> AccessKey:
    key_id = call.parameters.required("UserAccessKeyId")
    owner = _key_owner(call, identities)
    key = identities.access_key(key_id)
    if (
        key is None
        or key.account_uid != call.account_uid
        or key.user_name.casefold() != owner.casefold()
    ):
        raise not_exist("User.AccessKey", key_id)
    return key


def create_access_key(call: RpcCall, identities: RamStore) -> Members:
    """The only answer that shows the secret (RAM CreateAccessKey; documented)."""
    owner, rng = _key_owner(call, identities), call.context.rng
    if len(identities.access_keys_of(call.account_uid, owner)) >= _KEYS_MAX:
        raise limit_exceeded("User.AccessKey", _KEYS_MAX)
    key = AccessKey(
        access_key_id="LTAI" + random_text(rng, KEY_ID_LETTERS),
        secret=random_text(rng, SECRET_LETTERS),
        account_uid=call.account_uid,
        user_name=owner,
        created_ms=call.now_ms,
    )
    identities.put_access_key(key)
    return {"AccessKey": {**key_members(key), "AccessKeySecret": key.secret}}


def list_access_keys(call: RpcCall, identities: RamStore) -> Members:
    """(RAM ListAccessKeys; documented)."""
    keys = identities.access_keys_of(call.account_uid, _key_owner(call, identities))
    return {"AccessKeys": {"AccessKey": [key_members(key) for key in keys]}}


def update_access_key(call: RpcCall, identities: RamStore) -> Members:
    """(RAM UpdateAccessKey; documented)."""
    status = call.parameters.one_of("Status", ("Active", "Inactive"))
    key = _find_key(call, identities)
    identities.put_access_key(msgspec.structs.replace(key, active=status == "Active"))
    return {}


def delete_access_key(call: RpcCall, identities: RamStore) -> Members:
    """(RAM DeleteAccessKey; documented)."""
    identities.delete_access_key(_find_key(call, identities).access_key_id)
    return {}


def get_access_key_last_used(call: RpcCall, identities: RamStore) -> Members:
    """Uses of keys are not written down, so the date is that of a key never used (inferred)."""
    _find_key(call, identities)
    return {"AccessKeyLastUsed": {"LastUsedDate": ""}}


_USER = on("user", "UserName")

OPERATIONS = {
    "CreateUser": writing(create_user, _USER),
    "GetUser": reading(get_user, _USER),
    "UpdateUser": writing(update_user, _USER),
    "DeleteUser": writing(delete_user, _USER),
    "ListUsers": reading(list_users, on_all("user")),
    "CreateAccessKey": writing(create_access_key, _on_key_owner),
    "ListAccessKeys": reading(list_access_keys, _on_key_owner),
    "UpdateAccessKey": writing(update_access_key, _on_key_owner),
    "DeleteAccessKey": writing(delete_access_key, _on_key_owner),
    "GetAccessKeyLastUsed": reading(get_access_key_last_used, _on_key_owner),
}
