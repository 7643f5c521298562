"""Operations on buckets: creating, deleting, ACL, versioning, policy."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.access.policy.faults import PolicyError
from emulator.access.policy.records import PolicyKind
from emulator.domain import buckets, errors, worm
from emulator.domain.buckets import BucketRequest
from emulator.domain.model import Bucket, Redundancy, StorageClass, Versioning
from emulator.domain.objects import live_bucket
from emulator.protocol.access_faults import policy_refusal
from emulator.protocol.api import live_channels
from emulator.protocol.authorisation import note_refusal
from emulator.protocol.body import check_digest
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.delivery import public_access
from emulator.protocol.object_headers import read_bucket_acl
from emulator.protocol.parameters import read_choice
from emulator.protocol.settings import resource_group
from emulator.protocol.settings.encryption import encryption_of_headers
from emulator.protocol.settings.shape import Tree, tree_json
from emulator.protocol.settings.tags import tags_of_header
from emulator.protocol.xml import Element, XmlWriter, read_xml
from emulator.replication.ports import ReplicationTx
from emulator.replication.regions import known_regions

_REGION_PREFIX = "oss-"
_NO_CLASS = "no such bucket storage class exists"
_HNS, _GROUP = "x-oss-hns-status", "x-oss-resource-group-id"
_TAGGING = "x-oss-bucket-tagging"
_BLOCKED = tree_json({"BlockPublicAccess": True})


async def read_document(call: Call, root: str) -> Element | None:
    """The XML body of a request, ``None`` when it is empty. Raises MalformedXML, InvalidDigest."""
    data = await call.body.read_document(call.context.wire.xml_bytes_max)
    check_digest(data, call.headers.get("content-md5"))
    if not data.strip():
        return None
    document = read_xml(data)
    if document.tag != root:
        raise errors.MalformedXML(f"the root element is not {root}")
    return document


async def put_bucket(call: Call) -> Answer:
    """OSS PutBucket; documented. The region comes from the Host, else ``LocationConstraint``,
    else the scope of a V4 signature, else the setting ``oss.default_region``."""
    name = call.bucket_name
    buckets.check_name(name)
    body = await read_document(call, "CreateBucketConfiguration")
    location = body.text_of("LocationConstraint").strip() if body is not None else ""
    asked = location.removeprefix(_REGION_PREFIX)
    if location and (not location.startswith(_REGION_PREFIX) or not asked):
        raise errors.InvalidLocationConstraint
    if asked and call.region and asked != call.region:
        raise errors.InvalidLocationConstraint
    region = call.region or asked or call.signing_region or call.context.oss.default_region
    if region not in known_regions():  # a bucket there could never replicate
        raise errors.InvalidLocationConstraint
    request = BucketRequest(
        name=name,
        owner_uid=call.principal.account_uid,
        region=region,
        acl=read_bucket_acl(call.headers),
        storage_class=_storage_class(body),
        redundancy=_redundancy(body),
    )
    settings = _first_settings(call.headers)
    oss = call.context.oss

    def work(tx: ReplicationTx) -> None:
        is_new = tx.bucket(name) is None
        bucket = buckets.put_bucket(tx, request, call.now_ms, buckets_max=oss.buckets_max)
        if is_new and oss.block_public_access_default:
            tx.put_bucket_setting(bucket.id, public_access.SETTING, _BLOCKED)
        for setting, tree in settings.items():
            tx.put_bucket_setting(bucket.id, setting, tree_json(tree))

    await call.context.store.write(work)
    return Answer(headers={"Location": f"/{name}"})


def _first_settings(headers: Mapping[str, str]) -> dict[str, Tree]:
    """The settings a bucket gets with PutBucket, also one that is there (inferred).

    Raises InvalidArgument, InvalidTag and its kin, ResourceGroupIdPreCheckError, and
    NotImplemented for the hierarchical namespace.
    """
    status = headers.get(_HNS, "disabled")
    if status not in ("enabled", "disabled"):
        raise errors.InvalidArgument(f"The {_HNS} is invalid.", name=_HNS, value=status)
    if status == "enabled":
        raise errors.NotImplemented(header=_HNS)
    settings: dict[str, Tree] = {}
    encryption = encryption_of_headers(headers)
    if encryption is not None:
        settings["encryption"] = encryption
    if _TAGGING in headers:
        settings["tagging"] = tags_of_header(headers[_TAGGING])
    if headers.get(_GROUP):
        group_id = resource_group.check_group_id(headers[_GROUP])
        settings[resource_group.NAME] = {"ResourceGroupId": group_id}
    return settings


def _storage_class(body: Element | None) -> StorageClass | None:
    text = body.text_of("StorageClass") if body is not None else ""
    if not text:
        return None
    return read_choice(StorageClass, text, name="StorageClass", message=_NO_CLASS)


def _redundancy(body: Element | None) -> Redundancy | None:
    text = body.text_of("DataRedundancyType") if body is not None else ""
    if not text:
        return None
    message = "no such data redundancy type exists"
    return read_choice(Redundancy, text, name="DataRedundancyType", message=message)


async def delete_bucket(call: Call) -> Answer:
    """OSS DeleteBucket; documented. A bucket under a replication rule may be deleted too, one
    with live channels not."""
    bucket = call.bucket

    def work(tx: ReplicationTx) -> None:
        if live_channels.SETTING in live_bucket(tx, bucket).setting_names:
            raise errors.BucketNotEmpty(bucket.name, ec="0015-00000301")
        buckets.delete_bucket(tx, bucket)

    await call.context.store.write(work)
    call.context.changed()
    return Answer(status=204)


async def get_bucket_location(call: Call) -> Answer:
    """OSS GetBucketLocation: the root element holds the text; documented."""
    document = XmlWriter("LocationConstraint")
    document.text(call.bucket.location)
    return xml_answer(document.to_bytes())


async def put_bucket_acl(call: Call) -> Answer:
    """OSS PutBucketAcl; documented."""
    bucket, acl = call.bucket, read_bucket_acl(call.headers)
    if acl is None:
        raise errors.MissingArgument(ec="0016-00000502")
    await call.context.store.write(lambda tx: buckets.set_acl(tx, bucket, acl))
    return Answer(headers={"Location": f"/{bucket.name}"})


async def get_bucket_acl(call: Call) -> Answer:
    """OSS GetBucketAcl; documented."""
    bucket = call.bucket
    return acl_answer(bucket, bucket.owner_uid, bucket.acl.value, {})


def acl_answer(bucket: Bucket, owner_uid: str, grant: str, headers: dict[str, str]) -> Answer:
    """The AccessControlPolicy document of a bucket or an object."""
    document = XmlWriter("AccessControlPolicy")
    document.open("Owner")
    document.element("ID", owner_uid)
    document.element("DisplayName", owner_uid)
    document.close()
    document.open("AccessControlList")
    document.element("Grant", grant)
    return xml_answer(document.to_bytes(), headers)


async def put_bucket_versioning(call: Call) -> Answer:
    """OSS PutBucketVersioning; documented. Refused while a replication rule exists (inferred)."""
    body = await read_document(call, "VersioningConfiguration")
    status = body.child("Status") if body is not None else None
    if status is None or status.text not in (Versioning.ENABLED, Versioning.SUSPENDED):
        raise errors.MalformedXML("Status must be Enabled or Suspended")  # observed
    state = Versioning(status.text)
    bucket, replication = call.bucket, call.context.replication

    def work(tx: ReplicationTx) -> None:
        replication.check_versioning_unlocked(tx, bucket)
        worm.check_versioning(tx, live_bucket(tx, bucket), state, call.now_ms)
        buckets.set_versioning(tx, bucket, state)

    await call.context.store.write(work)
    return Answer()


async def get_bucket_versioning(call: Call) -> Answer:
    """OSS GetBucketVersioning: an empty document if it was never set; documented."""
    document = XmlWriter("VersioningConfiguration")
    document.optional("Status", call.bucket.versioning.value)
    return xml_answer(document.to_bytes())


async def put_bucket_policy(call: Call) -> Answer:
    """OSS PutBucketPolicy: the document is kept exactly as it came; documented."""
    limit = call.context.oss.policy_bytes_max
    try:
        data = await call.body.read(limit)
    except errors.EntityTooLarge as error:
        raise errors.InvalidPolicyDocument(
            f"The bucket policy is larger than {limit} bytes.", ec="0030-00000001"
        ) from error
    check_digest(data, call.headers.get("content-md5"))
    try:
        text = data.decode()
        policy = call.context.policies.get(PolicyKind.BUCKET, text)
    except UnicodeDecodeError as error:
        raise errors.InvalidPolicyDocument(ec="0030-00000005") from error
    except PolicyError as error:
        raise policy_refusal(error) from error
    bucket = call.bucket

    def work(tx: ReplicationTx) -> None:
        try:
            public_access.refuse_public_policy(tx, live_bucket(tx, bucket), policy)
        except errors.AccessDenied as refused:
            note_refusal(call, refused)
            raise
        buckets.set_policy(tx, bucket, text)

    await call.context.store.write(work)
    return Answer()


async def get_bucket_policy(call: Call) -> Answer:
    """OSS GetBucketPolicy; documented."""
    if not call.bucket.policy:
        raise errors.NoSuchBucketPolicy(call.bucket.name, ec="0030-00000006")
    return Answer(headers={"Content-Type": "application/json"}, body=call.bucket.policy.encode())


async def delete_bucket_policy(call: Call) -> Answer:
    """OSS DeleteBucketPolicy: 204 whether or not there was one; documented."""
    bucket = call.bucket
    await call.context.store.write(lambda tx: buckets.set_policy(tx, bucket, ""))
    return Answer(status=204)


HANDLERS: Mapping[str, Handler] = {
    "PutBucket": put_bucket,
    "DeleteBucket": delete_bucket,
    "GetBucketLocation": get_bucket_location,
    "PutBucketAcl": put_bucket_acl,
    "GetBucketAcl": get_bucket_acl,
    "PutBucketVersioning": put_bucket_versioning,
    "GetBucketVersioning": get_bucket_versioning,
    "PutBucketPolicy": put_bucket_policy,
    "GetBucketPolicy": get_bucket_policy,
    "DeleteBucketPolicy": delete_bucket_policy,
}
