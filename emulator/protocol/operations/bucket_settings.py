"""Operations on the settings of a bucket. More specific rows stand before the general ones."""

from __future__ import annotations

from emulator.protocol.operations.model import Level, rows_of

_row = rows_of(Level.BUCKET)

_POLICY_AND_SECURITY = (
    _row("PutBucketCallbackPolicy", "PUT", "policy", 4, comp="callback"),
    _row("GetBucketCallbackPolicy", "GET", "policy", 4, comp="callback"),
    _row("DeleteBucketCallbackPolicy", "DELETE", "policy", 4, comp="callback"),
    _row("PutBucketPolicy", "PUT", "policy", 1),
    _row("GetBucketPolicy", "GET", "policy", 1),
    _row("DeleteBucketPolicy", "DELETE", "policy", 1),
    _row("GetBucketPolicyStatus", "GET", "policyStatus", 2),
    _row("PutBucketEncryption", "PUT", "encryption", 1),
    _row("GetBucketEncryption", "GET", "encryption", 1),
    _row("DeleteBucketEncryption", "DELETE", "encryption", 1),
    _row("InitiateBucketWorm", "POST", "worm", 2),
    _row("AbortBucketWorm", "DELETE", "worm", 2),
    _row("GetBucketWorm", "GET", "worm", 2),
    _row("ExtendBucketWorm", "POST", "wormExtend", 2, accompanied_by=("wormId",)),
    _row("CompleteBucketWorm", "POST", "wormId", 2),
    _row("PutBucketObjectWormConfiguration", "PUT", "objectWorm", 3),
    _row("GetBucketObjectWormConfiguration", "GET", "objectWorm", 3),
    _row("PutBucketHttpsConfig", "PUT", "httpsConfig", 3),
    _row("GetBucketHttpsConfig", "GET", "httpsConfig", 3),
)

_REPLICATION = (
    _row("PutBucketReplication", "POST", "replication", 1, comp="add"),
    _row("DeleteBucketReplication", "POST", "replication", 1, comp="delete"),
    _row("GetBucketReplication", "GET", "replication", 1),
    _row("GetBucketReplicationLocation", "GET", "replicationLocation", 1),
    _row("GetBucketReplicationProgress", "GET", "replicationProgress", 1),
    _row("PutBucketRtc", "PUT", "rtc", 1, action="PutBucketRTC"),
)

_DATA_MANAGEMENT = (
    _row("PutBucketTags", "PUT", "tagging", 2, action="PutBucketTagging"),
    _row("GetBucketTags", "GET", "tagging", 2, action="GetBucketTagging"),
    _row("DeleteBucketTags", "DELETE", "tagging", 2, action="DeleteBucketTagging"),
    _row("PutBucketLifecycle", "PUT", "lifecycle", 2),
    _row("GetBucketLifecycle", "GET", "lifecycle", 2),
    _row("DeleteBucketLifecycle", "DELETE", "lifecycle", 2),
    _row("PutBucketInventory", "PUT", "inventory", 3, query=(("inventoryId", ""),)),
    _row("GetBucketInventory", "GET", "inventory", 3, query=(("inventoryId", ""),)),
    _row("DeleteBucketInventory", "DELETE", "inventory", 3, query=(("inventoryId", ""),)),
    _row("ListBucketInventory", "GET", "inventory", 3, action="GetBucketInventory"),
    _row("PutBucketAccessMonitor", "PUT", "accessmonitor", 3),
    _row("GetBucketAccessMonitor", "GET", "accessmonitor", 3),
    _row("PutBucketArchiveDirectRead", "PUT", "bucketArchiveDirectRead", 3),
    _row("GetBucketArchiveDirectRead", "GET", "bucketArchiveDirectRead", 3),
    _row("PutBucketResourceGroup", "PUT", "resourceGroup", 3),
    _row("GetBucketResourceGroup", "GET", "resourceGroup", 3),
    _row("PutBucketOverwriteConfig", "PUT", "overwriteConfig", 3),
    _row("GetBucketOverwriteConfig", "GET", "overwriteConfig", 3),
    _row("DeleteBucketOverwriteConfig", "DELETE", "overwriteConfig", 3),
    _row("CreateBucketDataRedundancyTransition", "POST", "redundancyTransition", 3),
    _row(
        "GetBucketDataRedundancyTransition",
        "GET",
        "redundancyTransition",
        3,
        query=(("x-oss-redundancy-transition-taskid", ""),),
    ),
    _row(
        "DeleteBucketDataRedundancyTransition",
        "DELETE",
        "redundancyTransition",
        3,
        query=(("x-oss-redundancy-transition-taskid", ""),),
    ),
    _row("ListBucketDataRedundancyTransition", "GET", "redundancyTransition", 3),
    _row("PutBucketQosInfo", "PUT", "qosInfo", 3),
    _row("GetBucketQosInfo", "GET", "qosInfo", 3),
    _row("DeleteBucketQosInfo", "DELETE", "qosInfo", 3),
    _row("PutBucketStorageCapacity", "PUT", "qos", 3, action="PutBucketUserQos"),
    _row("GetBucketStorageCapacity", "GET", "qos", 3, action="GetBucketUserQos"),
    _row("OpenMetaQuery", "POST", "metaQuery", 4, comp="add"),
    _row("DoMetaQuery", "POST", "metaQuery", 4, comp="query"),
    _row("CloseMetaQuery", "POST", "metaQuery", 4, comp="delete"),
    _row("DoMetaQueryAction", "POST", "metaQuery", 4, query=(("action", ""),)),
    _row("GetMetaQueryStatus", "GET", "metaQuery", 4),
)

