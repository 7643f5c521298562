"""The way of a request: target, operation, signature, identity, permission, handler, answer.

What the settings of delivery want (CORS, referer, payer, website, traffic limit) is decided in
``delivery``; here it is only asked.

The order is that of the service as far as it can be observed: whether the bucket exists is looked
at before the access key is (conformance suites of the vendor's clients; observed).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from aiohttp import web

from emulator.domain import errors
from emulator.domain.errors import SecondLevelDomainForbidden
from emulator.domain.model import Bucket
from emulator.protocol.addressing import Style, Target, read_target
from emulator.protocol.authentication import NOBODY, Caller, authenticate, unproven
from emulator.protocol.authorisation import authorise, note_refusal
from emulator.protocol.body import RequestBody
from emulator.protocol.call import Answer, Call, Handler
from emulator.protocol.context import RequestView, ServerContext
from emulator.protocol.dates import http_date
from emulator.protocol.delivery.passage import Passage, refuse_public_grant
from emulator.protocol.delivery.site import answer_visit
from emulator.protocol.delivery.traffic import TRAFFIC_LIMIT
from emulator.protocol.errors import render_error
from emulator.protocol.http import SERVER_NAME
from emulator.protocol.operations import Level, Operation, find_operation
from emulator.protocol.sending import send

_LOG = logging.getLogger("ossemu.protocol")
_CREATES_BUCKET = "PutBucket"
# Its credentials are fields of the form; others are not looked at (OSS PostObject; documented).
_SIGNED_INSIDE = "PostObject"


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
        passage = Passage()
        try:
            answer = await self._handle(request, request_id, passage)
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
        if passage.dresses:
            passage.dress(headers, request.headers.get("Origin", ""), request.method)
        return await send(request, answer, headers, passage.pace)

    async def _handle(self, request: web.BaseRequest, request_id: str, passage: Passage) -> Answer:
        """Read what is asked, admit it, and hand it to whoever answers."""
        context = self._context
        body = RequestBody(request, context.wire)
        body.refuse_beyond(context.oss.object_bytes_max)
        host = request.headers.get("Host", "")
        target = read_target(request.raw_path, host, context.base_domains)
        if target.style is Style.PATH and not context.oss.path_style and target.bucket:
            raise SecondLevelDomainForbidden
        operation = find_operation(request.method, target.level, target.query, request.headers)
        call = self._admit(request, body, target, operation, request_id, passage)
        if passage.website is None:
            return await self._handler_of(call)(call)
        base = f"/{target.bucket}" if target.style is Style.PATH else ""
        return await answer_visit(passage.website, call, base, self._serve)

    async def _serve(self, call: Call) -> Answer:
        return await self._handler_of(call)(call)

    def _handler_of(self, call: Call) -> Handler:
        handler = self._handlers.get(call.operation)
        if handler is None:
            raise errors.NotImplemented(f"The operation {call.operation.name} is not implemented.")
        return handler

    def _admit(
        self,
        request: web.BaseRequest,
        body: RequestBody,
        target: Target,
        operation: Operation,
        request_id: str,
        passage: Passage,
    ) -> Call:
        """Check bucket, signature, settings and permission in one consistent reading.

        A website asks for the permission of each page it shows.
        """
        context = self._context
        now_ms = context.clock.now_ms()
        with context.store.read() as view:
            bucket = self._find_bucket(view, target, operation)
            if bucket is not None and bucket.setting_names:
                passage.enter(view, bucket, operation)
            caller, refused = NOBODY, None
            if operation.name != _SIGNED_INSIDE:
                try:
                    caller = authenticate(context, view, request, target, now_ms)
                except errors.OssError as error:
                    caller, refused = Caller(unproven(view, request, target), ""), error
            call = Call(
                operation=operation,
                context=context,
                principal=caller.principal,
                bucket=bucket,
                bucket_name=target.bucket,
                key=target.key,
                query={name: value or "" for name, value in target.query},
                headers=_header_map(request),
                body=body,
                host=request.headers.get("Host", ""),
                region=target.region,
                signing_region=caller.signing_region,
                peer=request.remote or "",
                now_ms=now_ms,
                request_id=request_id,
            )
            if refused is not None:
                note_refusal(call, refused)
                raise refused
            if bucket is not None and bucket.setting_names:
                passage.admit(call, view, by_url=caller.by_url)
            if TRAFFIC_LIMIT in call.headers or TRAFFIC_LIMIT in call.query:
                passage.limit(call)
            if passage.website is None:
                authorise(call, view)
            if "x-oss-acl" in call.headers or "x-oss-object-acl" in call.headers:
                refuse_public_grant(call, view)
        return call

    def _find_bucket(
        self, view: RequestView, target: Target, operation: Operation
    ) -> Bucket | None:
        """The bucket a request is about; None for the service and for a bucket to be made."""
        if target.level is Level.SERVICE or operation.name == _CREATES_BUCKET:
            return None
        bucket = view.bucket(target.bucket)
        if bucket is None:
            raise errors.NoSuchBucket(target.bucket, ec="0015-00000101")
        if self._context.oss.strict_endpoints:
            self._check_endpoint(bucket, target)
        return bucket

    def _check_endpoint(self, bucket: Bucket, target: Target) -> None:
        """With ``oss.strict_endpoints``: a bucket answers at its own region's hosts only."""
        oss = self._context.oss
        if target.region and target.region != bucket.region:
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
