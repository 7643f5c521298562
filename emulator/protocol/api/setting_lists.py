"""What the table of settings does not say: lists, deleting some tags, what nobody can put."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain.errors import NoSuchInventory
from emulator.domain.objects import live_bucket
from emulator.protocol.api.settings import bucket_tree
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.settings import shapes
from emulator.protocol.settings.pages import page_of
from emulator.protocol.settings.qos import USER_LIMITS
from emulator.protocol.settings.shape import tree_json, tree_of, tree_xml, write_tree
from emulator.protocol.settings.tags import tags_of, without_tags
from emulator.protocol.xml import XmlWriter
from emulator.replication.ports import ReplicationTx

_INVENTORIES_OF_A_PAGE = 100
_TAGGING = "tagging"


async def list_bucket_inventory(call: Call) -> Answer:
    """OSS ListBucketInventory: a hundred at a time; NoSuchInventory when there are none
    (documented; the echo of the token: vendor's client)."""
    bucket, token = call.bucket, call.query.get("continuation-token", "")
    with call.context.store.read() as view:
        items = view.bucket_setting_items(bucket, "inventory")
    if not items:
        raise NoSuchInventory(bucket.name)
    page = page_of(items, after=token, limit=_INVENTORIES_OF_A_PAGE)
    document = XmlWriter("ListInventoryConfigurationsResult")
    for _, stored in page.items:
        document.open(shapes.INVENTORY.tag)
        write_tree(document, shapes.INVENTORY, tree_of(stored))
        document.close()
    document.optional("ContinuationToken", token)
    document.flag("IsTruncated", page.is_truncated)
    document.optional("NextContinuationToken", page.next_after)
    return xml_answer(document.to_bytes())


async def list_style(call: Call) -> Answer:
    """OSS ListStyle: all of them, by name; documented."""
    with call.context.store.read() as view:
        items = view.bucket_setting_items(call.bucket, "style")
    document = XmlWriter("StyleList")
    for _, stored in items:
        document.open(shapes.STYLE.tag)
        write_tree(document, shapes.STYLE, tree_of(stored))
        document.close()
    return xml_answer(document.to_bytes())


async def delete_bucket_tags(call: Call) -> Answer:
    """OSS DeleteBucketTags: all tags, or those that ``?tagging=k1,k2`` names; documented."""
    bucket, keys = call.bucket, call.query[_TAGGING]

    def work(tx: ReplicationTx) -> None:
        live = live_bucket(tx, bucket)
        stored = bucket_tree(tx, live, _TAGGING)
        left = without_tags(stored, keys) if stored and keys else {}
        if tags_of(left):
            tx.put_bucket_setting(live.id, _TAGGING, tree_json(left))
        else:
            tx.delete_bucket_setting(live.id, _TAGGING)

    await call.context.store.write(work)
    return Answer(status=204)


async def get_user_qos_info(call: Call) -> Answer:
    """OSS GetUserQosInfo: what the account may use in a region; documented."""
    region = call.region or call.signing_region or call.context.oss.default_region
    return xml_answer(tree_xml(shapes.USER_QOS, {"Region": f"oss-{region}", **USER_LIMITS}))


HANDLERS: Mapping[str, Handler] = {
    "ListBucketInventory": list_bucket_inventory,
    "ListStyle": list_style,
    "DeleteBucketTags": delete_bucket_tags,
    "GetUserQosInfo": get_user_qos_info,
}
