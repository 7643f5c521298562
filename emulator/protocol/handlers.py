"""Which function answers which operation. What is not here answers NotImplemented."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.protocol.api import (
    buckets,
    copies,
    listings,
    objects,
    reads,
    replication,
    service,
)
from emulator.protocol.call import Handler
from emulator.protocol.operations import Operation, operation_named

_MODULES: tuple[Mapping[str, Handler], ...] = (
    service.HANDLERS,
    buckets.HANDLERS,
    listings.HANDLERS,
    objects.HANDLERS,
    copies.HANDLERS,
    reads.HANDLERS,
    replication.HANDLERS,
)


def handlers() -> dict[Operation, Handler]:
    """The handlers by row of the operation table."""
    return {
        operation_named(name): handler for module in _MODULES for name, handler in module.items()
    }
