"""Requests and answers of the control API: JSON in, JSON out, one form of error."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import ClientError, web

T = TypeVar("T")

BODY_BYTES_MAX = 8 * 1024 * 1024


class ControlError(Exception):
    """A request the control API refuses: an HTTP status, a message, and what to do next."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        self.status = status
        self.message = message
        self.hint = hint
        super().__init__(message)


def answer(value: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(
        status=status,
        body=msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n",
        headers={"Content-Type": "application/json", "Server": "ossemu"},
    )


def error_answer(error: ControlError) -> web.Response:
    """The answer to a refused request."""
    fields = {"error": error.message}
    if error.hint:
        fields["hint"] = error.hint
    return answer(fields, error.status)


async def read_body(request: web.BaseRequest, deadline_s: float) -> bytes:
    """The whole body, up to a bound, if it comes within ``deadline_s``. Raises ControlError."""
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise _too_large()
    data = bytearray()
    try:
        async with asyncio.timeout(deadline_s):
            while piece := await request.content.readany():
                data += piece
                if len(data) > BODY_BYTES_MAX:
                    raise _too_large()
    except TimeoutError as error:
        raise ControlError(400, f"the body did not come within {deadline_s:g} seconds") from error
    except (ClientError, ConnectionError, web.RequestPayloadError) as error:
        raise ControlError(400, "the body ended too early") from error
    return bytes(data)


def _too_large() -> ControlError:
    return ControlError(413, f"the body is larger than {BODY_BYTES_MAX} bytes")


async def read_fields(request: web.BaseRequest, kind: type[T], deadline_s: float) -> T:
    """The JSON body as a record; an empty body has no fields. Raises ControlError."""
    data = await read_body(request, deadline_s)
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fields = ", ".join(field.name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]
        raise ControlError(400, f"the body is not right: {error}", f"fields: {fields}") from error
