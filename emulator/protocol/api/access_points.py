"""Access points: names with a policy and a block of their own. They are kept and shown; requests
that are sent to an access point's host are not taken."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from emulator.domain import errors
from emulator.domain.errors import NoSuchAccessPoint
from emulator.domain.model import Bucket
from emulator.domain.objects import live_bucket
from emulator.protocol.api.settings import bucket_tree, read_body
from emulator.protocol.body import check_digest
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.parameters import read_count
from emulator.protocol.settings import shapes
from emulator.protocol.settings.pages import Item, page_of
from emulator.protocol.settings.shape import (
    Field,
    Tree,
    group,
    group_in,
    text,
    text_in,
    tree_json,
    tree_of,
    tree_xml,
    write_tree,
)
from emulator.protocol.xml import XmlWriter
from emulator.replication.ports import ReplicationTx, ReplicationView

SETTING, POLICIES = "accessPoint", "accessPointPolicy"
_NAME = "x-oss-access-point-name"
_FORM = re.compile(r"[a-z0-9][a-z0-9-]{1,17}[a-z0-9]", re.ASCII)
_OF_BUCKET_MAX = 100
_PAGE_DEFAULT, _PAGE_MAX = 100, 1000
_POLICY_BYTES_MAX = 16 * 1024
_ENABLED = "enable"
_BLOCK = "PublicAccessBlockConfiguration"

_VPC = group("VpcConfiguration", text("VpcId", required=True))
_REQUEST = group(
    "CreateAccessPointConfiguration",
    text("AccessPointName", required=True),
    text("NetworkOrigin", "internet", "vpc", required=True),
    _VPC,
)
_CREATED = group("CreateAccessPointResult", text("AccessPointArn"), text("Alias"))
_POINT = group(
    "GetAccessPointResult",
    text("AccessPointName"),
    text("Bucket"),
    text("AccountId"),
    text("NetworkOrigin"),
    _VPC,
    text("AccessPointArn"),
    text("CreationDate"),
    text("Alias"),
    text("Status"),
    group("Endpoints", text("PublicEndpoint"), text("InternalEndpoint")),
    shapes.PUBLIC_ACCESS_BLOCK,
)
_LISTED: Field = group(
    "AccessPoint",
    text("Bucket"),
    text("AccessPointName"),
    text("Alias"),
    text("NetworkOrigin"),
    _VPC,
    text("Status"),
)


async def create_access_point(call: Call) -> Answer:
    """OSS CreateAccessPoint; documented. Usable at once; the name is free once in an account and
    region (which error says that it is not; inferred)."""
    sent = await read_body(call, _REQUEST)
    name, origin = text_in(sent, "AccessPointName"), text_in(sent, "NetworkOrigin")
    if not _FORM.fullmatch(name):
        raise _invalid_name(name)
    if (origin == "vpc") is not bool(text_in(group_in(sent, "VpcConfiguration"), "VpcId")):
        raise errors.MalformedXML("VpcConfiguration goes with the network origin vpc")
    digits = call.context.rng.hex(32)

    def work(tx: ReplicationTx) -> Tree:
        bucket = live_bucket(tx, call.bucket)
        if _is_taken(tx, bucket, name):
            raise _invalid_name(name)
        if len(tx.bucket_setting_items(bucket, SETTING)) >= _OF_BUCKET_MAX:
            raise errors.InvalidArgument(
                "The bucket has more access points than allowed.",
                name="AccessPointName",
                value=name,
            )
        tree = _new(bucket, name, digits, call) | sent
        tx.put_bucket_setting(bucket.id, SETTING, tree_json(tree), name)
        return tree

    tree = await call.context.store.write(work)
    return xml_answer(tree_xml(_CREATED, {each.tag: tree[each.tag] for each in _CREATED.fields}))


def _invalid_name(name: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        "The access point name is invalid or taken.", name="AccessPointName", value=name
    )


def _is_taken(view: ReplicationView, bucket: Bucket, name: str) -> bool:
    return any(
        other.owner_uid == bucket.owner_uid
        and other.region == bucket.region
        and view.bucket_setting(other, SETTING, name)
        for other in view.buckets_with_setting(SETTING)
    )


def _new(bucket: Bucket, name: str, digits: str, call: Call) -> Tree:
    suffix = call.context.oss.endpoint_suffix
    host = f"{name}-{bucket.owner_uid}.{bucket.location}"
    return {
        "Bucket": bucket.name,
        "AccountId": bucket.owner_uid,
        "AccessPointArn": f"acs:oss:{bucket.region}:{bucket.owner_uid}:accesspoint/{name}",
        "CreationDate": str(call.now_ms // 1000),
        "Alias": f"{name}-{digits}-ossalias",
        "Status": _ENABLED,
        "Endpoints": {
            "PublicEndpoint": f"{host}.oss-accesspoint.{suffix}",
            "InternalEndpoint": f"{host}-internal.oss-accesspoint.{suffix}",
        },
        _BLOCK: {"BlockPublicAccess": False},
    }


def _find(view: ReplicationView, bucket: Bucket, call: Call) -> Tree:
    """The access point a header or a parameter names. Raises NoSuchAccessPoint."""
    name = call.query.get(_NAME) or call.headers.get(_NAME, "")
    tree = bucket_tree(view, bucket, SETTING, name)
    if tree is None:
        raise NoSuchAccessPoint
    return tree


async def get_access_point(call: Call) -> Answer:
    """OSS GetAccessPoint; documented."""
    with call.context.store.read() as view:
        tree = _find(view, call.bucket, call)
    return xml_answer(tree_xml(_POINT, tree))


async def delete_access_point(call: Call) -> Answer:
    """OSS DeleteAccessPoint, with its policy; documented."""

    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        name = text_in(_find(tx, bucket, call), "AccessPointName")
        tx.delete_bucket_setting(bucket.id, SETTING, name)
        tx.delete_bucket_setting(bucket.id, POLICIES, name)

    await call.context.store.write(work)
    return Answer(status=204)


async def list_bucket_access_points(call: Call) -> Answer:
    """OSS ListAccessPoints of a bucket; documented."""
    with call.context.store.read() as view:
        items = view.bucket_setting_items(call.bucket, SETTING)
    return _listing(call, items, call.bucket.owner_uid)


async def list_access_points(call: Call) -> Answer:
    """OSS ListAccessPoints of an account, in the order of their names; documented."""
    uid = call.principal.account_uid
    with call.context.store.read() as view:
        items = [
            item
            for bucket in view.buckets_with_setting(SETTING)
            if bucket.owner_uid == uid
            for item in view.bucket_setting_items(bucket, SETTING)
        ]
    return _listing(call, sorted(items), uid)


def _listing(call: Call, items: list[Item], account_uid: str) -> Answer:
    limit = read_count(call.query, "max-keys", default=_PAGE_DEFAULT, most=_PAGE_MAX)
    page = page_of(items, limit=limit, after=call.query.get("continuation-token", ""))
    document = XmlWriter("ListAccessPointsResult")
    document.flag("IsTruncated", page.is_truncated)
    document.optional("NextContinuationToken", page.next_after)
    document.element("AccountId", account_uid)
    document.number("MaxKeys", limit)
    document.open("AccessPoints")
    for _, stored in page.items:
        tree = tree_of(stored)
        document.open(_LISTED.tag)
        shown = {each.tag: tree[each.tag] for each in _LISTED.fields if each.tag in tree}
        write_tree(document, _LISTED, shown)
        document.close()
    return xml_answer(document.to_bytes())


async def put_access_point_policy(call: Call) -> Answer:
    """OSS PutAccessPointPolicy: kept as it came, and not evaluated. Raises
    InvalidPolicyDocument for what is no JSON object."""
    try:
        data = await call.body.read(_POLICY_BYTES_MAX)
    except errors.EntityTooLarge as error:
        raise errors.InvalidPolicyDocument from error
    check_digest(data, call.headers.get("content-md5"))
    try:
        msgspec.json.decode(data, type=dict[str, object])
        document = data.decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise errors.InvalidPolicyDocument(ec="0030-00000005") from error

    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        name = text_in(_find(tx, bucket, call), "AccessPointName")
        tx.put_bucket_setting(bucket.id, POLICIES, document, name)

    await call.context.store.write(work)
    return Answer()


async def get_access_point_policy(call: Call) -> Answer:
    """OSS GetAccessPointPolicy; documented (the code when there is none; inferred)."""
    bucket = call.bucket
    with call.context.store.read() as view:
        name = text_in(_find(view, bucket, call), "AccessPointName")
        document = view.bucket_setting(bucket, POLICIES, name)
    if not document:
        raise errors.NoSuchBucketPolicy(bucket.name)
    return Answer(headers={"Content-Type": "application/json"}, body=document.encode())


async def delete_access_point_policy(call: Call) -> Answer:
    """OSS DeleteAccessPointPolicy; documented."""

    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        name = text_in(_find(tx, bucket, call), "AccessPointName")
        tx.delete_bucket_setting(bucket.id, POLICIES, name)

    await call.context.store.write(work)
    return Answer(status=204)


async def put_block(call: Call) -> Answer:
    """OSS PutAccessPointPublicAccessBlock; documented."""
    await _set_block(call, await read_body(call, shapes.PUBLIC_ACCESS_BLOCK))
    return Answer()


async def get_block(call: Call) -> Answer:
    """OSS GetAccessPointPublicAccessBlock; documented."""
    with call.context.store.read() as view:
        tree = group_in(_find(view, call.bucket, call), _BLOCK)
    return xml_answer(tree_xml(shapes.PUBLIC_ACCESS_BLOCK, tree))


async def delete_block(call: Call) -> Answer:
    """OSS DeleteAccessPointPublicAccessBlock; documented."""
    await _set_block(call, {"BlockPublicAccess": False})
    return Answer(status=204)


async def _set_block(call: Call, block: Tree) -> None:
    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        tree = _find(tx, bucket, call) | {_BLOCK: block}
        name = text_in(tree, "AccessPointName")
        tx.put_bucket_setting(bucket.id, SETTING, tree_json(tree), name)

    await call.context.store.write(work)


HANDLERS: Mapping[str, Handler] = {
    "CreateAccessPoint": create_access_point,
    "GetAccessPoint": get_access_point,
    "DeleteAccessPoint": delete_access_point,
    "ListBucketAccessPoints": list_bucket_access_points,
    "ListAccessPoints": list_access_points,
    "PutAccessPointPolicy": put_access_point_policy,
    "GetAccessPointPolicy": get_access_point_policy,
    "DeleteAccessPointPolicy": delete_access_point_policy,
    "PutAccessPointPublicAccessBlock": put_block,
    "GetAccessPointPublicAccessBlock": get_block,
    "DeleteAccessPointPublicAccessBlock": delete_block,
}
