"""Operations on the service root: buckets of an account, regions, account-wide settings."""

from __future__ import annotations

from emulator.protocol.operations.model import Level, rows_of

_row = rows_of(Level.SERVICE)

SERVICE_OPERATIONS = (
    _row("DescribeRegions", "GET", "regions", 2),
    _row("ListCloudBoxes", "GET", "cloudboxes", 4),
    _row("ListAccessPoints", "GET", "accessPoint", 3),
    _row("ListAccessPointsForObjectProcess", "GET", "accessPointForObjectProcess", 4),
    _row("GetPublicAccessBlock", "GET", "publicAccessBlock", 3),
    _row("PutPublicAccessBlock", "PUT", "publicAccessBlock", 3),
    _row("DeletePublicAccessBlock", "DELETE", "publicAccessBlock", 3),
    _row("ListUserDataRedundancyTransition", "GET", "redundancyTransition", 3),
    _row("GetUserQosInfo", "GET", "qosInfo", 3),
    _row("WriteGetObjectResponse", "POST", "x-oss-write-get-object-response", 4),
    _row("DoDataPipelineAction", "POST", "dataPipeline", 4, query=(("action", ""),)),
    _row("ListBuckets", "GET", "", 1),
)
