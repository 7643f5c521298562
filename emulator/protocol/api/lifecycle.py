"""Operations on the lifecycle rules of a bucket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Unpack

from emulator.domain import errors
from emulator.domain.lifecycle.calendar import midnight_ms
from emulator.domain.lifecycle.checks import RULES_MAX, check_configuration
from emulator.domain.lifecycle.document import configuration_of
from emulator.domain.lifecycle.scan import SETTING
from emulator.domain.lifecycle.settings import (
    delete_lifecycle,
    put_lifecycle,
    require_monitor_since_s,
)
from emulator.domain.ports import MetaTx, Rng
from emulator.protocol.api.buckets import read_document
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.object_headers import read_flag
from emulator.protocol.settings.shape import (
    Field,
    Occurrence,
    Tree,
    flag,
    group,
    group_in,
    groups_in,
    number,
    read_tree,
    text,
    text_in,
    tree_json,
    tree_of,
    tree_xml,
)

_OVERLAP = "x-oss-allow-same-action-overlap"
_MANY = 10 * RULES_MAX  # what is really too many has an error of its own
_GROUPS_WITH_TIMES = ("Expiration", "AbortMultipartUpload", "NoncurrentVersionExpiration")
_DAYS = ("Days", "NoncurrentDays")
_DATES = ("Date", "CreatedBeforeDate")
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_SHOWN_CHARS_MAX = 100


def _tag(**occurrence: Unpack[Occurrence]) -> Field:
    return group("Tag", text("Key", required=True), text("Value"), **occurrence)


def _move(tag: str, days: str) -> Field:
    return group(
        tag,
        text(days),
        text("CreatedBeforeDate"),
        text("StorageClass"),
        flag("IsAccessTime"),
        flag("ReturnToStdWhenVisit"),
        flag("AllowSmallFile"),
        many_max=_MANY,
    )


LIFECYCLE = group(
    "LifecycleConfiguration",
    group(
        "Rule",
        text("ID"),
        text("Prefix"),
        text("Status", required=True),
        _tag(many_max=_MANY),
        group(
            "Filter",
            number("ObjectSizeGreaterThan"),
            number("ObjectSizeLessThan"),
            group("Not", text("Prefix"), _tag(), many_max=_MANY),
        ),
        group(
            "Expiration",
            text("Days"),
            text("Date"),
            text("CreatedBeforeDate"),
            flag("ExpiredObjectDeleteMarker"),
        ),
        _move("Transition", "Days"),
        group("AbortMultipartUpload", text("Days"), text("CreatedBeforeDate")),
        group("NoncurrentVersionExpiration", text("NoncurrentDays")),
        _move("NoncurrentVersionTransition", "NoncurrentDays"),
        number("AtimeBase"),
        many_max=_MANY,
    ),
)


async def put_bucket_lifecycle(call: Call) -> Answer:
    """OSS PutBucketLifecycle; documented. Rules without an ID get one."""
    body = await read_document(call, LIFECYCLE.tag)
    if body is None:
        raise errors.MalformedXML("the body is empty")
    tree = read_tree(LIFECYCLE, body)
    rules = groups_in(tree, "Rule")
    for rule in rules:
        _complete(rule, call.context.rng)
    configuration = configuration_of(tree_json(tree))
    check_configuration(configuration, allow_overlap=read_flag(call.headers, _OVERLAP))
    bucket, hour, now_ms = call.bucket, call.context.oss.lifecycle_hour, call.now_ms

    def work(tx: MetaTx) -> None:
        if configuration.uses_access_time:
            since_s = require_monitor_since_s(tx, bucket)
            for rule, typed in zip(rules, configuration.rules, strict=True):
                if typed.uses_access_time:
                    rule["AtimeBase"] = since_s
        put_lifecycle(tx, bucket, tree_json(tree), now_ms, hour=hour)

    await call.context.store.write(work)
    return Answer()


def _complete(rule: Tree, rng: Rng) -> None:
    """Give a rule what OSS shows of it in any case: an ID, a prefix, dates in one form; and make
    numbers of its days. Raises InvalidArgument."""
    rule.pop("AtimeBase", None)
    rule["ID"] = rule.get("ID") or rng.uuid()
    rule.setdefault("Prefix", "")
    times = [group_in(rule, tag) for tag in _GROUPS_WITH_TIMES]
    for tag in ("Transition", "NoncurrentVersionTransition"):
        times += groups_in(rule, tag)
    for element in times:
        for tag in _DAYS:
            if tag in element:
                element[tag] = _number(tag, text_in(element, tag))
        for tag in _DATES:
            at_ms = midnight_ms(text_in(element, tag))
            if at_ms is not None:
                element[tag] = iso_date(at_ms)


def _number(tag: str, word: str) -> int:
    if _INTEGER.fullmatch(word) is None:
        raise errors.InvalidArgument(
            f"'{tag}' must be a positive integer.", name=tag, value=word[:_SHOWN_CHARS_MAX]
        )
    return int(word)


async def get_bucket_lifecycle(call: Call) -> Answer:
    """OSS GetBucketLifecycle; documented. Raises NoSuchLifecycle."""
    bucket = call.bucket
    with call.context.store.read() as view:
        document = view.bucket_setting(bucket, SETTING)
    if not document:
        raise errors.NoSuchLifecycle(bucket.name)
    return xml_answer(tree_xml(LIFECYCLE, tree_of(document)))


async def delete_bucket_lifecycle(call: Call) -> Answer:
    """OSS DeleteBucketLifecycle; documented."""
    bucket = call.bucket
    await call.context.store.write(lambda tx: delete_lifecycle(tx, bucket))
    return Answer(status=204)


HANDLERS: Mapping[str, Handler] = {
    "PutBucketLifecycle": put_bucket_lifecycle,
    "GetBucketLifecycle": get_bucket_lifecycle,
    "DeleteBucketLifecycle": delete_bucket_lifecycle,
}
