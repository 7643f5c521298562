"""One request on its way through the server, and the answer to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from emulator.access.identity import Principal
from emulator.domain import errors
from emulator.domain.model import Bucket
from emulator.domain.ports import BlobReader
from emulator.protocol.body import RequestBody
from emulator.protocol.context import ServerContext
from emulator.protocol.operations import Operation

XML_TYPE = "application/xml"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler answers. ``stream`` replaces ``body`` for content too large for memory."""

    status: int = 200
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    stream: BlobReader | None = None  # closed by whoever sends it
    length_bytes: int | None = None  # of the stream, or of the body a HEAD does not carry


class Call:
    """A request whose target is read, whose signature is checked and which may do what it asks.

    ``query`` holds decoded values (a name without ``=`` has the value ``""``); ``headers`` lower
    case names with values exactly as received, doubled ones joined with a comma. ``region`` is
    the one the Host names, ``signing_region`` the one of a V4 scope; either may be ``""``.
    """

    __slots__ = (
        "_bucket",
        "body",
        "bucket_name",
        "context",
        "headers",
        "host",
        "key",
        "now_ms",
        "operation",
        "peer",
        "principal",
        "query",
        "region",
        "request_id",
        "signing_region",
    )

    def __init__(  # noqa: PLR0913 - one value for each thing a handler may ask
        self,
        *,
        operation: Operation,
        context: ServerContext,
        principal: Principal,
        bucket: Bucket | None,
        bucket_name: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: RequestBody,
        host: str,
        region: str,
        signing_region: str,
        peer: str,
        now_ms: int,
        request_id: str,
    ) -> None:
        self.operation = operation
        self.context = context
        self.principal = principal
        self._bucket = bucket
        self.bucket_name = bucket_name
        self.key = key
        self.query = query
        self.headers = headers
        self.body = body
        self.host = host
        self.region = region
        self.signing_region = signing_region
        self.peer = peer
        self.now_ms = now_ms
        self.request_id = request_id

    @property
    def bucket(self) -> Bucket:
        """The bucket the request names; it existed when the request came."""
        if self._bucket is None:
            raise errors.InternalError
        return self._bucket

    @property
    def found_bucket(self) -> Bucket | None:
        """The bucket the request names; ``None`` for the service and for PutBucket, whose right is
        one of the caller's own account whoever has the name."""
        return self._bucket

    @property
    def version_id(self) -> str | None:
        """The ``versionId`` parameter, ``None`` when it is absent."""
        return self.query.get("versionId")


Handler = Callable[[Call], Awaitable[Answer]]


def xml_answer(document: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """A 200 answer with an XML body."""
    return Answer(headers={"Content-Type": XML_TYPE, **(headers or {})}, body=document)
