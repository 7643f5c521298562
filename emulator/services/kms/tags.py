"""Tags of keys: the newer operations with repeated lists, the older ones with JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.domain.encryption import KeyHolder
from emulator.kms import keys
from emulator.kms.model import Key
from emulator.kms.names import ANY_REGION, find_key
from emulator.kms.ports import KeyTx, KeyView
from emulator.kms.refusals import invalid
from emulator.kms.states import as_of
from emulator.services.kms.asked import holder_of, permitted_key, require_key
from emulator.services.kms.errors import told
from emulator.services.rpc.call import Operation, RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.paging import make_marker, read_marker_page

_TYPE = "key"
_RESOURCES_MAX = 50


class _Tag(msgspec.Struct, frozen=True):
    """One tag of the older form."""

    key: str = msgspec.field(name="TagKey")
    value: str = msgspec.field(name="TagValue", default="")


def read_tags_json(call: RpcCall) -> dict[str, str]:
    """``Tags=[{"TagKey":…,"TagValue":…}]``. Raises RpcError."""
    tags = call.parameters.json_value("Tags", list[_Tag])
    return {tag.key: tag.value for tag in tags}


async def tag_resources(call: RpcCall) -> Members:
    """KMS TagResources: the same tags to several keys."""
    tags = {each["Key"]: each.get("Value", "") for each in _repeated_tags(call)}
    if not tags:
        raise call.dialect.missing("Tag")

    def work(tx: KeyTx) -> None:
        for key in _keys(call, tx, _resource_ids(call, required=True)):
            keys.tag(tx, key, tags)

    await call.context.store.write(work)
    return {}


async def untag_resources(call: RpcCall) -> Members:
    """KMS UntagResources: tags by name, or all of them."""
    names = frozenset(call.parameters.repeated_texts("TagKey"))
    everything = call.parameters.flag("All") and not names
    if not names and not everything:
        raise call.dialect.missing("TagKey")

    def work(tx: KeyTx) -> None:
        for key in _keys(call, tx, _resource_ids(call, required=True)):
            keys.untag(tx, key, None if everything else names)

    await call.context.store.write(work)
    return {}


async def list_tag_resources(call: RpcCall) -> Members:
    """KMS ListTagResources: the tags of keys that are named, or of those that have some tags."""
    wanted = _repeated_tags(call)
    named = _resource_ids(call, required=not wanted)
    after = read_marker_page(call.parameters, marker="NextToken").after
    with call.context.store.read() as view:
        found = _keys(call, view, named) if named else _own_keys(call, view)
    fitting = [key for key in found if _fits(key, wanted)]
    rest = [key for key in fitting if key.id > after] if not named else fitting
    shown = sorted(rest, key=lambda key: key.id)[:_RESOURCES_MAX]
    entries = [
        {"ResourceId": key.id, "ResourceType": _TYPE, "TagKey": name, "TagValue": value}
        for key in shown
        for name, value in sorted(key.tags.items())
    ]
    token = make_marker(shown[-1].id) if len(shown) < len(rest) else ""
    return {"TagResources": {"TagResource": entries}, "NextToken": token}


async def tag_resource(call: RpcCall) -> Members:
    """KMS TagResource, the older form."""
    tags = read_tags_json(call)
    await call.context.store.write(lambda tx: keys.tag(tx, permitted_key(call, tx), tags))
    return {}


async def untag_resource(call: RpcCall) -> Members:
    """KMS UntagResource, the older form."""
    names = frozenset(call.parameters.json_value("TagKeys", list[str]))
    await call.context.store.write(lambda tx: keys.untag(tx, permitted_key(call, tx), names))
    return {}


async def list_resource_tags(call: RpcCall) -> Members:
    """KMS ListResourceTags, the older form."""
    with call.context.store.read() as view:
        key = permitted_key(call, view)
    tags = [
        {"KeyId": key.id, "TagKey": name, "TagValue": value}
        for name, value in sorted(key.tags.items())
    ]
    return {"Tags": {"Tag": tags}}


def _resource_ids(call: RpcCall, *, required: bool) -> list[str]:
    if call.parameters.required("ResourceType").lower() != _TYPE:
        raise invalid("ResourceType", "The ResourceType is key: there is nothing else here.")
    ids = call.parameters.repeated_texts("ResourceId")
    if required and not ids:
        raise call.dialect.missing("ResourceId")
    if len(ids) > _RESOURCES_MAX:
        raise invalid("ResourceId", f"At most {_RESOURCES_MAX} resources can be named.")
    return ids


def _repeated_tags(call: RpcCall) -> list[dict[str, str]]:
    tags = call.parameters.repeated("Tag", "Key", "Value")
    if any("Key" not in each for each in tags):
        raise call.dialect.missing("Tag.N.Key")
    return tags


def _keys(call: RpcCall, view: KeyView, ids: list[str]) -> list[Key]:
    """The keys of these ids, all of which the caller may make this call on."""
    holder = KeyHolder(call.account_uid, ANY_REGION)
    found = [find_key(view, each, holder, call.now_ms) for each in dict.fromkeys(ids)]
    for key in found:
        require_key(call, key, f"kms:{call.action}")
    return found


def _own_keys(call: RpcCall, view: KeyView) -> list[Key]:
    holder = holder_of(call)
    stored = view.kms_keys(holder.account_uid, holder.region)
    found = [key for each in stored if (key := as_of(each, call.now_ms)) is not None]
    for key in found:
        require_key(call, key, f"kms:{call.action}")
    return found


def _fits(key: Key, wanted: list[dict[str, str]]) -> bool:
    return all(_has(key, each["Key"], each.get("Value")) for each in wanted)


def _has(key: Key, name: str, value: str | None) -> bool:
    return name in key.tags and value in (None, key.tags[name])


OPERATIONS: Mapping[str, Operation] = {
    "TagResources": Operation(told(tag_resources)),
    "UntagResources": Operation(told(untag_resources)),
    "ListTagResources": Operation(told(list_tag_resources)),
    "TagResource": Operation(told(tag_resource)),
    "UntagResource": Operation(told(untag_resource)),
    "ListResourceTags": Operation(told(list_resource_tags)),
}
