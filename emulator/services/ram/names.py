"""What RAM's names may be, how resources are called, and how identifiers are made up.

(RAM, limits and parameter descriptions; documented.)
"""

from __future__ import annotations

import re
from collections.abc import Callable

from emulator.access.identity import PolicyRef, PolicyType
from emulator.access.ram_store import RamStore
from emulator.rng import Rng
from emulator.services.rpc.call import Resources, RpcCall
from emulator.services.rpc.ids import random_text
from emulator.services.rpc.parameters import Parameters, TextRule

USER_NAME = TextRule(64, form=re.compile(r"[A-Za-z0-9._-]+"))
GROUP_NAME = TextRule(64, form=re.compile(r"[A-Za-z0-9._-]+"))
ROLE_NAME = TextRule(64, form=re.compile(r"[A-Za-z0-9.-]+"))
POLICY_NAME = TextRule(128, form=re.compile(r"[A-Za-z0-9-]+"))
DISPLAY_NAME = TextRule(128)
COMMENTS = TextRule(128)
DESCRIPTION = TextRule(1024)
MOBILE_PHONE = TextRule(64)
EMAIL = TextRule(128)

_USER_ID, _ROLE_ID, _GROUP_ID = "2", "3", "g-"
_ID_DIGITS = 17


def user_id(rng: Rng) -> str:
    """A RAM user's id, a long decimal number."""
    return _USER_ID + _digits(rng)


def role_id(rng: Rng) -> str:
    """A role's id, a long decimal number."""
    return _ROLE_ID + _digits(rng)


def group_id(rng: Rng) -> str:
    """A group's id."""
    return _GROUP_ID + random_text(rng, 16)


def _digits(rng: Rng) -> str:
    return f"{int(rng.hex(16), 16) % 10**_ID_DIGITS:0{_ID_DIGITS}d}"


def read_policy_ref(parameters: Parameters) -> PolicyRef:
    """PolicyType and PolicyName. Raises RpcError."""
    types = tuple(member.value for member in PolicyType)
    type_ = PolicyType(parameters.one_of("PolicyType", types))
    return PolicyRef(type_, parameters.text("PolicyName", POLICY_NAME))


# resources: what a caller needs a right on

Written = Callable[[RamStore, str, str], str]


def _written_user(identities: RamStore, uid: str, name: str) -> str:
    found = identities.user(uid, name)
    return name if found is None else found.name


def _written_group(identities: RamStore, uid: str, name: str) -> str:
    found = identities.group(uid, name)
    return name if found is None else found.name


def _written_role(identities: RamStore, uid: str, name: str) -> str:
    found = identities.role(uid, name)
    return name if found is None else found.name


def _written_policy(identities: RamStore, uid: str, name: str) -> str:
    found = identities.policy(uid, PolicyRef(PolicyType.CUSTOM, name))
    return name if found is None else found.name


# Names are found without case, resources are compared with case: policies are asked about the
# name as it was written, or a Deny could be stepped around.
_WRITTEN: dict[str, Written] = {
    "user": _written_user,
    "group": _written_group,
    "role": _written_role,
    "policy": _written_policy,
}


def on(kind: str, parameter: str) -> Resources:
    """The resource that a parameter names, e.g. ``acs:ram::{uid}:role/{name}``."""

    def resources(call: RpcCall) -> tuple[str, ...]:
        return (resource(call, kind, call.parameters.required(parameter)),)

    return resources


def on_all(kind: str) -> Resources:
    """Every resource of a kind, as listings want it."""

    def resources(call: RpcCall) -> tuple[str, ...]:
        return (f"acs:ram::{call.account_uid}:{kind}/*",)

    return resources


def on_account(call: RpcCall) -> tuple[str, ...]:
    """The account as a whole."""
    return (f"acs:ram::{call.account_uid}:*",)


def on_policy(call: RpcCall) -> tuple[str, ...]:
    """The policy that PolicyName names; the account's own unless PolicyType says System."""
    name = call.parameters.required("PolicyName")
    if call.parameters.get("PolicyType") == PolicyType.SYSTEM.value:
        with call.context.store.read() as view:
            found = view.identities.policy(call.account_uid, PolicyRef(PolicyType.SYSTEM, name))
        written = name if found is None else found.name
        return (f"acs:ram::system:policy/{written}",)
    return (resource(call, "policy", name),)


def both(first: Resources, second: Resources) -> Resources:
    """The resources of two rules together."""

    def resources(call: RpcCall) -> tuple[str, ...]:
        return (*first(call), *second(call))

    return resources


def resource(call: RpcCall, kind: str, name: str) -> str:
    """A resource of the caller's account under the name it was written with."""
    uid = call.account_uid
    with call.context.store.read() as view:
        written = _WRITTEN[kind](view.identities, uid, name)
    return f"acs:ram::{uid}:{kind}/{written}"
