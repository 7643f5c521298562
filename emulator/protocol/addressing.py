"""From a raw request target and a Host value to bucket, key and query.

The bucket is split off before anything is decoded and the path is never normalised: OSS keys may
hold ``..``, ``//`` and escaped slashes, and each spelling that decodes to other bytes is another
object. (OSS endpoints and addressing styles; documented. Names under ``localhost``; ours.)
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec

from emulator.domain.errors import InvalidArgument, InvalidBucketName, InvalidObjectName
from emulator.protocol.operations import Level, Query, is_known_parameter

KEY_BYTES_MAX = 1023

_EMPTY_KEY_EC = "0016-00000001"
_KEY_LENGTH_EC = "0016-00000002"
_KEY_START_EC = "0016-00000005"
_BUCKET_NAME_EC = "0015-00000001"

_ALIYUN_DOMAIN = "aliyuncs.com"
# No Host value names more than this; longer ones are answered without being remembered.
_HOST_CHARS_MAX = 255

# Buckets made before underscores were forbidden may still be addressed (documented).
_ADDRESSABLE_BUCKET = re.compile(r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST_NAME = re.compile(r"[a-z0-9._-]*", re.ASCII)
_REGION_LABEL = re.compile(r"oss-([a-z]{2}(?:-[a-z0-9]+)+)", re.ASCII)
_ACCELERATE_LABELS = frozenset({"oss-accelerate", "oss-accelerate-overseas"})


class Style(Enum):
    """Where the bucket's name was found."""

    PATH = "path"
    VIRTUAL_HOST = "virtual-host"


class Target(msgspec.Struct, frozen=True, gc=False):
    """What a request addresses.

    ``bucket`` and ``key`` are empty where the request names none; ``region`` is the one the host
    names (``cn-hangzhou``) or empty; ``query`` keeps the order and tells ``?acl`` (None) from
    ``?acl=`` (empty).
    """

    bucket: str
    key: str
    query: Query
    region: str
    style: Style

    @property
    def level(self) -> Level:
        """Service, bucket or object."""
        if self.key:
            return Level.OBJECT
        return Level.BUCKET if self.bucket else Level.SERVICE


class _Place(msgspec.Struct, frozen=True, gc=False):
    """What a Host value alone says; ``bucket`` is None where the path has to name it."""

    bucket: str | None
    region: str


def read_target(raw_target: str, host: str, base_domains: tuple[str, ...]) -> Target:
    """Split a request target as it came over the wire.

    ``base_domains`` are the lower-case domains whose sub-domains name buckets, for example
    ``("localhost", "aliyuncs.com")``. An absolute-form target is read by ``host`` alone.

    Raises InvalidBucketName, InvalidObjectName, InvalidArgument (query or form of the target).
    """
    path, has_query, raw_query = raw_target.partition("?")
    if not path.startswith("/"):
        path = _path_of_absolute_form(path)
    place = _place_of_host(host, base_domains) if len(host) <= _HOST_CHARS_MAX else _NO_PLACE
    bucket = place.bucket
    if bucket is None:
        style = Style.PATH
        bucket, _, raw_key = path[1:].partition("/")
        if not bucket and raw_key:
            raise InvalidBucketName("", ec=_BUCKET_NAME_EC)
    else:
        style = Style.VIRTUAL_HOST
        raw_key = path[1:]
    if bucket and _ADDRESSABLE_BUCKET.fullmatch(bucket) is None:
        raise InvalidBucketName(bucket, ec=_BUCKET_NAME_EC)
    key = decode_key(raw_key) if raw_key else ""
    query = _read_query(raw_query) if has_query else ()
    return Target(bucket, key, query, place.region, style)


def decode_key(raw_key: str) -> str:
    """The key of its percent-encoded form, decoded once; ``+`` stays itself.

    Also for the key part of ``x-oss-copy-source`` and ``x-oss-symlink-target``. Raises
    InvalidObjectName.
    """
    if "%" in raw_key or not raw_key.isascii():
        decoded = _percent_decoded(raw_key)
        if decoded is None:
            raise InvalidObjectName(ec=_KEY_LENGTH_EC)
        raw_key = decoded
    validate_object_key(raw_key)
    return raw_key


