"""Query names OSS knows beside the sub-resources that select an operation."""

from __future__ import annotations

# Undocumented or closed features whose names take part in signatures. None of them may be read
# as the plain operation: `PUT bucket?vip` must not create a bucket.
CLOSED_SUB_RESOURCES = frozenset(
    {
        "cacheConfiguration",
        "dataAccelerator",
        "dfs",
        "dfsadmin",
        "dfssecurity",
        "eventnotification",
        "img",
        "processConfiguration",
        "qosRequester",
        "redundancyProgress",
        "redundancyType",
        "regionList",
        "regionsV2",
        "requesterQosInfo",
        "reservedcapacity",
        "resourcePool",
        "resourcePoolBuckets",
        "resourcePoolInfo",
        "userRegion",
        "verbose",
        "vip",
        "virtualBucket",
        "vpcip",
    }
)
CLOSED_PREFIX = "udf"

# One client spells this sub-resource differently for one of its operations.
ALIASES = {"MetaQuery": "metaQuery"}

# Names that mean something only beside a sub-resource. Alone on a changing request they show a
# forgotten sub-resource: `DELETE bucket?inventoryId=1` must not delete the bucket.
QUALIFIERS = frozenset(
    {
        "comp",
        "inventoryId",
        "partNumber",
        "styleName",
        "x-oss-access-point-name",
        "x-oss-redundancy-transition-taskid",
    }
)

# Parameters OSS reads; a second value for one of them has no meaning.
PARAMETERS = frozenset(
    {
        "Expires",
        "OSSAccessKeyId",
        "Signature",
        "action",
        "callback",
        "callback-var",
        "category",
        "continuation-token",
        "delimiter",
        "encoding-type",
        "endTime",
        "fetch-owner",
        "key-marker",
        "list-type",
        "marker",
        "max-keys",
        "max-parts",
        "max-uploads",
        "mode",
        "part-number-marker",
        "position",
        "prefix",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "rule-id",
        "security-token",
        "sequential",
        "start-after",
        "startTime",
        "status",
        "tag-key",
        "tag-value",
        "upload-id-marker",
        "version-id-marker",
        "versionId",
        "withHashContext",
    }
)