_DELIVERY = (
    _row("PutBucketCors", "PUT", "cors", 2),
    _row("GetBucketCors", "GET", "cors", 2),
    _row("DeleteBucketCors", "DELETE", "cors", 2),
    _row("PutBucketWebsite", "PUT", "website", 3),
    _row("GetBucketWebsite", "GET", "website", 3),
    _row("DeleteBucketWebsite", "DELETE", "website", 3),
    _row("PutBucketLogging", "PUT", "logging", 3),
    _row("GetBucketLogging", "GET", "logging", 3),
    _row("DeleteBucketLogging", "DELETE", "logging", 3),
    _row("PutUserDefinedLogFieldsConfig", "PUT", "userDefinedLogFieldsConfig", 3),
    _row("GetUserDefinedLogFieldsConfig", "GET", "userDefinedLogFieldsConfig", 3),
    _row("DeleteUserDefinedLogFieldsConfig", "DELETE", "userDefinedLogFieldsConfig", 3),
    _row("PutBucketReferer", "PUT", "referer", 3),
    _row("GetBucketReferer", "GET", "referer", 3),
    _row("PutBucketTransferAcceleration", "PUT", "transferAcceleration", 2),
    _row("GetBucketTransferAcceleration", "GET", "transferAcceleration", 2),
    _row("DeleteBucketTransferAcceleration", "DELETE", "transferAcceleration", 3),
    _row("PutCname", "POST", "cname", 3, comp="add"),
    _row("DeleteCname", "POST", "cname", 3, comp="delete"),
    _row("CreateCnameToken", "POST", "cname", 3, comp="token"),
    _row("GetCnameToken", "GET", "cname", 3, comp="token"),
    _row("ListCname", "GET", "cname", 3),
    _row("PutStyle", "PUT", "style", 3, query=(("styleName", ""),)),
    _row("GetStyle", "GET", "style", 3, query=(("styleName", ""),)),
    _row("DeleteStyle", "DELETE", "style", 3, query=(("styleName", ""),)),
    _row("ListStyle", "GET", "style", 3),
    _row("PutBucketResponseHeader", "PUT", "responseHeader", 3),
    _row("GetBucketResponseHeader", "GET", "responseHeader", 3),
    _row("DeleteBucketResponseHeader", "DELETE", "responseHeader", 3),
)

_POINT_NAME = "x-oss-access-point-name"
_PROCESS_POINT_NAME = "x-oss-access-point-for-object-process-name"

_ACCESS_POINTS = (
    _row("CreateAccessPoint", "PUT", "accessPoint", 3),
    _row("GetAccessPoint", "GET", "accessPoint", 3, header=_POINT_NAME),
    _row("ListBucketAccessPoints", "GET", "accessPoint", 3, action="ListAccessPoints"),
    _row("DeleteAccessPoint", "DELETE", "accessPoint", 3, header=_POINT_NAME),
    _row("PutAccessPointPolicy", "PUT", "accessPointPolicy", 3, header=_POINT_NAME),
    _row("GetAccessPointPolicy", "GET", "accessPointPolicy", 3, header=_POINT_NAME),
    _row("DeleteAccessPointPolicy", "DELETE", "accessPointPolicy", 3, header=_POINT_NAME),
    # These three carry the name of the access point in the query, not in a header.
    _row(
        "PutAccessPointPublicAccessBlock", "PUT", "publicAccessBlock", 3, query=((_POINT_NAME, ""),)
    ),
    _row(
        "GetAccessPointPublicAccessBlock", "GET", "publicAccessBlock", 3, query=((_POINT_NAME, ""),)
    ),
    _row(
        "DeleteAccessPointPublicAccessBlock",
        "DELETE",
        "publicAccessBlock",
        3,
        query=((_POINT_NAME, ""),),
    ),
    _row("PutBucketPublicAccessBlock", "PUT", "publicAccessBlock", 3),
    _row("GetBucketPublicAccessBlock", "GET", "publicAccessBlock", 3),
    _row("DeleteBucketPublicAccessBlock", "DELETE", "publicAccessBlock", 3),
    *(
        _row(f"{verb}{noun}ForObjectProcess", method, name, 4, header=_PROCESS_POINT_NAME)
        for verb, method, noun, name in (
            ("Create", "PUT", "AccessPoint", "accessPointForObjectProcess"),
            ("Get", "GET", "AccessPoint", "accessPointForObjectProcess"),
            ("Delete", "DELETE", "AccessPoint", "accessPointForObjectProcess"),
            ("Put", "PUT", "AccessPointConfig", "accessPointConfigForObjectProcess"),
            ("Get", "GET", "AccessPointConfig", "accessPointConfigForObjectProcess"),
            ("Put", "PUT", "AccessPointPolicy", "accessPointPolicyForObjectProcess"),
            ("Get", "GET", "AccessPointPolicy", "accessPointPolicyForObjectProcess"),
            ("Delete", "DELETE", "AccessPointPolicy", "accessPointPolicyForObjectProcess"),
        )
    ),
)

BUCKET_SETTING_OPERATIONS = (
    _POLICY_AND_SECURITY + _REPLICATION + _DATA_MANAGEMENT + _DELIVERY + _ACCESS_POINTS
)
