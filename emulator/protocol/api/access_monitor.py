"""Operations on the access monitor of a bucket."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.domain.access_times import (
    ENABLED,
    SETTING,
    put_access_monitor,
    stop_access_monitor,
)
from emulator.protocol.api.buckets import read_document
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.settings.shape import group, read_tree, text, tree_json, tree_xml

_DISABLED = "Disabled"
ACCESS_MONITOR = group(
    "AccessMonitorConfiguration", text("Status", ENABLED, _DISABLED, required=True)
)


async def put_bucket_access_monitor(call: Call) -> Answer:
    """OSS PutBucketAccessMonitor; documented. Raises AccessMonitorDisableNotAllowed."""
    body = await read_document(call, ACCESS_MONITOR.tag)
    if body is None:
        raise errors.MalformedXML("the body is empty")
    tree, bucket, now_ms = read_tree(ACCESS_MONITOR, body), call.bucket, call.now_ms
    if tree["Status"] == ENABLED:
        document = tree_json(tree)
        await call.context.store.write(lambda tx: put_access_monitor(tx, bucket, document, now_ms))
    else:
        await call.context.store.write(lambda tx: stop_access_monitor(tx, bucket))
    return Answer()


async def get_bucket_access_monitor(call: Call) -> Answer:
    """OSS GetBucketAccessMonitor: ``Disabled`` where nobody enabled it; documented."""
    status = ENABLED if SETTING in call.bucket.setting_names else _DISABLED
    return xml_answer(tree_xml(ACCESS_MONITOR, {"Status": status}))


HANDLERS: Mapping[str, Handler] = {
    "PutBucketAccessMonitor": put_bucket_access_monitor,
    "GetBucketAccessMonitor": get_bucket_access_monitor,
}
