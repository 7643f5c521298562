"""What a bucket is, in one document."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain.model import Bucket
from emulator.protocol.api.redundancy_transitions import shown_redundancy
from emulator.protocol.api.service import endpoints, group_of
from emulator.protocol.api.settings import bucket_tree
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.settings.shape import Tree, group_in, text_in
from emulator.protocol.xml import XmlWriter

_SHOWN = ("accessmonitor", "encryption", "logging", "publicAccessBlock", "transferAcceleration")
_NOT_ENCRYPTED: Tree = {"SSEAlgorithm": "None"}
_ENCRYPTION = ("SSEAlgorithm", "KMSMasterKeyID", "KMSDataEncryption")


async def get_bucket_info(call: Call) -> Answer:
    """OSS GetBucketInfo: the bucket and what its settings make of it; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        settings = {name: bucket_tree(view, bucket, name) or {} for name in _SHOWN}
        group_id = group_of(view, bucket)
        redundancy = shown_redundancy(view, bucket, call.now_ms)
    public, internal = endpoints(bucket.region, call.context.oss.endpoint_suffix)
    accelerated = settings["transferAcceleration"].get("Enabled") is True
    blocked = settings["publicAccessBlock"].get("BlockPublicAccess") is True
    document = XmlWriter("BucketInfo")
    document.open("Bucket")
    document.element("AccessMonitor", text_in(settings["accessmonitor"], "Status") or "Disabled")
    document.flag("BlockPublicAccess", blocked)
    document.element("Comment")
    document.element("CreationDate", iso_date(bucket.created_ms))
    document.element("CrossRegionReplication", _state(bucket.records_changes))
    document.element("DataRedundancyType", redundancy.value)
    document.element("ExtranetEndpoint", public)
    document.element("IntranetEndpoint", internal)
    document.element("Location", bucket.location)
    document.element("Name", bucket.name)
    document.element("ResourceGroupId", group_id)
    document.element("StorageClass", bucket.storage_class.value)
    document.element("TransferAcceleration", _state(accelerated))
    document.optional("Versioning", bucket.versioning.value)
    _write_owner(document, bucket)
    _write_encryption(document, settings["encryption"])
    _write_logging(document, settings["logging"])
    return xml_answer(document.to_bytes())


def _state(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"


def _write_owner(document: XmlWriter, bucket: Bucket) -> None:
    document.open("Owner")
    document.element("DisplayName", bucket.owner_uid)
    document.element("ID", bucket.owner_uid)
    document.close()
    document.open("AccessControlList")
    document.element("Grant", bucket.acl.value)
    document.close()


def _write_encryption(document: XmlWriter, setting: Tree) -> None:
    rule = group_in(setting, "ApplyServerSideEncryptionByDefault") or _NOT_ENCRYPTED
    document.open("ServerSideEncryptionRule")
    for tag in _ENCRYPTION:
        document.optional(tag, text_in(rule, tag))
    document.close()


def _write_logging(document: XmlWriter, setting: Tree) -> None:
    target = group_in(setting, "LoggingEnabled")
    document.open("BucketPolicy")
    document.element("LogBucket", text_in(target, "TargetBucket"))
    document.element("LogPrefix", text_in(target, "TargetPrefix"))
    document.close()


HANDLERS: Mapping[str, Handler] = {"GetBucketInfo": get_bucket_info}
