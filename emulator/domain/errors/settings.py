"""The errors of settings, channels, domain names and access points; see ``domain.errors``."""

from __future__ import annotations

from emulator.domain.errors.core import OssError


class _BucketSettingError(OssError):
    """An error that names the bucket whose setting it is about."""

    def __init__(self, bucket: str, message: str = "", *, ec: str = "") -> None:
        super().__init__(message, ec=ec, fields={"BucketName": bucket})


# --- settings that are not there --------------------------------------------------------------


class NoSuchCORSConfiguration(_BucketSettingError):
    """The CORS Configuration does not exist."""


class NoSuchWebsiteConfiguration(_BucketSettingError):
    """The specified bucket does not have a website configuration."""


class NoSuchServerSideEncryptionRule(_BucketSettingError):
    """The server side encryption configuration is not found."""


class NoSuchUserDefinedLogFieldsConfig(_BucketSettingError):
    """The specified bucket does not have a user-defined log fields configuration."""


class NoSuchTransferAccelerationConfiguration(_BucketSettingError):
    """The bucket you specified does not have transfer acceleration configuration."""


class NoSuchHttpsConfig(_BucketSettingError):
    """The specified bucket does not have an https configuration."""


class NoSuchResponseHeaderConfiguration(_BucketSettingError):
    """The specified bucket does not have a response header configuration."""


class NoSuchBucketOverwriteConfig(_BucketSettingError):
    """The specified bucket does not have an overwrite configuration."""


class NoSuchInventory(_BucketSettingError):
    """No Row found in Inventory Table."""


class NoSuchStyle(_BucketSettingError):
    """The specified style does not exist."""


class NoSuchAccessPoint(OssError):
    """Accesspoint not found"""


class CnameTokenNotFound(_BucketSettingError):
    """The specified cname token does not exist."""


class BucketDataRedundancyTransitionTaskNotExist(_BucketSettingError):
    """The specified data redundancy transition task does not exist."""


class NoSuchLiveChannel(OssError):
    """The live channel you specified does not exist."""


class NoSuchRegion(OssError):
    """The region you specified does not exist."""


# --- settings that cannot be accepted ---------------------------------------------------------


class CORSRuleBeyondLimit(OssError):
    """The number of CORS rules is beyond the limit."""


class InvalidTargetBucketForLogging(OssError):
    """The target bucket you specified is invalid for logging."""


class RepeatedTags(OssError):
    """The tag keys must be unique."""


class TooManyTags(OssError):
    """The number of bucket tags is beyond the limit."""


class TransferAccAlreadyInUse(OssError):
    """The transfer acceleration is already used by cross-region replication."""

    def __init__(self, source: str, destination: str) -> None:
        super().__init__(fields={"SourceBucket": source, "DestinationBucket": destination})


class InventoryAlreadyExist(_BucketSettingError):
    """The inventory already exists."""


class InventoryExceedLimit(_BucketSettingError):
    """The bucket has more inventories than allowed."""


class ResourceGroupIdPreCheckError(OssError):
    """The check of the resource group failed."""


class NeedVerifyDomainOwnership(OssError):
    """The ownership of the domain name has to be verified."""


class CnameDenied(OssError):
    """The cname belongs to another user."""


class TooManyCname(_BucketSettingError):
    """The bucket has more cnames than allowed."""


class TooManyCnameToken(_BucketSettingError):
    """The bucket has more cname tokens than allowed."""


class CasRenewCertificateConflict(OssError):
    """The certificate was changed meanwhile."""


class InvalidChannelName(OssError):
    """The length of the channel name must be less than 64 bytes, and it holds no slash."""
