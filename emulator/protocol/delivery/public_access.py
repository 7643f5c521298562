"""Block Public Access: of an account and of a bucket; the stricter one counts.

(OSS Block Public Access; documented.) While it is on, public ACLs and public policy statements
that exist count for nothing, and new ones are refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from emulator.access.policy.public import is_public
from emulator.access.policy.records import Policy
from emulator.domain.documents import reader_of
from emulator.domain.errors import AccessDenied
from emulator.domain.model import Bucket
from emulator.domain.ports import MetaView
from emulator.protocol.operations import Operation

SETTING = "publicAccessBlock"

_EC = "0016-00000901"
_OBJECT_ACL, _BUCKET_ACL = "x-oss-object-acl", "x-oss-acl"
_PUBLIC = frozenset({"public-read", "public-read-write"})
# Which header of which operation grants; on others it means nothing.
_GRANTING_HEADERS: Mapping[str, str] = {
    "PutBucket": _BUCKET_ACL,
    "PutBucketAcl": _BUCKET_ACL,
    "AppendObject": _OBJECT_ACL,
    "CompleteMultipartUpload": _OBJECT_ACL,
    "CopyObject": _OBJECT_ACL,
    "InitiateMultipartUpload": _OBJECT_ACL,
    "PutObject": _OBJECT_ACL,
    "PutObjectAcl": _OBJECT_ACL,
    "PutSymlink": _OBJECT_ACL,
}


class _Document(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    block_public_access: bool = False


_read = reader_of(_Document)


def is_blocked(view: MetaView, bucket: Bucket) -> bool:
    """Whether public access to the bucket is blocked, by itself or by its owner's account."""
    own = _read(view.bucket_setting(bucket, SETTING))
    return own.block_public_access or is_account_blocked(view, bucket.owner_uid)


def is_account_blocked(view: MetaView, account_uid: str) -> bool:
    """Whether public access to everything of an account is blocked."""
    return _read(view.account_setting(account_uid, SETTING)).block_public_access


def granting_header(operation: Operation, headers: Mapping[str, str]) -> str:
    """The ACL header by which a request grants to the public, ``""`` if it does not."""
    name = _GRANTING_HEADERS.get(operation.name, "")
    return name if name and headers.get(name) in _PUBLIC else ""


def public_acl_refusal(header: str) -> AccessDenied:
    """What is answered to a request that grants by this header (the numbers of the bucket's ACL
    and policy are inferred from the object's)."""
    what = "object" if header == _OBJECT_ACL else "bucket"
    return AccessDenied(f"Put public {what} acl is not allowed", ec=_EC)


def refuse_public_policy(view: MetaView, bucket: Bucket, policy: Policy) -> None:
    """Raise AccessDenied if the policy is public and public access is blocked."""
    if is_public(policy) and is_blocked(view, bucket):
        raise AccessDenied("Put public bucket policy is not allowed", ec=_EC)
