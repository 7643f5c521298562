"""Aliases."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.kms import aliases
from emulator.kms.model import Alias
from emulator.kms.names import check_alias, find_alias, find_by_id
from emulator.kms.ports import KeyTx, KeyView
from emulator.kms.states import as_of
from emulator.services.kms import shapes
from emulator.services.kms.asked import (
    alias_arn,
    alias_arns,
    holder_of,
    named_alias_arns,
    own_key,
    permitted_key,
    require_key,
)
from emulator.services.kms.errors import told
from emulator.services.rpc.call import Operation, RpcCall
from emulator.services.rpc.dialect import Members
from emulator.services.rpc.paging import read_numbered_page
from emulator.services.rpc.permission import require


async def create_alias(call: RpcCall) -> Members:
    """KMS CreateAlias: needs the right on the aliases of the account and on the key."""
    name = call.parameters.required("AliasName")

    def work(tx: KeyTx) -> None:
        key = own_key(call, tx)
        require(call, f"kms:{call.action}", alias_arn(key.holder))
        require_key(call, key, f"kms:{call.action}")
        aliases.create_alias(tx, name, key, call.now_ms)

    await call.context.store.write(work)
    return {}


async def update_alias(call: RpcCall) -> Members:
    """KMS UpdateAlias: needs the right on the alias, on its key and on the one it is to have."""
    name = call.parameters.required("AliasName")
    check_alias(name)

    def work(tx: KeyTx) -> None:
        key = own_key(call, tx)
        require(call, f"kms:{call.action}", alias_arn(key.holder, name))
        require_key(call, key, f"kms:{call.action}")
        found = find_alias(tx, name, key.holder, call.now_ms)
        if found.key_id != key.id:
            former = find_by_id(tx, found.key_id, key.holder, call.now_ms)
            require_key(call, former, f"kms:{call.action}")
        aliases.update_alias(tx, name, key, call.now_ms)

    await call.context.store.write(work)
    return {}


async def delete_alias(call: RpcCall) -> Members:
    """KMS DeleteAlias: needs the right on the alias and on its key."""
    name, holder = call.parameters.required("AliasName"), holder_of(call)
    check_alias(name)

    def work(tx: KeyTx) -> None:
        found = find_alias(tx, name, holder, call.now_ms)
        require_key(call, find_by_id(tx, found.key_id, holder, call.now_ms), "kms:DeleteAlias")
        aliases.delete_alias(tx, name, holder, call.now_ms)

    await call.context.store.write(work)
    return {}


async def list_aliases(call: RpcCall) -> Members:
    """KMS ListAliases, by name."""
    holder = holder_of(call)
    with call.context.store.read() as view:
        found = view.kms_aliases(holder.account_uid, holder.region)
        return _page(call, [each for each in found if _lives(call, view, each)])


async def list_aliases_by_key_id(call: RpcCall) -> Members:
    """KMS ListAliasesByKeyId, by name."""
    with call.context.store.read() as view:
        return _page(call, view.kms_aliases_of_key(permitted_key(call, view).id))


def _lives(call: RpcCall, view: KeyView, alias: Alias) -> bool:
    key = view.kms_key(alias.key_id)
    return key is not None and as_of(key, call.now_ms) is not None


def _page(call: RpcCall, found: list[Alias]) -> Members:
    page = read_numbered_page(call.parameters)
    shown = [shapes.alias(each) for each in found[page.offset :][: page.size]]
    return {"Aliases": {"Alias": shown}, **page.members(len(found))}


OPERATIONS: Mapping[str, Operation] = {
    "CreateAlias": Operation(told(create_alias)),
    "UpdateAlias": Operation(told(update_alias)),
    "DeleteAlias": Operation(told(delete_alias), named_alias_arns),
    "ListAliases": Operation(told(list_aliases), alias_arns),
    "ListAliasesByKeyId": Operation(told(list_aliases_by_key_id)),
}
