"""Tasks that turn a bucket's data from locally to zone-redundant. No data move here: a task only
passes through its states as time goes by."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.domain.errors import BucketDataRedundancyTransitionTaskNotExist
from emulator.domain.model import Bucket, Redundancy
from emulator.domain.objects import live_bucket
from emulator.protocol.api.settings import bucket_tree
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.parameters import read_count
from emulator.protocol.settings.pages import Page, page_of
from emulator.protocol.settings.shape import (
    Tree,
    group,
    number,
    text,
    tree_json,
    tree_of,
    tree_xml,
    write_tree,
)
from emulator.protocol.xml import XmlWriter
from emulator.replication.ports import ReplicationTx, ReplicationView

SETTING = "redundancyTransition"
_TARGET, _TASK_ID = "x-oss-target-redundancy-type", "x-oss-redundancy-transition-taskid"
_PAGE_DEFAULT = _PAGE_MAX = 100
_STARTS_AFTER_MS, _TAKES_MS = 60_000, 3_600_000  # hours to days at the service (inferred)
_TASK = group(
    "BucketDataRedundancyTransition",
    text("Bucket"),
    text("TaskId"),
    text("Status"),
    text("CreateTime"),
    text("StartTime"),
    text("EndTime"),
    number("ProcessPercentage"),
    number("EstimatedRemainingTime"),
)


def task_tree(bucket_name: str, task_id: str, created_ms: int, now_ms: int) -> Tree:
    """A task as it is shown at an instant (OSS GetBucketDataRedundancyTransition; documented).

    It waits a minute and takes an hour (inferred).
    """
    tree: Tree = {"Bucket": bucket_name, "TaskId": task_id, "CreateTime": iso_date(created_ms)}
    starts_ms = created_ms + _STARTS_AFTER_MS
    ends_ms = starts_ms + _TAKES_MS
    if now_ms < starts_ms:
        return {**tree, "Status": "Queueing"}
    tree["StartTime"] = iso_date(starts_ms)
    if now_ms >= ends_ms:
        return {**tree, "Status": "Finished", "EndTime": iso_date(ends_ms)} | {
            "ProcessPercentage": 100,
            "EstimatedRemainingTime": 0,
        }
    return {
        **tree,
        "Status": "Processing",
        "ProcessPercentage": (now_ms - starts_ms) * 100 // _TAKES_MS,
        "EstimatedRemainingTime": -(-(ends_ms - now_ms) // 3_600_000),  # hours
    }


def shown_redundancy(view: ReplicationView, bucket: Bucket, now_ms: int) -> Redundancy:
    """The redundancy of a bucket once its tasks are taken into account."""
    for _, stored in view.bucket_setting_items(bucket, SETTING):
        if _created_ms(stored) + _STARTS_AFTER_MS + _TAKES_MS <= now_ms:
            return Redundancy.ZRS
    return bucket.redundancy


def _created_ms(stored: str) -> int:
    created_ms = tree_of(stored)["created_ms"]
    assert isinstance(created_ms, int)
    return created_ms


async def create_task(call: Call) -> Answer:
    """OSS CreateBucketDataRedundancyTransition: to ZRS only; documented. A second task while one
    is there is the same task (inferred)."""
    target = call.query.get(_TARGET, "")
    if target != Redundancy.ZRS or call.bucket.redundancy is Redundancy.ZRS:
        raise errors.InvalidArgument(
            "The target redundancy type is invalid.", name=_TARGET, value=target
        )
    new_id = call.context.rng.hex(32)

    def work(tx: ReplicationTx) -> str:
        bucket = live_bucket(tx, call.bucket)
        for task_id, _ in tx.bucket_setting_items(bucket, SETTING):
            return task_id
        tx.put_bucket_setting(bucket.id, SETTING, tree_json({"created_ms": call.now_ms}), new_id)
        return new_id

    task_id = await call.context.store.write(work)
    return xml_answer(tree_xml(_TASK, {"TaskId": task_id}))


async def get_task(call: Call) -> Answer:
    """OSS GetBucketDataRedundancyTransition; documented."""
    bucket, task_id = call.bucket, call.query[_TASK_ID]
    with call.context.store.read() as view:
        stored = view.bucket_setting(bucket, SETTING, task_id)
    if not stored:
        raise BucketDataRedundancyTransitionTaskNotExist(bucket.name)
    tree = task_tree(bucket.name, task_id, _created_ms(stored), call.now_ms)
    return xml_answer(tree_xml(_TASK, tree))


async def delete_task(call: Call) -> Answer:
    """OSS DeleteBucketDataRedundancyTransition; documented."""
    task_id = call.query[_TASK_ID]

    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        if bucket_tree(tx, bucket, SETTING, task_id) is None:
            raise BucketDataRedundancyTransitionTaskNotExist(bucket.name)
        tx.delete_bucket_setting(bucket.id, SETTING, task_id)

    await call.context.store.write(work)
    return Answer(status=204)


async def list_tasks(call: Call) -> Answer:
    """OSS ListBucketDataRedundancyTransition; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        items = view.bucket_setting_items(bucket, SETTING)
    return _listing(call, [(task_id, bucket.name, stored) for task_id, stored in items])


async def list_tasks_of_account(call: Call) -> Answer:
    """OSS ListUserDataRedundancyTransition: of every bucket of the account; documented."""
    uid = call.principal.account_uid
    with call.context.store.read() as view:
        tasks = [
            (task_id, bucket.name, stored)
            for bucket in view.buckets_with_setting(SETTING)
            if bucket.owner_uid == uid
            for task_id, stored in view.bucket_setting_items(bucket, SETTING)
        ]
    return _listing(call, sorted(tasks))


def _listing(call: Call, tasks: list[tuple[str, str, str]]) -> Answer:
    limit = read_count(call.query, "max-keys", default=_PAGE_DEFAULT, most=_PAGE_MAX)
    after = call.query.get("continuation-token", "")
    buckets = {task_id: bucket_name for task_id, bucket_name, _ in tasks}
    page: Page = page_of([(task, stored) for task, _, stored in tasks], limit=limit, after=after)
    document = XmlWriter("ListBucketDataRedundancyTransition")
    document.flag("IsTruncated", page.is_truncated)
    document.optional("NextContinuationToken", page.next_after)
    for task_id, stored in page.items:
        tree = task_tree(buckets[task_id], task_id, _created_ms(stored), call.now_ms)
        document.open(_TASK.tag)
        write_tree(document, _TASK, tree)
        document.close()
    return xml_answer(document.to_bytes())


HANDLERS: Mapping[str, Handler] = {
    "CreateBucketDataRedundancyTransition": create_task,
    "GetBucketDataRedundancyTransition": get_task,
    "DeleteBucketDataRedundancyTransition": delete_task,
    "ListBucketDataRedundancyTransition": list_tasks,
    "ListUserDataRedundancyTransition": list_tasks_of_account,
}
