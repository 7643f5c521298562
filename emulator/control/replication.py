"""Replication as JSON: ``replication/rules``, ``tasks``, ``rtc`` and ``retry``."""

from __future__ import annotations

import msgspec
from aiohttp import web

from emulator.control.json import ControlError, answer, read_fields
from emulator.control.query import read_limit, read_number, read_query
from emulator.replication.desk import BadPlace, ReplicationDesk, TaskFilter
from emulator.replication.model import TaskState

_LIMIT, _LIMIT_MAX = 100, 1000


class RetryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``POST replication/retry`` takes; nothing: everything that was refused."""

    bucket: str = ""
    rule: str = ""
    key: str | None = None


def get_rules(desk: ReplicationDesk, request: web.BaseRequest) -> web.Response:
    """``GET replication/rules[?bucket=][&rule=][&after=][&limit=]``: rules with their figures."""
    query = read_query(request, ("bucket", "rule", "after", "limit"))
    bucket, rule = _rule(query)
    after_uid = read_number(query, "after", 0)
    return answer(desk.rules(bucket, rule, after_uid, read_limit(query, _LIMIT, _LIMIT_MAX)))


def get_rtc(desk: ReplicationDesk, request: web.BaseRequest) -> web.Response:
    """``GET replication/rtc[?bucket=][&rule=]``: what became of the promise of time control."""
    query = read_query(request, ("bucket", "rule"))
    return answer({"rules": desk.rtc(*_rule(query))})


def get_tasks(desk: ReplicationDesk, request: web.BaseRequest) -> web.Response:
    """``GET replication/tasks[?bucket=][&rule=][&key=][&state=][&after=][&limit=]``: stored tasks,
    page by page."""
    query = read_query(request, ("bucket", "rule", "key", "state", "after", "limit"))
    bucket, rule = _rule(query)
    key = query.get("key")
    _check_key(bucket, key)
    state = query.get("state")
    if state is not None and state not in list(TaskState):
        known = ", ".join(TaskState)
        raise ControlError(400, f"there is no state {state!r}", f"states: {known}")
    wanted = TaskFilter(
        bucket=bucket, rule=rule, key=key, state=None if state is None else TaskState(state)
    )
    limit = read_limit(query, _LIMIT, _LIMIT_MAX)
    try:
        return answer(desk.tasks(wanted, query.get("after", ""), limit))
    except BadPlace as error:
        raise ControlError(
            400, "after is not what a page has given", "pass next_after of the page before as it is"
        ) from error


async def post_retry(
    desk: ReplicationDesk, request: web.BaseRequest, deadline_s: float
) -> web.Response:
    """``POST replication/retry``: what was refused is due now."""
    wanted = await read_fields(request, RetryRequest, deadline_s)
    bucket, rule = _rule({"bucket": wanted.bucket, "rule": wanted.rule})
    _check_key(bucket, wanted.key)
    return answer(await desk.retry(bucket, rule, wanted.key))


def _rule(query: dict[str, str]) -> tuple[str, str]:
    """Bucket and rule. Raises ControlError for a rule without its bucket."""
    bucket, rule = query.get("bucket", ""), query.get("rule", "")
    if rule and not bucket:
        raise ControlError(
            400,
            "a rule is found by its source bucket: bucket is needed",
            f"bucket=src-bucket&rule={rule}",
        )
    return bucket, rule


def _check_key(bucket: str, key: str | None) -> None:
    if key is None:
        return
    if not key:
        raise ControlError(400, "the key is empty", "leave key out for all keys")
    if not bucket:
        raise ControlError(400, "a key is of a bucket: bucket is needed")
