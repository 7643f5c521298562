"""Answering a request as a static website: the decisions of ``website``, carried out.

The object is looked for first, because rules may ask for the status it gives; then come, in this
order, routing rules, the index of a sub-directory, the error page (OSS PutBucketWebsite;
documented). Everything is read with the right of the caller. Signed requests see a listing at the
root and errors as they are; only a missing key with a final slash shows them the index (observed).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

import msgspec

from emulator.access.identity import PrincipalKind
from emulator.domain.errors import MirrorFailed, NoSuchKey, OssError
from emulator.domain.model import Bucket
from emulator.protocol.authorisation import authorise
from emulator.protocol.call import Answer, Call
from emulator.protocol.delivery.website import (
    Action,
    Asked,
    Place,
    SubDirectory,
    Website,
    index_key,
    matching_rule,
    route_of,
    sub_directory_key,
)
from emulator.protocol.errors import wire_error
from emulator.protocol.operations import Operation, operation_named

Serve = Callable[[Call], Awaitable[Answer]]

SETTING = "website"

_MISSING = 404
_READS = {"GET": operation_named("GetObject"), "HEAD": operation_named("HeadObject")}
_ROOTS = frozenset({operation_named("ListObjects"), operation_named("HeadBucket")})
_OBJECTS = frozenset(_READS.values())
# A root with one of these is a listing that somebody asks for (inferred).
_OF_LISTINGS = frozenset(
    {"prefix", "marker", "delimiter", "max-keys", "encoding-type", "list-type"}
)
# Of the request for the page itself: they do not apply to the error page in its place.
_OF_THE_CONTENT = ("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


def is_visit(bucket: Bucket, operation: Operation, call: Call) -> bool:
    """Whether a request is one that a website answers."""
    if SETTING not in bucket.setting_names:
        return False
    anonymous = call.principal.kind is PrincipalKind.ANONYMOUS
    if operation in _ROOTS:
        return anonymous and _OF_LISTINGS.isdisjoint(call.query)
    return operation in _OBJECTS and call.version_id is None and (anonymous or call.key[-1] == "/")


async def answer_visit(website: Website, call: Call, base: str, serve: Serve) -> Answer:
    """Answer as the website; ``base`` is the path before its keys.

    Raises what the request would be answered with where the website has nothing to say.
    """
    visit = _Visit(website, call, serve)
    if call.principal.kind is not PrincipalKind.ANONYMOUS:
        return await visit.signed()
    place = Place(call.host, base, urlencode(call.query, quote_via=quote))
    return await visit.anonymous(place)


class _Visit:
    """One request to a website."""

    def __init__(self, website: Website, call: Call, serve: Serve) -> None:
        self._website = website
        self._call = call
        self._serve = serve

    async def signed(self) -> Answer:
        """The object, or the index where it is missing."""
        call, index = self._call, index_key(self._website, self._call.key)
        try:
            return await self._answer(call)
        except NoSuchKey:
            if not index:
                raise
            found = await self._page(index, bare=False)
            if found is None:
                raise
            return found

    async def anonymous(self, place: Place) -> Answer:
        """The object or the index, a redirection, or the error page."""
        website, call = self._website, self._call
        index = index_key(website, call.key)
        found: Answer | OssError
        try:
            found = await self._answer(_with_key(call, index, bare=False) if index else call)
        except OssError as error:
            found = error
        rule = matching_rule(website, Asked(call.key, call.headers, _status_of(found)))
        if rule is not None:
            if isinstance(found, Answer) and found.stream is not None:
                await found.stream.aclose()
            route = route_of(rule, call.key, place)
            match route.action:
                case Action.REDIRECT:
                    return Answer(status=route.status, headers={"Location": route.location})
                case Action.MIRROR:
                    raise MirrorFailed
                case Action.SERVE:
                    return await self._answer(_with_key(call, route.key, bare=False))
        if isinstance(found, Answer):
            return found
        if _status_of(found) == _MISSING:
            instead = await self._sub_directory(place.base) or await self._error_page()
            if instead is not None:
                return instead
        raise found

    async def _sub_directory(self, base: str) -> Answer | None:
        """What a missing ``key`` is when there is an index at ``key/``."""
        key, index = self._call.key, sub_directory_key(self._website, self._call.key)
        found = await self._page(index, bare=False) if index else None
        if found is None or self._website.sub_directories is SubDirectory.SERVE:
            return found
        if found.stream is not None:
            await found.stream.aclose()
        return Answer(status=302, headers={"Location": f"{base}/{quote(key)}/"})

    async def _error_page(self) -> Answer | None:
        """The error page under its status."""
        key = self._website.error_key
        page = await self._page(key, bare=True) if key else None
        return page and msgspec.structs.replace(page, status=self._website.error_status)

    async def _page(self, key: str, *, bare: bool) -> Answer | None:
        """A page of the website, None where it is missing or not for the caller's eyes."""
        try:
            return await self._answer(_with_key(self._call, key, bare=bare))
        except OssError as error:
            if _status_of(error) in (403, _MISSING):
                return None
            raise

    async def _answer(self, call: Call) -> Answer:
        with call.context.store.read() as view:
            authorise(call, view)
        return await self._serve(call)


def _status_of(found: Answer | OssError) -> int:
    if isinstance(found, Answer):
        return found.status
    wire = wire_error(type(found))
    return 500 if wire is None else wire.status


def _with_key(call: Call, key: str, *, bare: bool) -> Call:
    """The same request for another object; ``bare`` leaves range and conditions out."""
    headers = dict(call.headers)
    if bare:
        for name in _OF_THE_CONTENT:
            headers.pop(name, None)
    return Call(
        operation=_READS["HEAD" if call.operation.method == "HEAD" else "GET"],
        context=call.context,
        principal=call.principal,
        bucket=call.bucket,
        bucket_name=call.bucket_name,
        key=key,
        query=call.query,
        headers=headers,
        body=call.body,
        host=call.host,
        region=call.region,
        signing_region=call.signing_region,
        peer=call.peer,
        now_ms=call.now_ms,
        request_id=call.request_id,
    )
