"""The way of a request: target, operation, signature, identity, permission, handler, answer.

The order is that of the service as far as it can be observed: whether the bucket exists is looked
at before the access key is (conformance suites of the vendor's clients; observed).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from aiohttp import web

from emulator.domain import errors
from emulator.domain.model import Bucket
from emulator.protocol.addressing import Target, read_target
from emulator.protocol.authentication import authenticate
from emulator.protocol.authorisation import authorise
from emulator.protocol.body import RequestBody
from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.context import ServerContext
from emulator.protocol.dates import http_date
from emulator.protocol.errors import render_error
from emulator.protocol.http import SERVER_NAME
from emulator.protocol.operations import Level, Operation, find_operation
from emulator.protocol.sending import send

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
        except errors.StorageError as error:
            _LOG.error("request %s could not be stored: %s", request_id, error)
            answer = self._error_answer(errors.ServiceUnavailable(), request, request_id)
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
        return await send(request, answer, headers)

    async def _handle(self, request: web.BaseRequest, request_id: str) -> Answer:
        context = self._context
        body = RequestBody(request, context.wire)
        body.refuse_beyond(context.oss.object_bytes_max)
        host = request.headers.get("Host", "")
        target = read_target(request.raw_path, host, context.base_domains)
        operation = find_operation(request.method, target.level, target.query, request.headers)
        headers = _header_map(request)
        call = self._admit(request, body, target, operation, headers, request_id)
        handler = self._handlers.get(operation)
        if handler is None:
            raise errors.NotImplemented(f"The operation {operation.name} is not implemented.")
        return await handler(call)

    def _admit(
        self,
        request: web.BaseRequest,
        body: RequestBody,
        target: Target,
        operation: Operation,
        headers: dict[str, str],
        request_id: str,
    ) -> Call:
        """Check bucket, signature and permission in one consistent reading."""
        context = self._context
        now_ms = context.clock.now_ms()
        with context.store.read() as view:
            bucket = None
            if target.level is not Level.SERVICE and operation.name != _CREATES_BUCKET:
                bucket = view.bucket(target.bucket)
                if bucket is None:
                    raise errors.NoSuchBucket(target.bucket, ec="0015-00000101")
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
                body=body,
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


def _header_map(request: web.BaseRequest) -> dict[str, str]:
    """Header values by lower-case name; doubled headers are joined with a comma."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    return headers
