"""The shape of each document, its elements in the order in which OSS writes them."""

from __future__ import annotations

from emulator.protocol.settings.shape import (
    MANY,
    flag,
    group,
    header_text,
    number,
    open_group,
    text,
)

TAGGING = group(
    "Tagging",
    group(
        "TagSet",
        group("Tag", text("Key", required=True), text("Value"), many_max=MANY),
        required=True,
    ),
)

CORS = group(
    "CORSConfiguration",
    group(
        "CORSRule",
        header_text("AllowedOrigin", many_max=MANY, required=True),
        text(
            "AllowedMethod",
            *("GET", "PUT", "DELETE", "POST", "HEAD"),
            many_max=MANY,
            required=True,
        ),
        header_text("AllowedHeader", many_max=MANY),
        header_text("ExposeHeader", many_max=MANY),
        number("MaxAgeSeconds"),
        many_max=MANY,
        required=True,
    ),
    flag("ResponseVary"),
)

_REFERERS = text("Referer", many_max=MANY)
REFERER = group(
    "RefererConfiguration",
    flag("AllowEmptyReferer", required=True),
    flag("AllowTruncateQueryString"),
    flag("TruncatePath"),
    group("RefererList", _REFERERS, required=True),
    group("RefererBlacklist", _REFERERS),
)

LOGGING = group(
    "BucketLoggingStatus",
    group(
        "LoggingEnabled",
        text("TargetBucket", required=True),
        text("TargetPrefix"),
        text("LoggingRole"),
    ),
)

LOG_FIELDS = group(
    "UserDefinedLogFieldsConfiguration",
    group("HeaderSet", text("header", many_max=MANY)),
    group("ParamSet", text("parameter", many_max=MANY)),
)

_KEY_AND_VALUE = (text("Key", required=True), text("Value", required=True))
_CONDITION = open_group(
    "Condition",
    text("KeyPrefixEquals"),
    text("KeySuffixEquals"),
    number("HttpErrorCodeReturnedEquals", 100, 599),
    group(
        "IncludeHeader",
        text("Key", required=True),
        text("Equals"),
        text("StartsWith"),
        text("EndsWith"),
        many_max=10,
    ),
    required=True,
)
_MIRROR = (
    text("MirrorURL"),
    text("MirrorURLSlave"),
    text("MirrorURLProbe"),
    flag("MirrorPassQueryString"),
    flag("MirrorFollowRedirect"),
    flag("MirrorCheckMd5"),
    open_group(
        "MirrorHeaders",
        flag("PassAll"),
        text("Pass", many_max=10),
        text("Remove", many_max=10),
        group("Set", *_KEY_AND_VALUE, many_max=10),
    ),
    flag("MirrorSNI"),
    flag("MirrorPassOriginalSlashes"),
    flag("MirrorAllowVideoSnapshot"),
    number("MirrorAsyncStatus"),
    group("MirrorTaggings", group("Taggings", text("Key"), text("Value"), many_max=MANY)),
    open_group(
        "MirrorAuth",
        text("AccessKeyId"),
        text("AccessKeySecret"),
        text("AuthType"),
        text("Region"),
    ),
    text("MirrorDstRegion"),
    text("MirrorDstVpcId"),
    text("MirrorDstSlaveVpcId"),
    text("MirrorTunnelId"),
    text("MirrorRole"),
    flag("MirrorUsingRole"),
    group(
        "MirrorReturnHeaders",
        group("ReturnHeader", text("Key"), text("Value"), many_max=MANY),
    ),
    flag("MirrorProxyPass"),
    flag("MirrorIsExpressTunnel"),
    flag("MirrorAllowHeadObject"),
    text("TransparentMirrorResponseCodes"),
    flag("MirrorSaveOssMeta"),
    flag("MirrorAllowGetImageInfo"),
    flag("MirrorUserLastModified"),
    flag("MirrorSwitchAllErrors"),
    group(
        "MirrorMultiAlternates",
        open_group(
            "MirrorMultiAlternate",
            number("MirrorMultiAlternateNumber"),
            text("MirrorMultiAlternateURL"),
            text("MirrorMultiAlternateVpcId"),
            text("MirrorMultiAlternateDstRegion"),
            many_max=MANY,
        ),
    ),
)
_REDIRECT = open_group(
    "Redirect",
    text("RedirectType", "Mirror", "External", "Internal", "AliCDN", required=True),
    flag("PassQueryString"),
    text("Protocol", "http", "https"),
    header_text("HostName"),
    text("ReplaceKeyWith"),
    text("ReplaceKeyPrefixWith"),
    flag("EnableReplacePrefix"),
    number("HttpRedirectCode", 300, 399),
    *_MIRROR,
)
WEBSITE = open_group(
    "WebsiteConfiguration",
    open_group(
        "IndexDocument",
        text("Suffix", required=True),
        flag("SupportSubDir"),
        number("Type", 0, 2),
    ),
    open_group("ErrorDocument", text("Key", required=True), number("HttpStatus", 200, 599)),
    group(
        "RoutingRules",
        open_group(
            "RoutingRule",
            number("RuleNumber", 1, 2**31 - 1, required=True),
            _CONDITION,
            _REDIRECT,
            open_group("LuaConfig", text("Script")),
            many_max=20,
        ),
    ),
)

