"""The way of an RPC call: body, parameters, product, caller, right, handler, answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from emulator.access.audit import Origin, refusal
from emulator.domain.errors import StorageError
from emulator.services.rpc.authentication import Authenticator, unproven
from emulator.services.rpc.call import Operation, Product, RpcCall, ServicesContext
from emulator.services.rpc.detect import is_rpc
from emulator.services.rpc.dialect import Dialect, Members, PopDialect, render
from emulator.services.rpc.errors import RpcError, gateway_error, missing
from emulator.services.rpc.parameters import Parameters
from emulator.services.rpc.permission import require
from emulator.services.rpc.request import RpcRequest, make_request

_LOG = logging.getLogger("ossemu.services")
_METHODS = frozenset({"GET", "POST"})
_BROKEN = (ClientError, ConnectionError, HttpProcessingError, web.RequestPayloadError)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNKNOWN = PopDialect()  # words the errors of requests whose product cannot be told


class ServiceServer:
    """Answers every call of RAM, STS and KMS."""

    def __init__(self, context: ServicesContext, products: Iterable[Product]) -> None:
        self._context = context
        self._products = {product.version: product for product in products}
        self._authenticator = Authenticator(
            context.policies, check_date=context.oss.check_signing_time
        )

    def claims(self, request: web.BaseRequest) -> bool:
        """Whether a request is for these services and not for OSS."""
        return is_rpc(request.method, request.raw_path, request.headers)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one call, whatever happens on the way."""
        answer = _Answer(self._context.rng.uuid().upper(), request.headers.get("Host", ""))
        try:
            members = await self._handle(request, answer)
        except RpcError as error:
            return answer.refuse(request, error)
        except StorageError as error:
            _LOG.error("call %s could not be stored: %s", answer.request_id, error)
            return answer.refuse(request, gateway_error("ServiceUnavailable"))
        except Exception:  # noqa: BLE001 - the one place that answers what nobody foresaw
            _LOG.exception("call %s failed", answer.request_id)
            return answer.refuse(request, gateway_error("InternalError"))
        return answer.give(members)

    async def _handle(self, request: web.BaseRequest, answer: _Answer) -> Members:
        headers = _header_map(request)
        body = await _read_body(request, self._context)
        rpc = make_request(request.method, request.raw_path, headers, body)
        answer.is_xml = _wants_xml(rpc)
        product = self._product(rpc, answer)
        operation = product.operations.get(rpc.action)
        if operation is None:
            raise gateway_error("InvalidApi.NotFound" if rpc.is_v3 else "InvalidAction.NotFound")
        answer.action = rpc.action
        call = self._admit(rpc, product, answer, request.remote or "")
        self._require(call, product, operation)
        return await operation.handler(call)

    def _product(self, rpc: RpcRequest, answer: _Answer) -> Product:
        product = self._products.get(rpc.version)
        if product is not None:
            answer.dialect = product.dialect
        if rpc.method not in _METHODS:
            raise answer.dialect.unsupported_method()
        if not rpc.version:
            raise missing("Version")
        if product is None:
            raise gateway_error("InvalidVersion")
        if not rpc.action:
            raise missing("Action")
        return product

    def _admit(self, rpc: RpcRequest, product: Product, answer: _Answer, peer: str) -> RpcCall:
        """Check the signature, in one consistent reading."""
        context = self._context
        now_ms = context.clock.now_ms()
        with context.store.read() as view:
            try:
                principal = self._authenticator.authenticate(view.identities, rpc, now_ms)
            except RpcError as error:
                who = unproven(view.identities, rpc)
                origin = Origin(now_ms, who, rpc.action, answer.request_id, peer)
                action = f"{product.service}:{rpc.action}"
                # The code alone: a message may quote what was signed, secrets included.
                context.audit.record(origin, action, "", refusal(error.code))
                raise
        return RpcCall(
            action=rpc.action,
            parameters=Parameters(rpc.parameters, product.dialect),
            principal=principal,
            context=context,
            dialect=product.dialect,
            headers=rpc.headers,
            peer=peer,
            now_ms=now_ms,
            request_id=answer.request_id,
        )

    def _require(self, call: RpcCall, product: Product, operation: Operation) -> None:
        if operation.resources is not None:
            action = operation.permission or f"{product.service}:{call.action}"
            require(call, action, *operation.resources(call))


class _Answer:
    """How the answer to one request is put, as far as it is known yet."""

    def __init__(self, request_id: str, host: str) -> None:
        self.request_id = request_id
        self.action = ""
        self.dialect: Dialect = _UNKNOWN
        self.is_xml = False
        self._host = host.encode("utf-8", "replace").decode()

    def give(self, members: Members) -> web.Response:
        """The answer to a call that was carried out."""
        root = self.dialect.xml_root(self.action)
        return self._response(200, root, {"RequestId": self.request_id, **members})

    def refuse(self, request: web.BaseRequest, error: RpcError) -> web.Response:
        """The answer to a call that was not. What is left of its body is not read."""
        members = self.dialect.error_members(error, self.request_id, self._host)
        response = self._response(error.status, self.dialect.error_root(), members)
        if not request.content.is_eof():
            response.force_close()
        return response

    def _response(self, status: int, root: str, members: Members) -> web.Response:
        content_type, body = render(root, members, as_xml=self.is_xml)
        headers = {"Content-Type": content_type, "x-acs-request-id": self.request_id}
        return web.Response(status=status, headers=headers, body=body)


def _wants_xml(rpc: RpcRequest) -> bool:
    """JSON unless XML is asked for; V3 always is JSON (where neither is said: newer documents)."""
    return not rpc.is_v3 and rpc.parameters.get("Format", "").upper() == "XML"


def _header_map(request: web.BaseRequest) -> Mapping[str, str]:
    """Header values by lower-case name; doubled headers are joined with a comma."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    return headers


async def _read_body(request: web.BaseRequest, context: ServicesContext) -> bytes:
    """The whole body. Raises RpcError where it is too large, too slow or cut off."""
    bytes_max = context.wire.xml_bytes_max
    declared = request.content_length or 0
    if declared > bytes_max:
        raise gateway_error("RequestEntityTooLarge")
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(_CONTINUE)
    parts: list[bytes] = []
    received = 0
    try:
        async with asyncio.timeout(context.wire.body_grace_s):
            while piece := await request.content.readany():
                received += len(piece)
                if received > bytes_max:
                    raise gateway_error("RequestEntityTooLarge")
                parts.append(piece)
    except TimeoutError as error:
        raise gateway_error("RequestTimeout") from error
    except _BROKEN as error:
        raise gateway_error("IncompleteBody") from error
    if received < declared:
        raise gateway_error("IncompleteBody")
    return b"".join(parts)
