"""Operations as plain functions over the identities, in one reading or one transaction."""

from __future__ import annotations

from collections.abc import Callable

from emulator.access.ram_store import RamStore
from emulator.services.rpc.call import Handler, Operation, Resources, RpcCall
from emulator.services.rpc.dialect import Members

# Raises RpcError; what a refused one has written is rolled back.
Work = Callable[[RpcCall, RamStore], Members]


def reading(work: Work, resources: Resources | None) -> Operation:
    """An operation that only reads."""

    async def handler(call: RpcCall) -> Members:
        with call.context.store.read() as view:
            return work(call, view.identities)

    return Operation(handler, resources)


def writing(work: Work, resources: Resources | None) -> Operation:
    """An operation that writes; waiting replication may look again when it is done."""
    return Operation(_writer(work), resources)


def _writer(work: Work) -> Handler:
    async def handler(call: RpcCall) -> Members:
        members = await call.context.store.write(lambda tx: work(call, tx.identities))
        call.context.changed()
        return members

    return handler
