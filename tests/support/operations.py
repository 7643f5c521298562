"""Requests made from the operation table."""

from __future__ import annotations

from emulator.protocol.operations.model import Level, Operation
from emulator.protocol.signing import SigningRequest
from tests.support.wire import Call


def request_of(
    operation: Operation, bucket: str = "src-bucket", key: str = "plain"
) -> SigningRequest:
    """The least request that selects a row of the table."""
    query: list[tuple[str, str | None]] = []
    if operation.sub_resource:
        query.append((operation.sub_resource, operation.values[0] if operation.values else None))
    if operation.comp:
        query.append(("comp", operation.comp))
    query += [(name, value or "1") for name, value in operation.query]
    header = ((operation.header, "/public/page"),) if operation.header else ()
    return SigningRequest(
        method=operation.method,
        bucket="" if operation.level is Level.SERVICE else bucket,
        key=key if operation.level is Level.OBJECT else "",
        query=tuple(query),
        headers=header,
    )


def call_of(operation: Operation, bucket: str = "src-bucket", key: str = "plain") -> Call:
    """The same as a call to be signed and sent."""
    request = request_of(operation, bucket, key)
    return Call(request.method, request.bucket, request.key, request.query, request.headers)
