"""The condition keys of a request, each worked out when a policy asks for it.

(OSS authorization syntax, Condition; documented.) A listing's absent prefix and delimiter count as
empty, an absent ACL header as the default it stands for (inferred). A caller comes from a VPC if
the header of the setting ``oss.vpc_header`` says so; the connection is never encrypted. The source
identity of a session counts in every policy, not in trust policies alone (inferred).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from emulator.domain.errors import OssError
from emulator.domain.model import Bucket, ObjectVersion
from emulator.domain.ports import MetaView
from emulator.protocol.call import Call
from emulator.protocol.dates import iso_date, parse_iso_date
from emulator.protocol.object_headers import read_tagging_pairs
from emulator.protocol.object_headers.states import WORM_UNTIL
from emulator.protocol.settings.bucket_filter import read_bucket_filter
from emulator.protocol.settings.shape import tree_of
from emulator.protocol.settings.tags import tags_of

Values = tuple[str, ...]

NOTHING: Values = ()
REQUEST_TAG = "oss:RequestObjectTag/"
REMAINING_DAYS = "oss:object-remaining-retention-days"

_EXISTING_TAG, _BUCKET_TAG = "oss:ExistingObjectTag/", "oss:BucketTag/"
_DAY_MS = 86_400_000
# What is in the body of these is not known before they are handled.
_IN_BODY = {"PutObjectTagging": REQUEST_TAG, "PutObjectRetention": REMAINING_DAYS}


class RequestContext:
    """A context of ``access.policy.conditions``. It lives as long as its view.

    ``body_facts`` are the keys that the body of the request gives, once it is read.
    ``asked_of_body`` says that a policy asked for one of them.
    """

    __slots__ = (
        "_body_facts",
        "_bucket",
        "_call",
        "_in_body",
        "_version",
        "_view",
        "asked_of_body",
    )

    def __init__(
        self,
        call: Call,
        view: MetaView,
        bucket: Bucket | None,
        version: ObjectVersion | None,
        body_facts: Mapping[str, Values] | None = None,
    ) -> None:
        self._call = call
        self._view = view
        self._bucket = bucket
        self._version = version
        self._body_facts = body_facts
        self._in_body = _IN_BODY.get(call.operation.name)
        self.asked_of_body = False

    def get(self, key: str, default: Values = NOTHING, /) -> Values:
        """The values of a condition key, ``default`` where the request has none."""
        if self._in_body is not None and key.startswith(self._in_body):
            self.asked_of_body = True
            return (self._body_facts or {}).get(key, default)
        reader = _READERS.get(key)
        if reader is not None:
            return reader(self._call) or default
        if key.startswith(_EXISTING_TAG):
            tags = {} if self._version is None else self._version.tags
            return _value_of(tags, key.removeprefix(_EXISTING_TAG)) or default
        if key.startswith(REQUEST_TAG):
            pairs = read_tagging_pairs(self._call.headers.get("x-oss-tagging"))
            return _value_of(dict(pairs), key.removeprefix(REQUEST_TAG)) or default
        if key.startswith(_BUCKET_TAG):
            return _value_of(self._bucket_tags(), key.removeprefix(_BUCKET_TAG)) or default
        return default

    def _bucket_tags(self) -> Mapping[str, str | None]:
        """The tags of the bucket; of a request without one the tags it filters by."""
        if self._bucket is not None:
            return bucket_tags(self._view, self._bucket)
        try:
            return read_bucket_filter(self._call.query, self._call.headers).tags
        except OssError:  # the handler will say so
            return {}


def request_facts(call: Call) -> dict[str, Values]:
    """What every request gives, whatever it is about: for questions outside of OSS."""
    found = {name: reader(call) for name, reader in _READERS.items()}
    return {name: values for name, values in found.items() if values}


def bucket_tags(view: MetaView, bucket: Bucket) -> dict[str, str]:
    """The tags of a bucket."""
    stored = view.bucket_setting(bucket, "tagging")
    return dict(tags_of(tree_of(stored))) if stored else {}


def tagging_facts(pairs: list[tuple[str, str]]) -> dict[str, Values]:
    """The condition keys that the body of PutObjectTagging gives."""
    return {f"{REQUEST_TAG}{key}": (value,) for key, value in pairs}


def retention_facts(until_ms: int, now_ms: int) -> dict[str, Values]:
    """The condition key that the body of PutObjectRetention gives: days, begun ones counted
    (inferred)."""
    return {REMAINING_DAYS: (str(max(0, -((now_ms - until_ms) // _DAY_MS))),)}


def _value_of(tags: Mapping[str, str | None], key: str) -> Values:
    value = tags.get(key)
    return NOTHING if value is None else (value,)


def _header(name: str, absent: str) -> Callable[[Call], Values]:
    return lambda call: (call.headers.get(name, absent),)


def _parameter(name: str) -> Callable[[Call], Values]:
    return lambda call: (call.query.get(name, ""),)


def _vpc(call: Call) -> Values:
    return _if_any(call.headers.get(call.context.oss.vpc_header.lower(), ""))


def _if_any(value: str) -> Values:
    return (value,) if value else NOTHING


def _remaining_days(call: Call) -> Values:
    until_ms = parse_iso_date(call.headers.get(WORM_UNTIL, ""))
    return NOTHING if until_ms is None else retention_facts(until_ms, call.now_ms)[REMAINING_DAYS]


_READERS: Mapping[str, Callable[[Call], Values]] = {
    "acs:SourceIp": lambda call: (call.peer,),
    "acs:SourceVpc": _vpc,
    "acs:SecureTransport": lambda _: ("false",),
    "acs:CurrentTime": lambda call: (iso_date(call.now_ms),),
    "acs:UserAgent": _header("user-agent", ""),
    "acs:AccessId": lambda call: (call.principal.access_key_id,),
    "acs:SourceIdentity": lambda call: _if_any(call.principal.source_identity),
    "acs:MFAPresent": lambda _: ("false",),
    "oss:Prefix": _parameter("prefix"),
    "oss:Delimiter": _parameter("delimiter"),
    "oss:x-oss-acl": _header("x-oss-acl", "private"),
    "oss:x-oss-object-acl": _header("x-oss-object-acl", "default"),
    REMAINING_DAYS: _remaining_days,
}
