"""Which buckets ListBuckets is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from emulator.domain import errors
from emulator.protocol.settings.tags import TAGS_MAX

_GROUP = "x-oss-resource-group-id"
_PAIR = re.compile(r'"([^"]*)"(?::"([^"]*)")?(?:,|$)')


class BucketFilter(msgspec.Struct, frozen=True):
    """``group_id`` is ``""`` for any; every key of ``tags`` must be there, with its value unless
    that is ``None``."""

    group_id: str = ""
    tags: Mapping[str, str | None] = {}

    def passes(self, group_id: str, tags: Iterable[tuple[str, str]]) -> bool:
        """Whether a bucket of this group and with these tags is asked for."""
        if self.group_id not in ("", group_id):
            return False
        has = dict(tags)
        return all(
            key in has and (value is None or has[key] == value) for key, value in self.tags.items()
        )


def read_bucket_filter(query: Mapping[str, str], headers: Mapping[str, str]) -> BucketFilter:
    """``tag-key`` with or without ``tag-value``, ``tagging="k1":"v1","k2":"v2"``, and the header
    of a resource group (OSS ListBuckets; documented). Raises InvalidArgument."""
    tags = _read_tagging(query.get("tagging", ""))
    key, value = query.get("tag-key", ""), query.get("tag-value")
    if key:
        tags[key] = value
    elif value:
        raise errors.InvalidArgument("A tag-value needs a tag-key.", name="tag-value", value=value)
    return BucketFilter(headers.get(_GROUP, ""), tags)


def _read_tagging(text: str) -> dict[str, str | None]:
    tags: dict[str, str | None] = {}
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or not pair[1] or len(tags) == TAGS_MAX:
            raise errors.InvalidArgument("The tagging is invalid.", name="tagging", value=text)
        tags[pair[1]] = pair[2]
        at = pair.end()
    return tags
