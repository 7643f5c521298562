"""Tags of buckets: their limits, and the header that carries them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from emulator.domain import errors
from emulator.domain.errors import RepeatedTags, TooManyTags
from emulator.protocol.settings.shape import Tree, group_in, groups_in, text_in

TAGS_MAX = 20
_KEY_BYTES_MAX, _VALUE_BYTES_MAX = 64, 128
_RESERVED = ("http://", "https://", "Aliyun")
_HEADER = "x-oss-bucket-tagging"


def check_tags(tree: Tree) -> Tree:
    """At most twenty different keys within their limits (OSS PutBucketTags; documented).

    Raises TooManyTags, RepeatedTags, InvalidTag.
    """
    return tags_tree(tags_of(tree))


def tags_of(tree: Tree) -> list[tuple[str, str]]:
    """The keys and values of a Tagging document."""
    listed = groups_in(group_in(tree, "TagSet"), "Tag")
    return [(text_in(tag, "Key"), text_in(tag, "Value")) for tag in listed]


def tags_tree(pairs: Iterable[tuple[str, str]]) -> Tree:
    """The Tagging document of these tags. Raises as ``check_tags``."""
    listed = list(pairs)
    if len(listed) > TAGS_MAX:
        raise TooManyTags
    if len({key for key, _ in listed}) < len(listed):
        raise RepeatedTags
    for key, value in listed:
        if not key or key.startswith(_RESERVED):
            raise errors.InvalidTag
        if len(key.encode()) > _KEY_BYTES_MAX or len(value.encode()) > _VALUE_BYTES_MAX:
            raise errors.InvalidTag("The tag key or value is too long.")
    tags = [{"Key": key, "Value": value} for key, value in listed]
    return {"TagSet": {"Tag": tags}} if tags else {"TagSet": {}}


def tags_of_header(header: str) -> Tree:
    """The document of ``x-oss-bucket-tagging``: URL-encoded ``key=value`` pairs joined by ``&``
    (OSS PutBucket; documented). Raises InvalidArgument and as ``check_tags``."""
    pairs = [part.partition("=") for part in header.split("&")] if header else []
    return tags_tree([(_decoded(key, header), _decoded(value, header)) for key, _, value in pairs])


def _decoded(part: str, header: str) -> str:
    try:
        return unquote_to_bytes(part.replace("+", " ")).decode()
    except UnicodeError as error:
        raise errors.InvalidArgument(
            "The bucket tagging is not URL-encoded UTF-8.", name=_HEADER, value=header
        ) from error


def without_tags(tree: Tree, keys: str) -> Tree:
    """What is left when ``k1,k2`` go (OSS DeleteBucketTags; documented)."""
    gone = frozenset(keys.split(","))
    return tags_tree([(key, value) for key, value in tags_of(tree) if key not in gone])
