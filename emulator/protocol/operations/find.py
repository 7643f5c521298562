"""From a request's method, level, query and headers to its operation.

A sub-resource counts when its name is present in the query; its value matters only where the
table says so. Object requests follow OSS's order of preference, bucket and service requests must
name one sub-resource only. A known sub-resource that selects nothing is refused, because the
plain operation (PutBucket, DeleteObject, ...) would do something nobody asked for. Names OSS does
not know are ignored, but for the plain operations that make, delete or post to a bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emulator.domain.errors import (
    InvalidArgument,
    MethodNotAllowed,
    MissingArgument,
    NotImplemented,
    OssError,
)
from emulator.protocol.operations.bucket_settings import BUCKET_SETTING_OPERATIONS
from emulator.protocol.operations.buckets import BUCKET_OPERATIONS
from emulator.protocol.operations.model import Level, Operation
from emulator.protocol.operations.names import (
    ALIASES,
    CLOSED_PREFIX,
    CLOSED_SUB_RESOURCES,
    PARAMETERS,
    QUALIFIERS,
)
from emulator.protocol.operations.objects import OBJECT_OPERATIONS
from emulator.protocol.operations.service import SERVICE_OPERATIONS

Query = tuple[tuple[str, str | None], ...]

OPERATIONS: tuple[Operation, ...] = (
    SERVICE_OPERATIONS + BUCKET_SETTING_OPERATIONS + BUCKET_OPERATIONS + OBJECT_OPERATIONS
)
SUB_RESOURCES = frozenset(row.sub_resource for row in OPERATIONS if row.sub_resource)

# Read-only probes: whatever else the query names, they answer for the resource itself
# (OSS dispatch of HEAD; documented. OPTIONS; inferred).
_PROBES = frozenset({"HEAD", "OPTIONS"})
_CHANGING = frozenset({"PUT", "POST", "DELETE"})
# Sub-resources of a POST to an object that are mere parameters of every reading request. Changes
# of a bucket have no use for them.
_PROCESSING = frozenset({"x-oss-process", "x-oss-async-process"})
_NO_SUB_RESOURCE_EC = "0017-00000001"
# ListBuckets with a list of regions lists buckets, and a client that has put a link deletes it with
# the parameters it put it with (vendor's suite; observed).
_PASSED_OVER = {
    ("GET", Level.SERVICE): ["regionList"],
    ("DELETE", Level.OBJECT): ["symlink"],
}

_Plain = tuple[Operation, str, Operation]


def _plain_operations(level: Level) -> dict[str, _Plain]:
    """Per method: the operation without query, and the one a header turns it into."""
    plain: dict[str, _Plain] = {}
    for row in OPERATIONS:
        if row.level is not level or row.sub_resource or row.query:
            continue
        if row.header:
            plain[row.method] = (row, row.header, row)
        elif row.method in plain:
            plain[row.method] = (row, *plain[row.method][1:])
        else:
            plain[row.method] = (row, "", row)
    return plain


def _by_method(level: Level, *, plain: bool) -> dict[str, tuple[Operation, ...]]:
    rows = [row for row in OPERATIONS if row.level is level and plain is not bool(row.sub_resource)]
    methods = {method for row in rows for method in row.methods}
    return {method: tuple(row for row in rows if method in row.methods) for method in methods}


def _selecting_names(level: Level) -> frozenset[str]:
    names = (SUB_RESOURCES | CLOSED_SUB_RESOURCES) - _PROCESSING
    # ListBuckets filters by tag with a parameter of the same name.
    return names - {"tagging"} if level is Level.SERVICE else names


_PLAIN = {level: _plain_operations(level) for level in Level}
_PLAIN_ROWS = {level: _by_method(level, plain=True) for level in Level}
_SUB_RESOURCE_ROWS = {level: _by_method(level, plain=False) for level in Level}
_SELECTING = {level: _selecting_names(level) for level in Level}
_WITH_COMP = frozenset((row.level, row.sub_resource) for row in OPERATIONS if row.comp)
_BY_NAME = {row.name: row for row in OPERATIONS}


def operation_named(name: str) -> Operation:
    """The row of one operation, for whoever attaches handlers; KeyError if there is none."""
    return _BY_NAME[name]


def is_known_parameter(name: str) -> bool:
    """Whether OSS reads a query parameter of this name on any operation."""
    return (
        name in PARAMETERS
        or name in SUB_RESOURCES
        or name in QUALIFIERS
        or name in CLOSED_SUB_RESOURCES
        or name.startswith(("x-oss-", CLOSED_PREFIX))
    )


def find_operation(
    method: str, level: Level, query: Query, headers: Mapping[str, str]
) -> Operation:
    """The operation a request asks for.

    ``query`` is ``Target.query``; ``headers`` must find lower-case names whatever the case sent.

    Raises MethodNotAllowed (no operation of that method on the resource or the sub-resource),
    NotImplemented (known sub-resource without an operation here), InvalidArgument (two
    sub-resources, or an unknown ``comp``), MissingArgument (half of a pair such as ``uploadId``
    and ``partNumber``).
    """
    if not query:
        plain = _PLAIN[level].get(method)
        if plain is not None:
            row, header, row_with_header = plain
            return row_with_header if header and header in headers else row
        raise _not_allowed(method, level, "")
    return _find_by_query(method, level, query, headers)


def _find_by_query(
    method: str, level: Level, query: Query, headers: Mapping[str, str]
) -> Operation:
    values = {ALIASES.get(name, name): value or "" for name, value in query}
    named = _named_sub_resources(method, level, values)
    guarded = method not in _PROBES
    if named:
        for row in _SUB_RESOURCE_ROWS[level].get(method, ()):
            if row.sub_resource in values and _selects(row, values, headers):
                if level is not Level.OBJECT and guarded:
                    _refuse_second(row, named)
                return row
    if named == _PASSED_OVER.get((method, level)):
        named = []
    if not (named and guarded):
        for row in _PLAIN_ROWS[level].get(method, ()):
            if _selects(row, values, headers):
                if method in _CHANGING:
                    _refuse_lone_qualifier(values)
                    _refuse_unknown(level, values)
                return row
    raise _refusal(method, level, named, values)


def _named_sub_resources(method: str, level: Level, values: Mapping[str, str]) -> list[str]:
    selecting = _SELECTING[level]
    processes = method == "POST" if level is Level.OBJECT else method in _CHANGING
    processing = _PROCESSING if processes else frozenset[str]()
    return [
        name
        for name in values
        if name in selecting or name in processing or name.startswith(CLOSED_PREFIX)
    ]


def _selects(row: Operation, values: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether everything the row asks for beyond its sub-resource is there."""
    if row.header and row.header not in headers:
        return False
    if row.values and values[row.sub_resource] not in row.values:
        return False
    for name, value in row.query:
        if name not in values or (value and values[name] != value):
            return False
    return (row.level, row.sub_resource) not in _WITH_COMP or _comp_fits(row, values)


