"""The operation table and how a request finds its row in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import (
    InvalidArgument,
    MethodNotAllowed,
    MissingArgument,
    NotImplemented,
    OssError,
)
from emulator.protocol.operations import (
    OPERATIONS,
    SUB_RESOURCES,
    AccessClass,
    Level,
    Operation,
    Query,
    ResourceForm,
    find_operation,
    is_known_parameter,
    operation_named,
)

SERVICE, BUCKET, OBJECT = Level.SERVICE, Level.BUCKET, Level.OBJECT
CLOSED = [
    *("vip", "vpcip", "img", "cacheConfiguration", "processConfiguration", "eventnotification"),
    *("udf", "udfName", "udfImage", "udfId", "udfImageDesc", "udfApplication"),
    *("udfApplicationLog", "regionList", "regionsV2", "userRegion", "resourcePool"),
    *("resourcePoolInfo", "resourcePoolBuckets", "requesterQosInfo", "qosRequester"),
    *("dataAccelerator", "reservedcapacity", "virtualBucket", "verbose", "redundancyType"),
    *("redundancyProgress", "dfs", "dfsadmin", "dfssecurity"),
]


def query_of(text: str) -> Query:
    parts = [part.partition("=") for part in text.split("&") if part]
    return tuple((name, value if equals else None) for name, equals, value in parts)


def find(
    method: str, level: Level, query: str = "", headers: Mapping[str, str] | None = None
) -> str:
    return find_operation(method, level, query_of(query), headers or {}).name


def request_of(row: Operation) -> tuple[Query, dict[str, str]]:
    """A request written from nothing but the row."""
    query: list[tuple[str, str | None]] = []
    if row.sub_resource:
        query.append((row.sub_resource, row.values[0] if row.values else None))
    if row.comp:
        query.append(("comp", row.comp))
    query += [(name, value or "1") for name, value in row.query]
    return tuple(query), {row.header: "x"} if row.header else {}


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_every_row_is_found_by_its_own_request(row: Operation) -> None:
    query, headers = request_of(row)
    for method in row.methods:
        assert find_operation(method, row.level, query, headers) is row
        assert find_operation(method, row.level, query[::-1], headers) is row
        unknown: Query = (("own", "1"), *query, ("response-expires", "x"))
        if row.level is BUCKET and not query and method in ("PUT", "POST", "DELETE"):
            with pytest.raises(NotImplemented):
                find_operation(method, row.level, unknown, headers)
        else:
            assert find_operation(method, row.level, unknown, headers) is row


def test_no_two_rows_are_asked_for_alike() -> None:
    requests = Counter(
        (method, row.level, frozenset(request_of(row)[0]), row.header, row.values)
        for row in OPERATIONS
        for method in row.methods
    )
    assert max(requests.values()) == 1
    assert max(Counter(row.name for row in OPERATIONS).values()) == 1


def test_table_has_every_operation_of_the_api() -> None:
    levels = Counter(row.level for row in OPERATIONS)
    assert levels == {SERVICE: 12, BUCKET: 130, OBJECT: 43}


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_rows_are_complete(row: Operation) -> None:
    assert row.tier in {1, 2, 3, 4}
    assert row.method in {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"}
    assert row.action.startswith("oss:") or row.method == "OPTIONS"
    assert not row.version_action or "Version" in row.version_action
    assert operation_named(row.name) is row
    assert row.anonymous is (row.access is not AccessClass.MANAGEMENT)
    assert row.level is not SERVICE or row.resource is ResourceForm.SERVICE


@pytest.mark.parametrize(
    ("name", "action", "version_action"),
    [
        ("ListBuckets", "oss:ListBuckets", ""),
        ("ListObjectsV2", "oss:ListObjects", ""),
        ("HeadObject", "oss:GetObject", "oss:GetObjectVersion"),
        ("GetObjectMeta", "oss:GetObject", "oss:GetObjectVersion"),
        ("GetSymlink", "oss:GetObject", "oss:GetObjectVersion"),
        ("SelectObject", "oss:GetObject", ""),
        ("PostObject", "oss:PutObject", ""),
        ("CopyObject", "oss:PutObject", ""),
        ("UploadPart", "oss:PutObject", ""),
        ("AppendObject", "oss:PutObject", ""),
        ("CompleteMultipartUpload", "oss:PutObject", ""),
        ("AbortMultipartUpload", "oss:AbortMultipartUpload", ""),
        ("DeleteObject", "oss:DeleteObject", "oss:DeleteObjectVersion"),
        ("DeleteMultipleObjects", "oss:DeleteObject", "oss:DeleteObjectVersion"),
        ("PutObjectAcl", "oss:PutObjectAcl", "oss:PutObjectVersionAcl"),
        ("GetObjectTagging", "oss:GetObjectTagging", "oss:GetObjectVersionTagging"),
        ("RestoreObject", "oss:RestoreObject", "oss:RestoreObjectVersion"),
        ("PutBucketTags", "oss:PutBucketTagging", ""),
        ("ListBucketInventory", "oss:GetBucketInventory", ""),
        ("PutBucketRtc", "oss:PutBucketRTC", ""),
        ("GetLiveChannelInfo", "oss:GetLiveChannel", ""),
    ],
)
def test_permissions_not_named_like_their_operation(
    name: str, action: str, version_action: str
) -> None:
    row = operation_named(name)
    assert (row.action, row.version_action) == (action, version_action)


def test_batch_delete_and_form_upload_ask_for_objects_and_listings_for_the_bucket() -> None:
    for name in ("DeleteMultipleObjects", "PostObject", "GetObject", "ListParts"):
        assert operation_named(name).resource is ResourceForm.OBJECT
    for name in ("ListObjects", "ListObjectVersions", "ListMultipartUploads", "PutBucket"):
        assert operation_named(name).resource is ResourceForm.BUCKET


def test_management_is_never_anonymous() -> None:
    anonymous = {row.name for row in OPERATIONS if row.anonymous}
    assert {"GetObject", "PutObject", "ListObjects", "PostObject", "DeleteObject"} <= anonymous
    assert not {"GetObjectAcl", "PutBucket", "GetBucketInfo", "PutBucketReplication"} & anonymous


COPY = {"x-oss-copy-source": "/b/k"}
PART = "uploadId=u&partNumber=1"
PRECEDENCE: dict[str, list[tuple[str, str]]] = {
    "PUT": [
        ("symlink", "PutSymlink"),
        ("acl", "PutObjectAcl"),
        ("tagging", "PutObjectTagging"),
        ("retention", "PutObjectRetention"),
        ("legalHold", "PutObjectLegalHold"),
        ("live", "PutLiveChannel"),
        (PART, "UploadPart"),
        ("", "PutObject"),
    ],
    "POST": [
        ("uploads", "InitiateMultipartUpload"),
        ("append", "AppendObject"),
        ("seal", "SealAppendObject"),
        ("restore", "RestoreObject"),
        ("cleanRestoredObject", "CleanRestoredObject"),
        ("uploadId=u", "CompleteMultipartUpload"),
        ("x-oss-process=image/resize", "ProcessObject"),
        ("x-oss-async-process", "AsyncProcessObject"),
        ("vod", "PostVodPlaylist"),
        ("x-oss-rename", "Rename"),
        ("x-oss-dir", "CreateDirectory"),
        ("x-oss-delete", "DeleteDirectory"),
    ],
    "GET": [
        ("acl", "GetObjectAcl"),
        ("tagging", "GetObjectTagging"),
        ("symlink", "GetSymlink"),
        ("retention", "GetObjectRetention"),
        ("legalHold", "GetObjectLegalHold"),
        ("live", "GetLiveChannelInfo"),
        ("vod", "GetVodPlaylist"),
        ("uploadId=u", "ListParts"),
        ("x-oss-process=image/resize", "GetObject"),
    ],
    "DELETE": [
        ("uploadId=u", "AbortMultipartUpload"),
        ("tagging", "DeleteObjectTagging"),
        ("live", "DeleteLiveChannel"),
        ("versionId=v", "DeleteObject"),
    ],
}


@pytest.mark.parametrize(
    ("method", "first", "second", "expected"),
    [
        (method, first, second, name)
        for method, order in PRECEDENCE.items()
        for i, (first, name) in enumerate(order)
        for second, _ in order[i:]
    ],
)
def test_object_sub_resources_have_an_order(
    method: str, first: str, second: str, expected: str
) -> None:
    assert find(method, OBJECT, f"{first}&{second}") == expected
    assert find(method, OBJECT, f"{second}&{first}") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "CopyObject"),
        ("versionId=v", "CopyObject"),
        (PART, "UploadPartCopy"),
        ("acl", "PutObjectAcl"),
        ("symlink", "PutSymlink"),
    ],
)
def test_copy_source_makes_a_copy_of_plain_writes_only(query: str, expected: str) -> None:
    assert find("PUT", OBJECT, query, COPY) == expected


@pytest.mark.parametrize(
    ("method", "level", "query", "expected"),
    [
        ("HEAD", OBJECT, "objectMeta", "GetObjectMeta"),
        ("GET", OBJECT, "objectMeta", "GetObjectMeta"),
        ("HEAD", OBJECT, "", "HeadObject"),
        ("HEAD", OBJECT, "acl", "HeadObject"),
        ("HEAD", OBJECT, "versionId=v", "HeadObject"),
        ("HEAD", BUCKET, "", "HeadBucket"),
        ("OPTIONS", OBJECT, "acl", "OptionObject"),
        ("OPTIONS", BUCKET, "", "OptionBucket"),
        ("GET", OBJECT, "versionId=v&response-expires=x", "GetObject"),
        ("GET", OBJECT, "Expires=1&OSSAccessKeyId=a&Signature=s", "GetObject"),
        ("GET", OBJECT, "x-oss-async-process=x", "GetObject"),
        ("GET", OBJECT, "partNumber=1", "GetObject"),
        ("PUT", OBJECT, "own=1&x-oss-traffic-limit=819200", "PutObject"),
        ("POST", OBJECT, "x-oss-process=csv/select", "SelectObject"),
        ("POST", OBJECT, "x-oss-process=json/meta", "CreateSelectObjectMeta"),
        ("POST", OBJECT, "append&position=0", "AppendObject"),
        ("POST", OBJECT, "uploads&sequential", "InitiateMultipartUpload"),
        ("PUT", OBJECT, "live&status=enabled", "PutLiveChannelStatus"),
        ("GET", OBJECT, "live&comp=stat", "GetLiveChannelStat"),
        ("GET", OBJECT, "live&comp=history", "GetLiveChannelHistory"),
        ("GET", BUCKET, "prefix=a&marker=b", "ListObjects"),
        ("GET", BUCKET, "list-type=2&prefix=a", "ListObjectsV2"),
        ("GET", BUCKET, "list-type=1", "ListObjects"),
        ("GET", BUCKET, "versions&prefix=a&encoding-type=url", "ListObjectVersions"),
        ("GET", BUCKET, "acl=", "GetBucketAcl"),
        ("GET", BUCKET, "acl=x", "GetBucketAcl"),
        ("GET", BUCKET, "live", "ListLiveChannel"),
        ("POST", BUCKET, "delete&encoding-type=url", "DeleteMultipleObjects"),
        ("POST", BUCKET, "", "PostObject"),
        ("POST", BUCKET, "replication&comp=add", "PutBucketReplication"),
        ("POST", BUCKET, "replication&comp=delete", "DeleteBucketReplication"),
        ("GET", BUCKET, "replication", "GetBucketReplication"),
        ("GET", BUCKET, "replicationProgress&rule-id=r", "GetBucketReplicationProgress"),
        ("GET", BUCKET, "replicationProgress", "GetBucketReplicationProgress"),
        ("GET", BUCKET, "comp=token&cname=example.com", "GetCnameToken"),
        ("GET", BUCKET, "cname", "ListCname"),
        ("GET", BUCKET, "policy&comp=callback", "GetBucketCallbackPolicy"),
        ("POST", BUCKET, "wormId=w", "CompleteBucketWorm"),
        ("POST", BUCKET, "wormExtend&wormId=w", "ExtendBucketWorm"),
        ("POST", BUCKET, "wormId=w&wormExtend", "ExtendBucketWorm"),
        ("DELETE", BUCKET, "tagging=a,b", "DeleteBucketTags"),
        ("GET", BUCKET, "style&styleName=s", "GetStyle"),
        ("GET", BUCKET, "style", "ListStyle"),
        ("POST", BUCKET, "metaQuery&action=x", "DoMetaQueryAction"),
        ("POST", BUCKET, "MetaQuery&action=x", "DoMetaQueryAction"),
        ("GET", BUCKET, "publicAccessBlock", "GetBucketPublicAccessBlock"),
        ("GET", SERVICE, "tag-key=a&tag-value=b&tagging=c", "ListBuckets"),
        ("GET", SERVICE, "regions=oss-cn-hangzhou", "DescribeRegions"),
    ],
)
def test_requests_of_the_clients(method: str, level: Level, query: str, expected: str) -> None:
    assert find(method, level, query) == expected


def test_access_point_name_turns_the_list_into_one() -> None:
    named = {"x-oss-access-point-name": "p"}
    assert find("GET", BUCKET, "accessPoint") == "ListBucketAccessPoints"
    assert find("GET", BUCKET, "accessPoint", named) == "GetAccessPoint"


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("level", list(Level))
def test_closed_features_never_look_like_plain_operations(
    name: str, method: str, level: Level
) -> None:
    if (name, method, level) == ("regionList", "GET", SERVICE):
        assert find(method, level, name) == "ListBuckets"
        return
    with pytest.raises(NotImplemented):
        find(method, level, name)


@pytest.mark.parametrize("name", sorted(SUB_RESOURCES - {"x-oss-process", "x-oss-async-process"}))
@pytest.mark.parametrize("level", list(Level))
def test_no_sub_resource_falls_through_to_a_plain_operation(name: str, level: Level) -> None:
    if (name, level) == ("tagging", SERVICE):
        return
    for method in ("GET", "PUT", "POST", "DELETE", "PATCH"):
        try:
            found = find_operation(method, level, ((name, None),), {})
        except (NotImplemented, MethodNotAllowed, InvalidArgument, MissingArgument):
            continue
        if (name, level, method) == ("symlink", OBJECT, "DELETE"):
            assert found.name == "DeleteObject"
            continue
        assert found.sub_resource == name


@pytest.mark.parametrize(
    ("method", "level", "query", "allow", "ec"),
    [
        ("POST", OBJECT, "", "DELETE, GET, HEAD, OPTIONS, PUT", "0017-00000001"),
        ("POST", OBJECT, "own=1", "DELETE, GET, HEAD, OPTIONS, PUT", "0017-00000001"),
        ("PATCH", OBJECT, "", "DELETE, GET, HEAD, OPTIONS, PUT", ""),
        ("PATCH", BUCKET, "own", "DELETE, GET, HEAD, OPTIONS, POST, PUT", ""),
        ("PUT", SERVICE, "", "GET", ""),
        ("HEAD", SERVICE, "", "GET", ""),
        ("DELETE", OBJECT, "acl", "GET, PUT", ""),
        ("GET", OBJECT, "append&position=0", "POST", ""),
        ("GET", OBJECT, "uploads", "POST", ""),
        ("DELETE", BUCKET, "acl", "GET, PUT", ""),
        ("PUT", BUCKET, "replication&comp=add", "GET, POST", ""),
        ("PUT", BUCKET, "delete", "POST", ""),
        ("PUT", BUCKET, "bucketInfo", "GET", ""),
        ("brew", BUCKET, "lifecycle", "DELETE, GET, PUT", ""),
    ],
)
def test_wrong_methods_are_told_the_right_ones(
    method: str, level: Level, query: str, allow: str, ec: str
) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        find(method, level, query)
    assert refused.value.headers == {"Allow": allow}
    assert refused.value.fields == {"Method": method, "ResourceType": level.value}
    assert refused.value.ec == ec


@pytest.mark.parametrize(
    ("method", "level", "query", "error"),
    [
        ("GET", BUCKET, "acl&location", InvalidArgument),
        ("PUT", BUCKET, "acl&versioning", InvalidArgument),
        ("PUT", BUCKET, "acl&vip", InvalidArgument),
        ("GET", BUCKET, "acl&uploadId=u", InvalidArgument),
        ("PUT", BUCKET, "policy&comp=other", InvalidArgument),
        ("POST", BUCKET, "replication", InvalidArgument),
        ("GET", BUCKET, "replication&comp=add", InvalidArgument),
        ("POST", BUCKET, "replication&comp=drop", InvalidArgument),
        ("POST", BUCKET, "metaQuery", InvalidArgument),
        ("GET", OBJECT, "live&comp=other", InvalidArgument),
        ("DELETE", BUCKET, "inventoryId=1", InvalidArgument),
        ("PUT", BUCKET, "comp=add", InvalidArgument),
        ("PUT", BUCKET, "styleName=s", InvalidArgument),
        ("PUT", OBJECT, "partNumber=1", InvalidArgument),
        ("PUT", OBJECT, "uploadId=u", MissingArgument),
        ("DELETE", BUCKET, "style", MissingArgument),
        ("PUT", BUCKET, "inventory", MissingArgument),
        ("PUT", BUCKET, "accessPointPolicy", MissingArgument),
        ("PUT", BUCKET, "symlink", NotImplemented),
        ("PUT", OBJECT, "lifecycle", NotImplemented),
        ("DELETE", OBJECT, "policy", NotImplemented),
        ("GET", SERVICE, "acl", NotImplemented),
    ],
)
def test_half_and_double_sub_resources_are_refused(
    method: str, level: Level, query: str, error: type[OssError]
) -> None:
    with pytest.raises(error):
        find(method, level, query)


@pytest.mark.parametrize("name", ["acl", "versionId", "Expires", "x-oss-anything", "vip", "udfId"])
def test_known_parameters(name: str) -> None:
    assert is_known_parameter(name)
    assert not is_known_parameter("own-" + name)


names = st.sampled_from(
    sorted(SUB_RESOURCES) + CLOSED + ["comp", "partNumber", "status", "action", "own", "list-type"]
)
values = st.sampled_from([None, "", "add", "delete", "2", "csv/select", "callback", "x"])


@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE", ""]),
    level=st.sampled_from(list(Level)),
    query=st.lists(st.tuples(names, values), max_size=5).map(tuple),
    headers=st.dictionaries(st.sampled_from(["x-oss-copy-source", "own"]), st.just("x")),
)
def test_any_request_is_found_or_refused_as_oss_refuses(
    method: str, level: Level, query: Query, headers: dict[str, str]
) -> None:
    try:
        found = find_operation(method, level, query, headers)
    except OssError:
        return
    assert found.level is level
    assert method in found.methods
    present = {name for name, _ in query}
    assert not found.sub_resource or found.sub_resource in present


@pytest.mark.parametrize(
    ("operation", "actions"),
    [
        ("SealAppendObject", {"oss:SealAppendObject"}),
        (
            "InitiateMultipartUpload",
            {
                "oss:PutObject",
                "oss:PutObjectTagging",
                "oss:PutObjectRetention",
                "oss:PutObjectLegalHold",
            },
        ),
        ("CompleteMultipartUpload", {"oss:PutObject", "oss:PutObjectAcl"}),
    ],
)
def test_an_operation_asks_for_every_right_its_headers_need(
    operation: str, actions: set[str]
) -> None:
    row = operation_named(operation)
    assert {row.action, *(action for _, action in row.header_actions)} == actions
