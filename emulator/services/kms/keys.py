"""Keys: making, describing, listing, their states, policies and protection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from emulator.kms import keys
from emulator.kms.access import default_policy, read_key_policy
from emulator.kms.keys import NewKey
from emulator.kms.model import Key, KeySpec, Origin, Protection
from emulator.kms.ports import KeyTx
from emulator.kms.refusals import invalid
from emulator.kms.states import KeyCall, as_of
from emulator.services.kms.asked import account_arns, holder_of, permitted_key
from emulator.services.kms.errors import told
from emulator.services.kms.shapes import KEY_USAGE, described_key, key_metadata
from emulator.services.kms.tags import read_tags_json
from emulator.services.rpc.call import Operation, RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.paging import read_numbered_page

T = TypeVar("T")

_POLICY_NAME = "default"
_FILTERS: Mapping[str, Callable[[Key], str]] = {
    "KeyState": lambda key: key.state.value,
    "KeySpec": lambda key: key.spec.value,
    "KeyUsage": lambda key: KEY_USAGE,
    "ProtectionLevel": lambda key: key.protection.value,
    "CreatorType": lambda key: "Service" if key.is_service_key else "User",
    "DKMSInstanceId": lambda key: key.instance_id,
}


class _Filter(msgspec.Struct, frozen=True):
    """One entry of ListKeys' ``Filters``."""

    key: str = msgspec.field(name="Key")
    values: list[str] = msgspec.field(name="Values")


async def create_key(call: RpcCall) -> Members:
    """KMS CreateKey. The specs that sign are not built and refused."""
    context, parameters = call.context, call.parameters
    parameters.one_of("KeyUsage", (KEY_USAGE,), KEY_USAGE)
    policy = parameters.get("Policy")
    if policy:
        read_key_policy(policy, context.policies)
    rotates = parameters.flag("EnableAutomaticRotation")
    new = NewKey(
        holder=holder_of(call),
        creator=call.account_uid,
        spec=KeySpec(parameters.one_of("KeySpec", tuple(KeySpec), KeySpec.AES_256)),
        origin=Origin(parameters.one_of("Origin", tuple(Origin), Origin.KMS)),
        protection=Protection(
            parameters.one_of("ProtectionLevel", tuple(Protection), Protection.SOFTWARE)
        ),
        description=parameters.get("Description"),
        policy=policy,
        rotation_s=keys.read_interval(parameters.required("RotationInterval")) if rotates else 0,
        instance_id=parameters.get("DKMSInstanceId"),
        tags=read_tags_json(call) if parameters.get("Tags") else {},
    )
    key = await context.store.write(
        lambda tx: keys.create_key(tx, context.vault, context.rng, new, call.now_ms)
    )
    return {"KeyMetadata": key_metadata(key)}


async def describe_key(call: RpcCall) -> Members:
    """KMS DescribeKey."""
    with call.context.store.read() as view:
        return {"KeyMetadata": described_key(permitted_key(call, view, alias=True))}


async def list_keys(call: RpcCall) -> Members:
    """KMS ListKeys, the newest first. ``Filters``: all of them have to fit, one value each."""
    page = read_numbered_page(call.parameters)
    filters = call.parameters.json_value("Filters", list[_Filter], [])
    for each in filters:
        if each.key not in _FILTERS:
            raise invalid("Filters", f"There is no filter {each.key}.")
    holder = holder_of(call)
    with call.context.store.read() as view:
        stored = view.kms_keys(holder.account_uid, holder.region)
    there = [found for key in stored if (found := as_of(key, call.now_ms)) is not None]
    fitting = [
        key for key in there if all(_FILTERS[each.key](key) in each.values for each in filters)
    ]
    shown = fitting[page.offset :][: page.size]
    listed = [{"KeyId": key.id, "KeyArn": key.arn} for key in shown]
    return {"Keys": {"Key": listed}, **page.members(len(fitting))}


async def enable_key(call: RpcCall) -> Members:
    """KMS EnableKey."""
    return await _change_state(call, KeyCall.ENABLE)


async def disable_key(call: RpcCall) -> Members:
    """KMS DisableKey."""
    return await _change_state(call, KeyCall.DISABLE)


async def cancel_key_deletion(call: RpcCall) -> Members:
    """KMS CancelKeyDeletion."""
    return await _change_state(call, KeyCall.CANCEL_DELETION)


async def schedule_key_deletion(call: RpcCall) -> Members:
    """KMS ScheduleKeyDeletion."""
    days = call.parameters.number("PendingWindowInDays", keys.WINDOW_DAYS_MIN, keys.WINDOW_DAYS_MAX)
    return await _change(
        call,
        lambda tx, key: keys.schedule_deletion(tx, call.context.vault, key, days, call.now_ms),
    )


async def update_key_description(call: RpcCall) -> Members:
    """KMS UpdateKeyDescription."""
    text = call.parameters.get("Description")
    return await _change(call, lambda tx, key: keys.describe(tx, key, text))


async def set_deletion_protection(call: RpcCall) -> Members:
    """KMS SetDeletionProtection."""
    parameters = call.parameters
    parameters.required("EnableDeletionProtection")
    locked = parameters.flag("EnableDeletionProtection")
    text = parameters.get("DeletionProtectionDescription")
    named = "KeyId" if parameters.get("KeyId") else "ProtectedResourceArn"
    return await _change(
        call, lambda tx, key: keys.lock(tx, key, locked=locked, description=text), named
    )


async def set_key_policy(call: RpcCall) -> Members:
    """KMS SetKeyPolicy."""
    call.parameters.one_of("PolicyName", (_POLICY_NAME,), _POLICY_NAME)
    text = call.parameters.required("Policy")
    read_key_policy(text, call.context.policies)
    return await _change(call, lambda tx, key: keys.set_policy(tx, key, text))


async def get_key_policy(call: RpcCall) -> Members:
    """KMS GetKeyPolicy."""
    call.parameters.one_of("PolicyName", (_POLICY_NAME,), _POLICY_NAME)
    with call.context.store.read() as view:
        key = permitted_key(call, view)
    return {"Policy": key.policy or default_policy(key.account_uid)}


async def _change_state(call: RpcCall, what: KeyCall) -> Members:
    return await _change(call, lambda tx, key: keys.change_state(tx, call.context.vault, key, what))


async def _change(
    call: RpcCall, work: Callable[[KeyTx, Key], object], named: str = "KeyId"
) -> Members:
    await call.context.store.write(lambda tx: work(tx, permitted_key(call, tx, named)))
    return {}


OPERATIONS: Mapping[str, Operation] = {
    "CreateKey": Operation(told(create_key), account_arns),
    "DescribeKey": Operation(told(describe_key)),
    "ListKeys": Operation(told(list_keys), account_arns),
    "EnableKey": Operation(told(enable_key)),
    "DisableKey": Operation(told(disable_key)),
    "CancelKeyDeletion": Operation(told(cancel_key_deletion)),
    "ScheduleKeyDeletion": Operation(told(schedule_key_deletion)),
    "UpdateKeyDescription": Operation(told(update_key_description)),
    "SetDeletionProtection": Operation(told(set_deletion_protection)),
    "SetKeyPolicy": Operation(told(set_key_policy)),
    "GetKeyPolicy": Operation(told(get_key_policy)),
}
