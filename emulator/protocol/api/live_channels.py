"""Live channels: kept and listed. Nobody can push a stream to them here."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.domain.errors import InvalidChannelName, NoSuchLiveChannel
from emulator.domain.objects import live_bucket
from emulator.protocol.api.settings import bucket_tree, read_body
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.parameters import read_count
from emulator.protocol.settings.pages import page_of
from emulator.protocol.settings.shape import (
    Tree,
    group,
    group_in,
    number,
    text,
    text_in,
    tree_json,
    tree_of,
    tree_xml,
    write_tree,
)
from emulator.protocol.xml import XmlWriter
from emulator.replication.ports import ReplicationTx

SETTING = "live"
_NAME_BYTES = 64
_DESCRIPTION_BYTES_MAX = 128
_PAGE_DEFAULT, _PAGE_MAX = 100, 1000
_STATES = ("enabled", "disabled")
_DEFAULTS: Tree = {"FragDuration": 5, "FragCount": 3, "PlaylistName": "playlist.m3u8"}
_PLAYLIST_BYTES = range(6, 129)

_CHANNEL = group(
    "LiveChannelConfiguration",
    text("Description"),
    text("Status", *_STATES),
    group(
        "Target",
        text("Type", "HLS", required=True),
        number("FragDuration", 1, 100),
        number("FragCount", 1, 100),
        text("PlaylistName"),
        required=True,
    ),
    group(
        "Snapshot",
        text("RoleName"),
        text("DestBucket"),
        text("NotifyTopic"),
        number("Interval", 1, 100),
    ),
)
_URLS = (group("PublishUrls", text("Url")), group("PlayUrls", text("Url")))
_CREATED = group("CreateLiveChannelResult", *_URLS)
_LISTED = group(
    "LiveChannel",
    text("Name"),
    text("Description"),
    text("Status"),
    text("LastModified"),
    *_URLS,
)


async def put_live_channel(call: Call) -> Answer:
    """OSS PutLiveChannel; documented. One that is there is made anew.

    Raises InvalidChannelName, MalformedXML, InvalidArgument.
    """
    if len(call.key.encode()) >= _NAME_BYTES or "/" in call.key:
        raise InvalidChannelName
    tree = _with_defaults(await read_body(call, _CHANNEL))
    stored = {**tree, "LastModified": iso_date(call.now_ms)}

    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        tx.put_bucket_setting(bucket.id, SETTING, tree_json(stored), call.key)

    await call.context.store.write(work)
    return xml_answer(tree_xml(_CREATED, _urls(call, call.key, tree)))


def _with_defaults(tree: Tree) -> Tree:
    target = group_in(tree, "Target")
    playlist = text_in(target, "PlaylistName") or str(_DEFAULTS["PlaylistName"])
    description = text_in(tree, "Description")
    if len(playlist.encode()) not in _PLAYLIST_BYTES or not playlist.endswith(".m3u8"):
        raise _invalid("PlaylistName", playlist)
    if len(description.encode()) > _DESCRIPTION_BYTES_MAX:
        raise _invalid("Description", description)
    if ("FragDuration" in target) is not ("FragCount" in target):
        raise errors.MalformedXML("FragDuration and FragCount go together")
    status = text_in(tree, "Status") or _STATES[0]
    filled = {**_DEFAULTS, **target, "PlaylistName": playlist}
    return {**tree, "Description": description, "Status": status, "Target": filled}


def _invalid(name: str, value: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"The {name} is invalid.", name=name, value=value)


def _urls(call: Call, channel: str, tree: Tree) -> Tree:
    """Where to push and to play (the bucket under the host that was asked; observed)."""
    bucket, host = call.bucket.name, call.host
    host = host if host.startswith(f"{bucket}.") else f"{bucket}.{host}"
    playlist = text_in(group_in(tree, "Target"), "PlaylistName")
    return {
        "PublishUrls": {"Url": f"rtmp://{host}/live/{channel}"},
        "PlayUrls": {"Url": f"http://{host}/{channel}/{playlist}"},
    }


async def put_live_channel_status(call: Call) -> Answer:
    """OSS PutLiveChannelStatus; documented."""
    status = call.query["status"]
    if status not in _STATES:
        raise _invalid("status", status)

    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        tree = bucket_tree(tx, bucket, SETTING, call.key)
        if tree is None:
            raise NoSuchLiveChannel
        changed = tree_json({**tree, "Status": status})
        tx.put_bucket_setting(bucket.id, SETTING, changed, call.key)

    await call.context.store.write(work)
    return Answer()


async def get_live_channel_info(call: Call) -> Answer:
    """OSS GetLiveChannelInfo; documented."""
    tree = _read(call)
    tree.pop("LastModified")
    return xml_answer(tree_xml(_CHANNEL, tree))


async def get_live_channel_stat(call: Call) -> Answer:
    """OSS GetLiveChannelStat: Disabled or Idle; documented."""
    status = "Idle" if text_in(_read(call), "Status") == _STATES[0] else "Disabled"
    document = XmlWriter("LiveChannelStat")
    document.element("Status", status)
    return xml_answer(document.to_bytes())


async def get_live_channel_history(call: Call) -> Answer:
    """OSS GetLiveChannelHistory: always empty here."""
    _read(call)
    return xml_answer(XmlWriter("LiveChannelHistory").to_bytes())


def _read(call: Call) -> Tree:
    with call.context.store.read() as view:
        tree = bucket_tree(view, call.bucket, SETTING, call.key)
    if tree is None:
        raise NoSuchLiveChannel
    return tree


async def delete_live_channel(call: Call) -> Answer:
    """OSS DeleteLiveChannel: 204 also for one that is not there (inferred)."""

    def work(tx: ReplicationTx) -> None:
        tx.delete_bucket_setting(live_bucket(tx, call.bucket).id, SETTING, call.key)

    await call.context.store.write(work)
    return Answer(status=204)


async def list_live_channel(call: Call) -> Answer:
    """OSS ListLiveChannel; documented."""
    prefix, marker = call.query.get("prefix", ""), call.query.get("marker", "")
    limit = read_count(call.query, "max-keys", default=_PAGE_DEFAULT, most=_PAGE_MAX)
    with call.context.store.read() as view:
        items = view.bucket_setting_items(call.bucket, SETTING)
    page = page_of(items, limit=limit, after=marker, prefix=prefix)
    document = XmlWriter("ListLiveChannelResult")
    document.element("Prefix", prefix)
    document.element("Marker", marker)
    document.number("MaxKeys", limit)
    document.flag("IsTruncated", page.is_truncated)
    document.element("NextMarker", page.next_after)
    for name, stored in page.items:
        tree = tree_of(stored)
        shown = {tag: tree[tag] for tag in ("Description", "Status", "LastModified")}
        document.open(_LISTED.tag)
        write_tree(document, _LISTED, {"Name": name, **shown, **_urls(call, name, tree)})
        document.close()
    return xml_answer(document.to_bytes())


HANDLERS: Mapping[str, Handler] = {
    "PutLiveChannel": put_live_channel,
    "PutLiveChannelStatus": put_live_channel_status,
    "GetLiveChannelInfo": get_live_channel_info,
    "GetLiveChannelStat": get_live_channel_stat,
    "GetLiveChannelHistory": get_live_channel_history,
    "DeleteLiveChannel": delete_live_channel,
    "ListLiveChannel": list_live_channel,
}
