"""What the shape of an inventory cannot say."""

from __future__ import annotations

from emulator.domain import errors
from emulator.domain.errors import InventoryAlreadyExist, InventoryExceedLimit, MalformedXML
from emulator.domain.model import StorageClass
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.shape import Tree, group_in, text_in, texts_in

INVENTORIES_MAX = 1000
_FIELDS = frozenset(
    {
        "Size",
        "LastModifiedDate",
        "ETag",
        "StorageClass",
        "IsMultipartUploaded",
        "EncryptionStatus",
        "ObjectAcl",
        "TaggingCount",
        "ObjectType",
        "Crc64",
        "SequenceNumber",
        "RecordType",
        "RecordTimestamp",
        "Requester",
        "RequestId",
        "SourceIp",
        "Key",
        "VersionId",
        "IsDeleteMarker",
    }
)
_CLASSES = frozenset({"All", *(each.value for each in StorageClass)})
_ID_CHARS_MAX = 128


def check_inventory(tree: Tree) -> Tree:
    """Known fields and classes, a numeric account, one way to encrypt.

    (OSS PutBucketInventory; documented. That the classes come back sorted; observed.) Raises
    InvalidArgument, MalformedXML.
    """
    destination = group_in(group_in(tree, "Destination"), "OSSBucketDestination")
    account = text_in(destination, "AccountId")
    if not (account.isascii() and account.isdigit()):
        raise _invalid("AccountId", account, "0020-00000028")
    encryption = group_in(destination, "Encryption")
    if len(encryption) > 1:
        raise MalformedXML("Encryption holds more than one method")
    for part in (tree, group_in(tree, "IncrementalInventory")):
        for field in texts_in(group_in(part, "OptionalFields"), "Field"):
            if field not in _FIELDS:
                raise _invalid("Field", field, "0020-00000036")
    return _with_sorted_classes(tree)


def _with_sorted_classes(tree: Tree) -> Tree:
    given = group_in(tree, "Filter")
    listed = text_in(given, "StorageClass")
    if not listed:
        return tree
    classes = listed.split(",")
    if not _CLASSES.issuperset(classes):
        raise _invalid("StorageClass", listed, "0020-00000026")
    return {**tree, "Filter": {**given, "StorageClass": ",".join(sorted(classes))}}


def admit_inventory(asked: Asked, tree: Tree) -> Tree:
    """The id of the query is that of the document, and new to the bucket (documented).

    Raises InvalidArgument, InventoryAlreadyExist, InventoryExceedLimit.
    """
    if not asked.item or len(asked.item) > _ID_CHARS_MAX or text_in(tree, "Id") != asked.item:
        raise _invalid("inventoryId", asked.item, "0020-00000043")
    if asked.before is not None:
        raise InventoryAlreadyExist(asked.bucket.name)
    if asked.count >= INVENTORIES_MAX:
        raise InventoryExceedLimit(asked.bucket.name)
    return tree


def _invalid(name: str, value: str, ec: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"The {name} is invalid.", name=name, value=value, ec=ec)
