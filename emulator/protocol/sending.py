"""Sending answers: at once, or piece by piece."""

from __future__ import annotations

import logging

from aiohttp import web

from emulator.domain.ports import BlobReader
from emulator.protocol.call import Answer
from emulator.protocol.delivery.traffic import Pace
from emulator.protocol.object_headers.writes import NOT_IN_HEADERS
from emulator.protocol.pieces import Pieces

_LOG = logging.getLogger("ossemu.protocol")


async def send(
    request: web.BaseRequest, answer: Answer, headers: dict[str, str], pace: Pace | None = None
) -> web.StreamResponse:
    """Send an answer, or hand it to the HTTP layer to be sent. Content keeps to ``pace``.

    A client whose body has not been read, because nothing in it matters any more, is told that
    the connection ends here: it may not have been asked for the body at all.
    """
    if NOT_IN_HEADERS.search("".join(headers.values())):
        # Checked where values come in. One that slips through must not cost the answer.
        headers = {name: NOT_IN_HEADERS.sub(" ", value) for name, value in headers.items()}
    response: web.StreamResponse
    stream, length_bytes = answer.stream, answer.length_bytes
    if pace is not None and stream is None and request.method != "HEAD" and answer.body:
        stream, length_bytes = Pieces([answer.body]), len(answer.body)
    if stream is not None:
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_length = length_bytes
    elif request.method == "HEAD":
        if answer.length_bytes is not None:
            headers["Content-Length"] = str(answer.length_bytes)
        response = web.Response(status=answer.status, headers=headers)
    else:
        response = web.Response(status=answer.status, headers=headers, body=answer.body)
    if not request.content.is_eof():
        response.force_close()
    if stream is not None:
        await _send_stream(request, response, stream, pace)
    return response


async def _send_stream(
    request: web.BaseRequest,
    response: web.StreamResponse,
    stream: BlobReader,
    pace: Pace | None,
) -> None:
    """Send content piece by piece. A half answer must not look whole: on any failure after the
    head is out the connection is cut. A client that stops reading is dropped by the HTTP layer."""
    try:
        await response.prepare(request)
        async for piece in stream:
            if pace is None:
                await response.write(piece)
                continue
            for part in pace.slices(piece):
                await pace.keep(len(part))
                await response.write(part)
        await response.write_eof()
    except ConnectionError:
        return  # the client left
    except Exception:  # noqa: BLE001 - whatever it was, nothing more can be answered
        _LOG.exception("answer %s was cut", response.headers["x-oss-request-id"])
        if request.transport is not None:
            request.transport.abort()
    finally:
        await stream.aclose()