def _comp_fits(row: Operation, values: Mapping[str, str]) -> bool:
    return values.get("comp", "") == row.comp


def _refuse_second(row: Operation, named: Iterable[str]) -> None:
    for name in named:
        if name != row.sub_resource and name not in row.accompanied_by:
            raise InvalidArgument(
                f"The sub-resources {row.sub_resource} and {name} cannot be combined.",
                name=name,
                value=row.sub_resource,
            )


def _refuse_lone_qualifier(values: Mapping[str, str]) -> None:
    for name in values:
        if name in QUALIFIERS:
            raise InvalidArgument(
                f"The parameter {name} needs a sub-resource.", name=name, value=values[name]
            )


def _refuse_unknown(level: Level, values: Mapping[str, str]) -> None:
    """An unknown name may be a sub-resource of tomorrow: no bucket is made or deleted for it."""
    for name in values:
        if level is Level.BUCKET and not is_known_parameter(name):
            raise _not_implemented(name, level)


def _refusal(method: str, level: Level, named: list[str], values: Mapping[str, str]) -> OssError:
    """Why a request with a query selects nothing."""
    for name in named:
        rows = [row for row in OPERATIONS if row.level is level and row.sub_resource == name]
        if not rows:
            continue
        if not any(method in row.methods for row in rows):
            return _not_allowed(method, level, name)
        if (level, name) in _WITH_COMP:
            return InvalidArgument(
                f"The comp of the sub-resource {name} is not supported.",
                name="comp",
                value=values.get("comp", ""),
            )
        return MissingArgument()
    if named:
        return _not_implemented(named[0], level)
    return _not_allowed(method, level, "")


def _not_implemented(name: str, level: Level) -> OssError:
    return NotImplemented(f"The sub-resource {name} of a {level.lower()} is not implemented.")


def _not_allowed(method: str, level: Level, sub_resource: str) -> MethodNotAllowed:
    rows = [row for row in OPERATIONS if row.level is level and row.sub_resource == sub_resource]
    allow = ", ".join(sorted({name for row in rows for name in row.methods}))
    lacks_sub_resource = method == "POST" and level is Level.OBJECT and not sub_resource
    return MethodNotAllowed(
        method=method,
        resource=level,
        allow=allow,
        ec=_NO_SUB_RESOURCE_EC if lacks_sub_resource else "",
    )
