"""Query names that take part in signatures.

The SDKs carry different lists. Every SDK signs the core names; the others are signed by some,
either from a fixed list or only by the operation that uses them (SDK sources; observed).
"""

from __future__ import annotations

from typing import Final

OSS_PREFIX: Final = "x-oss-"

_CORE: Final = """
    acl append bucketInfo callback callback-var continuation-token delete location objectMeta
    partNumber position restore security-token sequential stat symlink tagging uploadId uploads
    versionId versioning versions response-cache-control response-content-disposition
    response-content-encoding response-content-language response-content-type response-expires
"""

_COMMON: Final = """
    accessPoint accessPointPolicy asyncFetch bucketArchiveDirectRead cleanRestoredObject cloudboxes
    cname comp cors encryption endTime httpsConfig inventory inventoryId legalHold lifecycle live
    logging metaQuery objectWorm overwriteConfig policy policyStatus publicAccessBlock qos qosInfo
    redundancyTransition referer regionList replication replicationLocation replicationProgress
    requestPayment resourceGroup responseHeader retention rtc seal startTime status style styleName
    transferAcceleration userDefinedLogFieldsConfig vod website worm wormExtend wormId
"""

_RARE: Final = """
    accessPointForObjectProcess accessPointConfigForObjectProcess accessPointPolicyForObjectProcess
    cacheConfiguration chunkNumber chunkSize copy dataAccelerator dataPipeline dfs dfsadmin
    dfssecurity eventnotification group img link objectInfo partSize partUploadId
    processConfiguration qosRequester redundancyProgress redundancyType regionsV2 requesterQosInfo
    reservedcapacity resourcePool resourcePoolBuckets resourcePoolInfo udf udfApplication
    udfApplicationLog udfId udfImage udfImageDesc udfName userRegion verbose vip virtualBucket vpcip
    withHashContext
"""

CORE: Final = frozenset(_CORE.split())
COMMON: Final = frozenset(_COMMON.split())
RARE: Final = frozenset(_RARE.split())
NAMED: Final = CORE | COMMON | RARE


def is_subresource(name: str) -> bool:
    """Whether some signer treats the query parameter as a sub-resource."""
    return name in NAMED or name.startswith(OSS_PREFIX)