TRANSFER_ACCELERATION = group("TransferAccelerationConfiguration", flag("Enabled", required=True))

REQUEST_PAYMENT = group(
    "RequestPaymentConfiguration", text("Payer", "BucketOwner", "Requester", required=True)
)

ENCRYPTION = group(
    "ServerSideEncryptionRule",
    group(
        "ApplyServerSideEncryptionByDefault",
        text("SSEAlgorithm", required=True),
        header_text("KMSMasterKeyID"),
        text("KMSDataEncryption"),
        required=True,
    ),
)

PUBLIC_ACCESS_BLOCK = group(
    "PublicAccessBlockConfiguration", flag("BlockPublicAccess", required=True)
)

HTTPS = group(
    "HttpsConfiguration",
    group(
        "TLS",
        flag("Enable", required=True),
        text("TLSVersion", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3", many_max=MANY),
    ),
    group(
        "CipherSuite",
        flag("Enable", required=True),
        flag("StrongCipherSuite"),
        text("CustomCipherSuite", many_max=MANY),
        text("TLS13CustomCipherSuite", many_max=MANY),
    ),
)

ARCHIVE_DIRECT_READ = group("ArchiveDirectReadConfiguration", flag("Enabled", required=True))

RESOURCE_GROUP = group("BucketResourceGroupConfiguration", text("ResourceGroupId", required=True))

OVERWRITE = group(
    "OverwriteConfiguration",
    group(
        "Rule",
        text("ID"),
        text("Action", "forbid", required=True),
        text("Prefix"),
        text("Suffix"),
        group("Principals", text("Principal", many_max=MANY)),
        many_max=100,
        required=True,
    ),
)

QOS_NUMBERS = (
    "TotalUploadBandwidth",
    "IntranetUploadBandwidth",
    "ExtranetUploadBandwidth",
    "TotalDownloadBandwidth",
    "IntranetDownloadBandwidth",
    "ExtranetDownloadBandwidth",
    "TotalQps",
    "IntranetQps",
    "ExtranetQps",
)
QOS = group("QoSConfiguration", *(number(name) for name in QOS_NUMBERS))
USER_QOS = group("UserQosConfiguration", text("Region"), *QOS.fields)

STORAGE_CAPACITY = group("BucketUserQos", number("StorageCapacity", required=True))

RESPONSE_HEADER = group(
    "ResponseHeaderConfiguration",
    group(
        "Rule",
        text("Name", required=True),
        group("Filters", text("Operation", many_max=MANY)),
        group("HideHeaders", text("Header", many_max=MANY)),
        many_max=MANY,
        required=True,
    ),
)

_OPTIONAL_FIELDS = group("OptionalFields", text("Field", many_max=MANY))
INVENTORY = group(
    "InventoryConfiguration",
    text("Id", required=True),
    flag("IsEnabled", required=True),
    group(
        "Filter",
        text("Prefix"),
        number("LastModifyBeginTimeStamp", 0),
        number("LastModifyEndTimeStamp", 0),
        number("LowerSizeBound", 0),
        number("UpperSizeBound", 0),
        text("StorageClass"),
    ),
    group(
        "Destination",
        group(
            "OSSBucketDestination",
            text("Format", "CSV", "ORC", "Parquet", required=True),
            text("AccountId", required=True),
            text("RoleArn", required=True),
            text("Bucket", required=True),
            text("Prefix"),
            group("Encryption", text("SSE-OSS"), group("SSE-KMS", text("KeyId", required=True))),
            required=True,
        ),
        required=True,
    ),
    group(
        "Schedule",
        text("Frequency", "Daily", "Weekly", "Monthly", required=True),
        number("DayOfMonth", 1, 31),
        flag("AutoDelete"),
        required=True,
    ),
    text("IncludedObjectVersions", "All", "Current", required=True),
    _OPTIONAL_FIELDS,
    group(
        "IncrementalInventory",
        flag("IsEnabled"),
        group("Schedule", number("Frequency", 0)),
        _OPTIONAL_FIELDS,
    ),
)

STYLE_CONTENT = group("Style", text("Content", required=True))
STYLE = group(
    "Style",
    text("Name"),
    text("Content"),
    text("CreateTime"),
    text("LastModifyTime"),
    text("Category"),
)
