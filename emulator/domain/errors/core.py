"""One class per OSS error code the emulator can answer.

The docstring of a class is the message clients see; ``fields`` are the extra elements of the
error body in the order they are written. The HTTP status and the default ``EC`` number of each
class live in ``protocol.errors``, because only the wire needs them. ``ec`` may be given where the
documentation pairs one code with several numbers and the raiser knows which one applies.
"""

from __future__ import annotations

from collections.abc import Mapping


class OssError(Exception):
    """We encountered an internal error. Please try again."""

    def __init__(
        self,
        message: str = "",
        *,
        ec: str = "",
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.ec = ec
        self.headers = dict(headers or {})
        self.fields = dict(fields or {})
        self.detail = dict(detail or {})  # rendered as one AccessDeniedDetail element
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The OSS error code, equal to the class name."""
        return type(self).__name__


# --- the server -----------------------------------------------------------------------------


class InternalError(OssError):
    """We encountered an internal error. Please try again."""


class ServiceUnavailable(OssError):
    """Please reduce your request rate."""


class StorageError(Exception):
    """A write could not be stored. Nothing of it is kept; clients are told ServiceUnavailable."""


class StorageFull(StorageError):
    """There is no space left. Writing works again once there is."""


class StorageFailed(StorageError):
    """The disk did not keep what it was given. Nothing is written any more until a restart."""


class BlobUnreadable(Exception):
    """Stored content is missing or shorter than its record: InternalError, or a cut answer."""


# --- requests that cannot be understood -----------------------------------------------------


class InvalidArgument(OssError):
    """The argument is invalid."""

    def __init__(self, message: str = "", *, name: str = "", value: str = "", ec: str = "") -> None:
        fields = {"ArgumentName": name, "ArgumentValue": value} if name else {}
        super().__init__(message, ec=ec, fields=fields)


class MissingArgument(OssError):
    """Missing Some Required Arguments."""


class InvalidParameter(OssError):
    """The specified parameter is not valid."""


class InvalidRequest(OssError):
    """The request is invalid."""


class BadRequest(OssError):
    """The request is invalid."""


class NotImplemented(OssError):
    """A header you provided implies functionality that is not implemented."""

    def __init__(self, message: str = "", *, header: str = "") -> None:
        super().__init__(message, fields={"Header": header} if header else {})


class MethodNotAllowed(OssError):
    """The specified method is not allowed against this resource."""

    def __init__(self, *, method: str, resource: str, allow: str, ec: str = "") -> None:
        super().__init__(
            ec=ec, headers={"Allow": allow}, fields={"Method": method, "ResourceType": resource}
        )


class OperationNotSupported(OssError):
    """The operation is not supported for this resource."""


class MalformedXML(OssError):
    """The XML you provided was not well-formed or did not validate against our published schema."""

    def __init__(self, detail: str = "", *, ec: str = "") -> None:
        super().__init__(ec=ec, fields={"ErrorDetail": detail} if detail else {})


class MissingContentLength(OssError):
    """You must provide the Content-Length HTTP header."""


class RequestTimeout(OssError):
    """Your socket connection to the server was not read from or written to within the timeout
    period.
    """


class IncompleteBody(OssError):
    """The request body terminated unexpectedly."""


class EntityTooLarge(OssError):
    """Your proposed upload exceeds the maximum allowed size."""


class EntityTooSmall(OssError):
    """Your proposed upload is smaller than the minimum allowed size."""


class InvalidDigest(OssError):
    """The Content-MD5 you specified was invalid."""


class InvalidCRC64(OssError):
    """The x-oss-hash-crc64ecma you specified did not match what we received."""


# --- signatures and identities --------------------------------------------------------------


class AccessDenied(OssError):
    """AccessDenied"""


class NoPermission(OssError):
    """You are not authorized to do this action."""


class InvalidAccessKeyId(OssError):
    """The OSS Access Key Id you provided does not exist in our records."""

    def __init__(self, access_key_id: str = "", message: str = "", *, ec: str = "") -> None:
        super().__init__(message, ec=ec, fields={"OSSAccessKeyId": access_key_id})


class SignatureDoesNotMatch(OssError):
    """The request signature we calculated does not match the signature you provided. Check your
    key and signing method.
    """


class RequestTimeTooSkewed(OssError):
    """The difference between the request time and the current time is too large."""


class InvalidSecurityToken(OssError):
    """The security token you provided is invalid."""


class SecurityTokenExpired(OssError):
    """The security token you provided has expired."""


class AccessKeyIdAndSecurityTokenNotMatch(OssError):
    """The access key id and security token you provided do not match."""


# --- buckets --------------------------------------------------------------------------------


class _BucketError(OssError):
    """An error that names the bucket it is about."""

    def __init__(self, bucket: str, message: str = "", *, ec: str = "") -> None:
        super().__init__(message, ec=ec, fields={"BucketName": bucket})


class InvalidBucketName(_BucketError):
    """The specified bucket is not valid."""


class NoSuchBucket(_BucketError):
    """The specified bucket does not exist."""


class BucketAlreadyExists(_BucketError):
    """The requested bucket name is not available. The bucket namespace is shared by all users of
    the system. Please select a different name and try again.
    """


class BucketNotEmpty(_BucketError):
    """The bucket has objects. Please delete them first."""


class TooManyBuckets(OssError):
    """You have attempted to create more buckets than allowed."""


class InvalidLocationConstraint(OssError):
    """The specified location-constraint is not valid."""


class InvalidBucketStatus(_BucketError):
    """The bucket status does not allow this operation."""


class NoSuchBucketPolicy(_BucketError):
    """The specified bucket policy does not exist."""


class InvalidPolicyDocument(OssError):
    """The content of the policy is invalid."""


class NoSuchLifecycle(_BucketError):
    """No Row found in Lifecycle Table."""


class AccessMonitorDisableNotAllowed(OssError):
    """The access monitor cannot be disabled while a lifecycle rule goes by access time."""


# --- objects --------------------------------------------------------------------------------


class InvalidObjectName(OssError):
    """The specified object is not valid."""


class NoSuchKey(OssError):
    """The specified key does not exist."""

    def __init__(self, key: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers=headers, fields={"Key": key})


class NoSuchVersion(OssError):
    """The specified version does not exist."""

    def __init__(self, key: str, version_id: str) -> None:
        super().__init__(fields={"Key": key, "VersionId": version_id})


class NotModified(OssError):
    """Not Modified"""


class PreconditionFailed(OssError):
    """At least one of the pre-conditions you specified did not hold."""

    def __init__(self, condition: str) -> None:
        super().__init__(fields={"Condition": condition})


class InvalidRange(OssError):
    """The requested range cannot be satisfied."""


class FileAlreadyExists(OssError):
    """The object you specified already exists and can not be overwritten."""


class InvalidObjectState(OssError):
    """The operation is not valid for the object's state."""


class InvalidTag(OssError):
    """The tag you provided is invalid."""


class UserKeyMustBeSpecified(OssError):
    """The bucket POST must contain the specified field name. If it is specified, check the order
    of the fields.
    """


class InvalidEncryptionAlgorithmError(OssError):
    """The encryption algorithm you specified is not supported.
    Supported values: AES256, KMS, SM4."""


class InvalidDataEncryptionAlgorithmError(OssError):
    """The data encryption algorithm you specified is not supported. Supported value: SM4."""


# --- replication ----------------------------------------------------------------------------


class NoSuchReplicationConfiguration(_BucketError):
    """The bucket you specified does not have replication configuration"""


class NoSuchReplicationRule(_BucketError):
    """The BucketReplicationRule you specified does not exist"""


class NoReplicationRule(OssError):
    """No replication rule specified"""


class TooManyReplicationRules(OssError):
    """OSS only support one replication rule now"""


class InvalidTargetBucket(OssError):
    """The target bucket you specified is invalid for bucket replication"""


class InvalidTargetLocation(OssError):
    """The target bucket you specified does not locate in the target location"""


class BadReplicationLocation(OssError):
    """The replication location you specified is invalid"""


class BucketReplicationAlreadyExist(OssError):
    """The bucket replication you specified already exists"""


class TooManyOutgoingReplication(OssError):
    """The bucket has more outgoing replication than allowed"""


class TooManyIncomingReplication(OssError):
    """The bucket has more incoming replication than allowed"""


class TooManyPrefixes(OssError):
    """The number of prefixes of the replication rule is beyond the limit"""


class TooManyFilterObjectTags(OssError):
    """The number of filter object tags of the replication rule is beyond the limit"""


class ReplicationLocationNotSupportRtc(OssError):
    """The replication location you specified does not support RTC"""


class BucketReplicationNotSupportRtc(OssError):
    """The replication rule you specified does not support RTC"""


class BucketReplicationInClosingStatus(OssError):
    """The replication rule you specified is being closed"""


class NoReplicationLocation(OssError):
    """The bucket you specified does not have corresponding replication location"""


class VersioningLocked(InvalidBucketStatus):
    """The versioning state cannot be changed while the bucket has a replication rule."""

    # The service's code is not published; a class of its own because its HTTP status is 409
    # where InvalidBucketStatus is 400 (both inferred).
    code = "InvalidBucketStatus"
