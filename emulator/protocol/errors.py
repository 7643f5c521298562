"""How errors look on the wire: status and EC number of each code, and the XML body.

This is the one place where errors are answered. Rows are named after the classes of
``domain.errors``; a class may answer with the code of another and a status of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple

from emulator.domain.errors import InternalError, NotModified, OssError
from emulator.protocol.xml.writer import DECLARATION, escape_visible

XML_TYPE = "application/xml"
_ADVICE_URL = "https://api.aliyun.com/troubleshoot?q="


class WireError(NamedTuple):
    """The HTTP status of a code, and its EC number where it has a single one."""

    status: int
    ec: str = ""


# Codes of one status whose number depends on the cause, or is not known, by status. A code
# stands here before its class exists, so that adding a class is one edit.
_CODES_BY_STATUS: Mapping[int, str] = {
    304: "NotModified",
    400: """
        AccessMonitorDisableNotAllowed AppendSealedObjectNotAllowed BadReplicationLocation
        BadRequest BucketReplicationInClosingStatus BucketReplicationNotSupportRtc
        CORSRuleBeyondLimit EntityTooLarge EntityTooSmall FieldItemTooLong IncompleteBody
        IncorrectNumberOfFilesInPOSTRequest InlineDataTooLarge InvalidArgument
        InvalidBucketStatus InvalidCRC64 InvalidChannelName InvalidDataEncryptionAlgorithmError
        InvalidDigest InvalidEncryptionAlgorithmError InvalidEncryptionRequest
        InvalidHostPutBucket InvalidLocationConstraint InvalidParameter InvalidPart
        InvalidPartOrder InvalidPolicyDocument InvalidRequest InvalidTag InvalidTaggingKey
        InvalidTargetBucket InvalidTargetBucketForLogging InvalidTargetLocation
        InvalidTargetType InvalidWORMConfiguration InvalidXMLFormat InventoryExceedLimit
        MalformedPOSTRequest MalformedXML MaxPOSTPreDataLengthExceededError MetaQueryNotExist
        NoReplicationLocation NoReplicationRule NotImplemented NotSymlink PartNotSequential
        RepeatedTags ReplicationLocationNotSupportRtc RequestIsNotMultiPartContent
        RequestTimeout TooManyBuckets TooManyCname TooManyCnameToken TooManyFilterObjectTags
        TooManyIncomingReplication TooManyOutgoingReplication TooManyPrefixes
        TooManyReplicationRules TooManyTags UserKeyMustBeSpecified
        """,
    403: """
        AbnormalBucketOwnerStatus AccessForbidden AccessKeyIdAndSecurityTokenNotMatch
        BucketDisable BucketNotBelongTo CnameDenied InvalidObjectState InvalidSecurityToken
        KmsServiceNotEnabled NoPermission NonStandardHostForbidden PermanentRedirect
        SecondLevelDomainForbidden SecurityTokenExpired SecurityTokenNotSupported
        SignatureDoesNotMatch TransferAccelerationDisabled WORMConfigurationLocked
        """,
    404: """
        AliasNotFound BucketCallbackPolicyNotExist BucketDataRedundancyTransitionTaskNotExist
        CnameTokenNotFound KeyNotFound MetaQueryAlreadyExist NoSuchAccessPoint
        NoSuchArchiveDirectReadConfiguration NoSuchBucketOverwriteConfig
        NoSuchCORSConfiguration NoSuchCacheControlConfiguration NoSuchCname NoSuchDataPipeline
        NoSuchHttpsConfig NoSuchInventory NoSuchLifecycle NoSuchLiveChannel NoSuchRegion
        NoSuchReplicationConfiguration NoSuchReplicationRule NoSuchResponseHeaderConfiguration
        NoSuchServerSideEncryptionRule NoSuchStyle NoSuchTransferAccelerationConfiguration
        NoSuchUser NoSuchUserDefinedLogFieldsConfig NoSuchVersion NoSuchWORMConfiguration
        NoSuchWebsiteConfiguration
        """,
    405: "MethodNotAllowed",
    409: """
        ArchiveRestoreFileStale CasRenewCertificateConflict ChannelStillLive FileAlreadyExists
        FileImmutable InventoryAlreadyExist KeyDisabled KeyPendingDeletion KeyPendingImport
        LiveChannelDisabled ObjectNotAppendable PartAlreadyExist RestoreAlreadyInProgress
        VersioningLocked
        WORMConfigurationAlreadyExists
        """,
    411: "MissingContentLength",
    412: "PreconditionFailed",
    416: "InvalidRange",
    424: "MirrorFailed",
    500: "InternalError",
    503: """
        ActiveRequestLimitExceeded DownloadTrafficRateLimitExceeded
        MetaOperationQpsLimitExceeded ServiceUnavailable SlowDown TotalQpsLimitExceeded
        UploadTrafficRateLimitExceeded
        """,
}

# Codes that carry a number of their own; a raiser who knows better gives another (documented).
_CODES_WITH_EC: Mapping[str, WireError] = {
    "AccessDenied": WireError(403, "0003-00000001"),
    "ArchiveRestoreNotFinished": WireError(409, "0016-00000719"),
    "BucketAlreadyExists": WireError(409, "0015-00000104"),
    "BucketNotEmpty": WireError(409, "0015-00000301"),
    "BucketReplicationAlreadyExist": WireError(400, "0031-00000044"),
    "CallbackFailed": WireError(203, "0007-00000203"),
    "InvalidAccessKeyId": WireError(403, "0002-00000902"),
    "InvalidBucketName": WireError(400, "0015-00000001"),
    "InvalidObjectName": WireError(400, "0016-00000005"),
    "MissingArgument": WireError(400, "0016-00000502"),
    "MultiRangeFailed": WireError(400, "0016-00000110"),
    "NeedVerifyDomainOwnership": WireError(403, "0018-00000115"),
    "NoHashContext": WireError(400, "0042-00000106"),
    "NoSuchBucket": WireError(404, "0015-00000101"),
    "NoSuchBucketPolicy": WireError(404, "0030-00000006"),
    "NoSuchKey": WireError(404, "0026-00000001"),
    "NoSuchUpload": WireError(404, "0042-00000002"),
    "OperationNotSupported": WireError(400, "0037-00000001"),
    "PositionNotEqualToLength": WireError(409, "0026-00000016"),
    "RequestTimeTooSkewed": WireError(403, "0002-00000504"),
    "ResourceGroupIdPreCheckError": WireError(400, "0039-00000003"),
    "SymlinkTargetNotExist": WireError(404, "0026-00000012"),
    "TransferAccAlreadyInUse": WireError(409, "0028-00000003"),
    "UserDisable": WireError(403, "0003-00000801"),
}

WIRE_ERRORS: Mapping[str, WireError] = {
    **{
        code: WireError(status)
        for status, codes in _CODES_BY_STATUS.items()
        for code in codes.split()
    },
    **_CODES_WITH_EC,
}


def wire_error(error: type[OssError]) -> WireError | None:
    """Status and default EC of a class, its own or those of the class it refines."""
    for ancestor in error.__mro__:
        wire = WIRE_ERRORS.get(ancestor.__name__)
        if wire is not None:
            return wire
    return None


def render_error(
    error: BaseException, request_id: str, host_id: str, *, head: bool
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to a failed request.

    ``host_id`` is the Host value of the request. An exception that is no OssError, or one without
    a row, becomes InternalError with nothing of it in the answer: the caller logs it. To a HEAD
    the XML goes base64-encoded into ``x-oss-err`` (OSS error responses; documented).
    """
    wire = wire_error(type(error)) if isinstance(error, OssError) else None
    if wire is None or not isinstance(error, OssError):
        error, wire = InternalError(), WIRE_ERRORS[InternalError.__name__]
    headers = dict(error.headers)
    if isinstance(error, NotModified):
        return wire.status, headers, b""
    ec = error.ec or wire.ec
    if ec:
        headers["x-oss-ec"] = ec
    body = _error_body(error, ec, request_id, host_id)
    if head:
        headers["x-oss-err"] = base64.b64encode(body).decode("ascii")
        return wire.status, headers, b""
    headers["Content-Type"] = XML_TYPE
    return wire.status, headers, body


def _error_body(error: OssError, ec: str, request_id: str, host_id: str) -> bytes:
    """The XML of an error; always well-formed, whatever the client sent."""
    parts = [DECLARATION, "<Error>\n"]
    _append(parts, "Code", error.code)
    _append(parts, "Message", error.message)
    _append(parts, "RequestId", request_id)
    _append(parts, "HostId", host_id)
    for name, value in error.fields.items():
        _append(parts, name, value)
    if error.detail:
        parts.append("  <AccessDeniedDetail>\n")
        for name, value in error.detail.items():
            parts.append("  ")
            _append(parts, name, value)
        parts.append("  </AccessDeniedDetail>\n")
    if ec:
        _append(parts, "EC", ec)
        _append(parts, "RecommendDoc", _ADVICE_URL + ec)
    parts.append("</Error>\n")
    return "".join(parts).encode("utf-8")


def _append(parts: list[str], tag: str, text: str) -> None:
    parts.append(f"  <{tag}>{escape_visible(text)}</{tag}>\n")