def validate_object_key(key: str) -> None:
    """Raise InvalidObjectName unless an object may have this (decoded) key.

    (OSS object naming: 1 to 1023 bytes of UTF-8, no leading slash or backslash; documented. NUL is
    refused by us: it survives no listing.)
    """
    if not key:
        raise InvalidObjectName("The object name can not be empty.", ec=_EMPTY_KEY_EC)
    if key[0] in "/\\" or "\0" in key:
        raise InvalidObjectName(ec=_KEY_START_EC)
    if len(key) * 4 > KEY_BYTES_MAX and _utf8_bytes(key) > KEY_BYTES_MAX:
        raise InvalidObjectName(
            f"The length of object name must be less than {KEY_BYTES_MAX + 1}.", ec=_KEY_LENGTH_EC
        )


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _percent_decoded(text: str) -> str | None:
    """The decoded text, or None for a broken escape or bytes that are not UTF-8."""
    if _BAD_ESCAPE.search(text) is not None:
        return None
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeError:
        return None


def _path_of_absolute_form(target: str) -> str:
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        raise InvalidArgument("The request target is not valid.")
    return "/" + rest.partition("/")[2]


def _read_query(raw_query: str) -> Query:
    pairs: list[tuple[str, str | None]] = []
    for part in raw_query.split("&"):
        if not part:
            continue
        name, equals, value = part.partition("=")
        pairs.append((_query_text(name), _query_text(value) if equals else None))
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        _refuse_doubled(pairs)
    return tuple(pairs)


def _query_text(raw: str) -> str:
    """Decoded text of a query. ``+`` is a space there: the vendor's Python client sends and signs
    it so (observed); in paths it stays itself."""
    if "%" not in raw and "+" not in raw and raw.isascii():
        return raw
    decoded = _percent_decoded(raw.replace("+", " "))
    if decoded is None:
        raise InvalidArgument("The query string is not percent-encoded UTF-8.")
    return decoded


def _refuse_doubled(pairs: list[tuple[str, str | None]]) -> None:
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen and is_known_parameter(name):
            raise InvalidArgument(
                f"The parameter {name} is given more than once.", name=name, value=value or ""
            )
        seen.add(name)


_NO_PLACE = _Place(None, "")


@lru_cache(maxsize=1024)
def _place_of_host(host: str, base_domains: tuple[str, ...]) -> _Place:
    """Read a Host value: name or address, in any case, with or without port and final dot."""
    name = _without_port(host.strip().lower()).removesuffix(".")
    if _HOST_NAME.fullmatch(name) is None or _is_address(name):
        return _NO_PLACE
    for domain in sorted(base_domains, key=len, reverse=True):
        if name == domain:
            return _NO_PLACE
        if name.endswith("." + domain):
            labels = name.removesuffix("." + domain).split(".")
            return _place_of_labels(labels, is_aliyun=domain == _ALIYUN_DOMAIN)
    return _NO_PLACE


def _place_of_labels(labels: list[str], *, is_aliyun: bool) -> _Place:
    """Read what stands before the base domain: ``[bucket.][s3.]endpoint`` or ``bucket``."""
    region, bucket_labels = _without_endpoint(labels, is_aliyun=is_aliyun)
    if bucket_labels is None:
        # Other services of the same domain are no buckets.
        return _NO_PLACE if is_aliyun else _Place(".".join(labels) or None, "")
    if bucket_labels[-1:] == ["s3"]:
        bucket_labels = bucket_labels[:-1]
    return _Place(".".join(bucket_labels) or None, region)


def _without_endpoint(labels: list[str], *, is_aliyun: bool) -> tuple[str, list[str] | None]:
    """The endpoint's region and the labels before it; None if there is no endpoint.

    A label ``oss-xx-...`` with a two-letter ``xx`` is an endpoint everywhere, so that a world may
    have regions nobody has heard of; ``oss-data.localhost`` is the bucket ``oss-data``.
    """
    last = labels[-1]
    endpoint = _REGION_LABEL.fullmatch(last.removesuffix("-internal"))
    if endpoint is not None:
        return endpoint[1], labels[:-1]
    if last in _ACCELERATE_LABELS:
        return "", labels[:-1]
    if last == "oss":
        # `<region>.oss.aliyuncs.com` is the dual-stack endpoint; under other domains one label
        # before `oss` is the bucket, because nothing tells it from a region.
        if len(labels) > 1 and (is_aliyun or len(labels) > 2) and labels[-2] != "s3":
            return labels[-2], labels[:-2]
        return "", labels[:-1]
    return "", None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, _ = host.partition(":")
    # More than one colon is an address that lacks its brackets.
    return name if colon and host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
