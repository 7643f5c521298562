"""Tags of roles and policies; their arguments are JSON texts (RAM, TagResources; documented).

TagResources is a list without an element of its own: so the clients read it (observed). A call
takes the right on every role or policy that it names, one that names none on all of them
(inferred: that is how a Deny on one of them holds here as well).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from emulator.access.identity import PolicyRef, PolicyType
from emulator.access.ram_store import RamStore
from emulator.services.ram.faults import limit_exceeded, not_exist
from emulator.services.ram.names import on_all, resource
from emulator.services.ram.work import reading, writing
from emulator.services.rpc.call import RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.paging import make_marker, read_marker_page

_KINDS = ("role", "policy")
_TAGS_MAX = 20  # RAM, tags of a resource; documented
_KEY_LEN_MAX, _VALUE_LEN_MAX = 128, 256
_NAMES_MAX = 50  # of one call; documented
_BETWEEN = "\n"  # no name and no key has one


class _Tag(msgspec.Struct):
    key: str = msgspec.field(name="Key")
    value: str = msgspec.field(name="Value", default="")


def read_tags(call: RpcCall, *, required: bool = False) -> dict[str, str]:
    """The ``Tag`` parameter, ``[{"Key": …, "Value": …}]``, or ``Tag.1.Key`` and so on, as some
    clients send it. Raises RpcError."""
    parameters = call.parameters
    repeated = parameters.repeated("Tag", "Key", "Value")
    if required and not repeated:
        parameters.required("Tag")
    tags = {one.get("Key", ""): one.get("Value", "") for one in repeated}
    for tag in parameters.json_value("Tag", list[_Tag], []):
        tags[tag.key] = tag.value
    for key, value in tags.items():
        if not 0 < len(key) <= _KEY_LEN_MAX or len(value) > _VALUE_LEN_MAX:
            message = f"Keys have 1 to {_KEY_LEN_MAX} characters, values up to {_VALUE_LEN_MAX}."
            raise call.dialect.invalid("Tag", "Length", message)
        if _BETWEEN in key:
            raise call.dialect.invalid("Tag", "InvalidChars", "A tag's key has a line feed.")
    return tags


def has_tags(tags: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether all wanted tags are there; one without a value is wanted with any."""
    return all(key in tags and value in ("", tags[key]) for key, value in wanted.items())


def _kind(call: RpcCall) -> str:
    return call.parameters.one_of("ResourceType", _KINDS)


def _names(call: RpcCall) -> list[str]:
    names = _few(call, call.parameters.json_value("ResourceNames", list[str]))
    if not names:
        raise call.dialect.missing("ResourceNames")
    return names


def _on_named(call: RpcCall) -> tuple[str, ...]:
    """The roles or policies that ResourceNames names."""
    kind = _kind(call)
    return tuple(resource(call, kind, name) for name in dict.fromkeys(_names(call)))


def _on_listed(call: RpcCall) -> tuple[str, ...]:
    """Those that ResourceNames names, all of their kind if it names none."""
    if call.parameters.json_value("ResourceNames", list[str], []):
        return _on_named(call)
    return on_all(_kind(call))(call)


def _few(call: RpcCall, names: list[str]) -> list[str]:
    if len(names) > _NAMES_MAX:
        message = f"At most {_NAMES_MAX} names can be given."
        raise call.dialect.invalid("ResourceNames", "Length", message)
    return names


def _written_name(call: RpcCall, identities: RamStore, kind: str, name: str) -> str:
    """The name of a role or policy that is there. Raises RpcError."""
    if kind == "role":
        role = identities.role(call.account_uid, name)
        if role is None:
            raise not_exist("Role", name)
        return role.name
    policy = identities.policy(call.account_uid, PolicyRef(PolicyType.CUSTOM, name))
    if policy is None:
        raise not_exist("Policy", name)
    return policy.name


def tag_resources(call: RpcCall, identities: RamStore) -> Members:
    """(RAM TagResources; documented)."""
    kind, names, tags = _kind(call), _names(call), read_tags(call, required=True)
    uid = call.account_uid
    for name in names:
        written = _written_name(call, identities, kind, name)
        identities.put_tags(uid, kind, written, tags)
        if len(identities.tags_of(uid, kind, written)) > _TAGS_MAX:
            raise limit_exceeded(f"{kind.capitalize()}.Tag", _TAGS_MAX)
    return {}


def untag_resources(call: RpcCall, identities: RamStore) -> Members:
    """By TagKeys, by TagKey.N, or all tags with All (RAM UntagResources; documented)."""
    kind, names = _kind(call), _names(call)
    keys: list[str] | None = call.parameters.json_value("TagKeys", list[str], [])
    keys = keys or call.parameters.repeated_texts("TagKey")
    if not keys:
        if not call.parameters.flag("All"):
            raise call.dialect.missing("TagKeys")
        keys = None
    for name in names:
        written = _written_name(call, identities, kind, name)
        identities.delete_tags(call.account_uid, kind, written, keys)
    return {}


def list_tag_resources(call: RpcCall, identities: RamStore) -> Members:
    """What is named has to have all tags that are wanted; without names everything is looked at.

    Names that are not there have no tags (RAM ListTagResources; the latter inferred).
    """
    kind, wanted, uid = _kind(call), read_tags(call), call.account_uid
    page = read_marker_page(call.parameters, marker="NextToken")
    name, _, key = page.after.partition(_BETWEEN)
    named = _few(call, call.parameters.json_value("ResourceNames", list[str], []))
    entries = (
        _named_tags(identities, uid, kind, named)
        if named
        else _all_tags(identities, uid, kind, (name, key))
    )
    shown: list[Members] = []
    for entry in entries:
        if (entry[0].casefold(), entry[1]) <= (name.casefold(), key):
            continue
        if wanted and not has_tags(identities.tags_of(uid, kind, entry[0]), wanted):
            continue
        if len(shown) == page.limit:
            last = shown[-1]
            token = make_marker(f"{last['ResourceName']}{_BETWEEN}{last['TagKey']}")
            return {"TagResources": shown, "NextToken": token}
        shown.append(_tag_resource(kind, *entry))
    return {"TagResources": shown}


_Entry = tuple[str, str, str]


def _named_tags(identities: RamStore, uid: str, kind: str, named: list[str]) -> Iterator[_Entry]:
    for name in sorted({each.casefold(): each for each in named}.items()):
        for key, value in identities.tags_of(uid, kind, name[1]).items():
            yield name[1], key, value


def _all_tags(
    identities: RamStore, uid: str, kind: str, after: tuple[str, str]
) -> Iterator[_Entry]:
    while batch := identities.tagged(uid, kind, after=after):
        yield from batch
        after = batch[-1][:2]


def _tag_resource(kind: str, name: str, key: str, value: str) -> Members:
    return {"ResourceType": kind, "ResourceName": name, "TagKey": key, "TagValue": value}


OPERATIONS = {
    "TagResources": writing(tag_resources, _on_named),
    "UntagResources": writing(untag_resources, _on_named),
    "ListTagResources": reading(list_tag_resources, _on_listed),
}
