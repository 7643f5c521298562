"""Object tags in headers and documents."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, unquote_to_bytes

from emulator.domain import errors
from emulator.domain.model import encode_strings

_TAGS_MAX, _TAG_KEY_BYTES_MAX, _TAG_VALUE_BYTES_MAX = 10, 128, 256
_TAG_TEXT = re.compile(r"[\w +\-=.:/]*", re.UNICODE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read_tagging(header: str | None) -> str:
    """Object tags from ``x-oss-tagging``, a URL-encoded query string, as ``tags_json``.

    Raises InvalidArgument for what is no such string or names a key twice, InvalidTag for tags
    beyond the limits.
    """
    if not header:
        return ""
    pairs = read_tagging_pairs(header)
    keys = {key for key, _ in pairs}
    if len(keys) < len(pairs) or "" in keys or not _is_encoded_utf8(header):
        raise errors.InvalidArgument(
            "The header 'x-oss-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
            "parameters without tag name duplicates.",
            name="x-oss-tagging",
            value=header,
            ec="0010-00000219",
        )
    return tags_json(pairs)


def _is_encoded_utf8(text: str) -> bool:
    if _BAD_ESCAPE.search(text):
        return False
    try:
        unquote_to_bytes(text).decode()
    except UnicodeError:
        return False
    return True


def read_tagging_pairs(header: str | None) -> list[tuple[str, str]]:
    """The keys and values of an ``x-oss-tagging`` header, unchecked."""
    if not header:
        return []
    parts = [part.partition("=") for part in header.split("&")]
    return [(unquote_plus(key), unquote_plus(value)) for key, _, value in parts]


def tags_json(pairs: list[tuple[str, str]]) -> str:
    """Checked tags as text; ``""`` for none (OSS PutObjectTagging; documented). InvalidTag."""
    if len(pairs) > _TAGS_MAX:
        raise errors.InvalidTag("The number of tags is beyond the limit.")
    for key, value in pairs:
        if not key or not (_TAG_TEXT.fullmatch(key) and _TAG_TEXT.fullmatch(value)):
            raise errors.InvalidTag
        if len(key.encode()) > _TAG_KEY_BYTES_MAX or len(value.encode()) > _TAG_VALUE_BYTES_MAX:
            raise errors.InvalidTag("The tag key or value is too long.")
    if len({key for key, _ in pairs}) < len(pairs):
        raise errors.InvalidTag("The tag keys must be unique.")
    return encode_strings(dict(pairs)) if pairs else ""
