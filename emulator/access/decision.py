"""What a permission check is about and what it answers."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from emulator.access.policy.conditions import EMPTY_CONTEXT, ContextReader
from emulator.access.policy.records import NamedPolicy, StatementRef


class Acl(enum.StrEnum):
    """Canned access control lists; ``default`` is for objects only: the bucket's applies."""

    DEFAULT = "default"
    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"


class OperationClass(enum.Enum):
    """Which ACL grant may stand in for a missing policy; ``MANAGEMENT`` has none.

    (OSS, bucket ACL; documented.)
    """

    DATA_READ = "data-read"
    DATA_WRITE = "data-write"
    LIST = "list"
    MANAGEMENT = "management"


class BucketFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a check needs to know of the bucket; ``policy`` carries the bucket's name."""

    owner_uid: str
    acl: Acl = Acl.PRIVATE
    policy: NamedPolicy | None = None
    public_blocked: bool = False


class AccessCheck(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """May someone do ``action`` on ``resource``?

    ``bucket`` is None for calls on the service as a whole, which concern the caller's own account.
    ``object_acl`` is None where there is no object. ``batch`` marks a part of a batch call.
    """

    action: str
    resource: str
    operation: OperationClass
    bucket: BucketFacts | None
    object_acl: Acl | None = None
    context: ContextReader = EMPTY_CONTEXT
    batch: bool = False


class DecisionReason(enum.Enum):
    """What decided."""

    OWNER = "the bucket belongs to the caller"
    IDENTITY_POLICY_ALLOW = "a RAM policy allows it"
    BUCKET_POLICY_ALLOW = "the bucket policy allows it"
    OBJECT_ACL_ALLOW = "the object ACL allows it"
    BUCKET_ACL_ALLOW = "the bucket ACL allows it"
    SESSION_POLICY = "the session policy does not allow it"
    IDENTITY_POLICY_DENY = "a RAM policy denies it"
    BUCKET_POLICY_DENY = "the bucket policy denies it"
    BOTH_POLICIES_DENY = "a RAM policy and the bucket policy deny it"
    ANONYMOUS = "anonymous callers may not do it"
    NO_ALLOW = "no policy of the caller's account allows it"
    NOT_OWNER = "the bucket belongs to another account and nothing there allows it"


class Decision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The answer; of a denial also what OSS tells the client.

    ``ec`` is empty where no number is documented. ``denied_detail`` holds the children of
    AccessDeniedDetail in order, and is empty where OSS shows none.
    """

    allowed: bool
    reason: DecisionReason
    statement: StatementRef | None = None
    ec: str = ""
    message: str = ""
    denied_detail: Mapping[str, str] = {}
