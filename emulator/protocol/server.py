"""The way of a request: target, operation, signature, identity, permission, handler, answer.

The order is that of the service as far as it can be observed: whether the bucket exists is looked
at before the access key is (conformance suites of the vendor's clients; observed).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from emulator.domain import errors
from emulator.domain.model import Bucket
from emulator.protocol.addressing import Target, read_target
from emulator.protocol.authentication import authenticate
from emulator.protocol.authorisation import authorise
from emulator.protocol.body import RequestBody
from emulator.protocol.call import Answer, Call
from emulator.protocol.context import ServerContext
from emulator.protocol.dates import http_date
from emulator.protocol.errors import render_error
from emulator.protocol.http import SERVER_NAME
from emulator.protocol.operations import Level, Operation, find_operation

Handler = Callable[[Call], Awaitable[Answer]]

_LOG = logging.getLogger("ossemu.protocol")
_CREATES_BUCKET = "PutBucket"


class OssServer:
    """Answers every OSS request that comes in."""

    def __init__(self, context: ServerContext, handlers: Mapping[Operation, Handler]) -> None:
        self._context = context
        self._handlers = handlers

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever happens on the way."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        request_id = self._context.rng.hex(24).upper()
        try:
            answer = await self._handle(request, request_id)
        except errors.OssError as error:
            answer = self._error_answer(error, request, request_id)
        except Exception as error:  # noqa: BLE001 - the one place that answers what nobody foresaw
            _LOG.exception("request %s failed", request_id)
            answer = self._error_answer(error, request, request_id)
        headers = {
            "Server": SERVER_NAME,
            "Date": http_date(self._context.clock.now_ms()),
            "x-oss-request-id": request_id,
            **answer.headers,
            "x-oss-server-time": str(int((loop.time() - started) * 1000)),
        }
        return await self._send(request, answer, headers)

    async def _handle(self, request: web.BaseRequest, request_id: str) -> Answer:
        context = self._context
        host = request.headers.get("Host", "")
        target = read_target(request.raw_path, host, context.base_domains)
        operation = find_operation(request.method, target.level, target.query, request.headers)
        headers = _header_map(request)
        call = self._admit(request, target, operation, headers, request_id)
        handler = self._handlers.get(operation)
        if handler is None:
            raise errors.NotImplemented(f"The operation {operation.name} is not implemented.")
        return await handler(call)

    def _admit(
        self,
        request: web.BaseRequest,
        target: Target,
        operation: Operation,
        headers: dict[str, str],
        request_id: str,
    ) -> Call:
        """Check bucket, signature and permission in one consistent reading."""
        context = self._context
        now_ms = context.clock.now_ms()
        with context.store.read() as view:
            bucket = view.bucket(target.bucket) if target.bucket else None
            creates = operation.name == _CREATES_BUCKET
            if bucket is None and target.level is not Level.SERVICE and not creates:
                raise errors.NoSuchBucket(target.bucket, ec="0015-00000101")
            if bucket is not None:
                self._check_endpoint(bucket, target)
            caller = authenticate(context, view, request, target, now_ms)
            call = Call(
                operation=operation,
                context=context,
                principal=caller.principal,
                bucket=bucket,
                bucket_name=target.bucket,
                key=target.key,
                query={name: value or "" for name, value in target.query},
                headers=headers,
                body=RequestBody(request, context.wire),
                host=request.headers.get("Host", ""),
                region=target.region,
                signing_region=caller.signing_region,
                peer=request.remote or "",
                now_ms=now_ms,
                request_id=request_id,
            )
            authorise(call, view)
        return call

    def _check_endpoint(self, bucket: Bucket, target: Target) -> None:
        """With ``oss.strict_endpoints``: a bucket answers at its own region's hosts only."""
        oss = self._context.oss
        if oss.strict_endpoints and target.region and target.region != bucket.region:
            raise errors.AccessDenied(
                "The bucket you are attempting to access must be addressed using the specified "
                "endpoint. Please send all future requests to this endpoint.",
                fields={
                    "Bucket": bucket.name,
                    "Endpoint": f"{bucket.location}.{oss.endpoint_suffix}",
                },
            )

    def _error_answer(self, error: Exception, request: web.BaseRequest, request_id: str) -> Answer:
        status, headers, body = render_error(
            error,
            request_id=request_id,
            host_id=request.headers.get("Host", ""),
            head=request.method == "HEAD",
        )
        return Answer(status=status, headers=headers, body=body)

    async def _send(
        self, request: web.BaseRequest, answer: Answer, headers: dict[str, str]
    ) -> web.StreamResponse:
        if answer.stream is not None:
            return await self._send_stream(request, answer, headers)
        if request.method == "HEAD":
            if answer.length_bytes is not None:
                headers["Content-Length"] = str(answer.length_bytes)
            return web.Response(status=answer.status, headers=headers)
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    async def _send_stream(
        self, request: web.BaseRequest, answer: Answer, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Send content piece by piece. A half answer must not look whole: on any failure after
        the head is out the connection is cut."""
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_length = answer.length_bytes
        stall_s = self._context.wire.write_stall_s
        stream = answer.stream
        if stream is None:
            raise errors.InternalError
        try:
            await response.prepare(request)
            async for piece in stream:
                async with asyncio.timeout(stall_s):
                    await response.write(piece)
            await response.write_eof()
        except ConnectionError:
            return response
        except Exception:  # noqa: BLE001 - whatever it was, nothing more can be answered
            _LOG.exception("answer %s was cut", headers["x-oss-request-id"])
            if request.transport is not None:
                request.transport.abort()
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        return response


def _header_map(request: web.BaseRequest) -> dict[str, str]:
    """Header values by lower-case name; doubled headers are joined with a comma."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    return headers
