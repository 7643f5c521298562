"""The table of all OSS operations, built or not, and how a request finds its row.

Handlers are attached elsewhere; an operation without one is answered with NotImplemented.
"""

from __future__ import annotations

from emulator.protocol.operations.find import (
    OPERATIONS,
    SUB_RESOURCES,
    Query,
    find_operation,
    is_known_parameter,
    operation_named,
)
from emulator.protocol.operations.model import AccessClass, Level, Operation, ResourceForm

__all__ = [
    "OPERATIONS",
    "SUB_RESOURCES",
    "AccessClass",
    "Level",
    "Operation",
    "Query",
    "ResourceForm",
    "find_operation",
    "is_known_parameter",
    "operation_named",
]
