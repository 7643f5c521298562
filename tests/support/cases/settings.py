"""Settings of buckets and accounts, and what is kept beside them."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.cases.forms import TAGS, Case, Query, at, on
from tests.support.wire import Call


class Document(NamedTuple):
    """A setting: its sub-resource, a document, what a GET answers to it, and what while unset."""

    sub_resource: str
    body: str
    unset: str  # the body of a 200, or the code of a 404
    shown: str = ""  # ``body`` when empty
    malformed: str = ""  # the root alone when empty
    code: str = "MalformedXML"
    verbs: str = "PGD"

    @property
    def root(self) -> str:
        """The name of the root element."""
        return self.body[1 : self.body.index(">")]

    @property
    def wrong(self) -> str:
        """A document that is refused."""
        return self.malformed or f"<{self.root}></{self.root}>"


def leaf(root: str, tag: str, value: str) -> str:
    return f"<{root}><{tag}>{value}</{tag}></{root}>"


_RULE = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
_SSE = "<SSEAlgorithm>KMS</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"
_TLS = "<TLS><Enable>true</Enable><TLSVersion>TLSv1.2</TLSVersion></TLS>"
_NUMBERS = [
    f"{who}{what}"
    for what in ("UploadBandwidth", "DownloadBandwidth", "Qps")
    for who in ("Total", "Intranet", "Extranet")
]
_REFERERS = "<RefererList><Referer>http://a.test</Referer></RefererList>"


def qos(**numbers: int) -> str:
    inner = "".join(f"<{name}>{numbers.get(name, -1)}</{name}>" for name in _NUMBERS)
    return f"<QoSConfiguration>{inner}</QoSConfiguration>"


DOCUMENTS = {
    "BucketTags": Document("tagging", TAGS.decode(), "<Tagging><TagSet></TagSet></Tagging>"),
    "BucketCors": Document(
        "cors",
        f"<CORSConfiguration><CORSRule>{_RULE}</CORSRule>"
        "<ResponseVary>true</ResponseVary></CORSConfiguration>",
        "NoSuchCORSConfiguration",
    ),
    "BucketWebsite": Document(
        "website",
        "<WebsiteConfiguration><IndexDocument><Suffix>i.html</Suffix>"
        "<SupportSubDir>true</SupportSubDir><Type>2</Type></IndexDocument>"
        "<ErrorDocument><Key>e.html</Key><HttpStatus>404</HttpStatus></ErrorDocument>"
        "</WebsiteConfiguration>",
        "NoSuchWebsiteConfiguration",
    ),
    "BucketLogging": Document(
        "logging",
        "<BucketLoggingStatus><LoggingEnabled><TargetBucket>public</TargetBucket>"
        "<TargetPrefix>logs/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
        "<BucketLoggingStatus></BucketLoggingStatus>",
        malformed="<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>",
    ),
    "UserDefinedLogFieldsConfig": Document(
        "userDefinedLogFieldsConfig",
        "<UserDefinedLogFieldsConfiguration><HeaderSet><header>a</header><header>b</header>"
        "</HeaderSet><ParamSet><parameter>c</parameter></ParamSet>"
        "</UserDefinedLogFieldsConfiguration>",
        "NoSuchUserDefinedLogFieldsConfig",
        malformed="<Wrong/>",
    ),
    "BucketReferer": Document(
        "referer",
        "<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer>"
        f"<AllowTruncateQueryString>false</AllowTruncateQueryString>{_REFERERS}"
        "</RefererConfiguration>",
        "<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer>"
        "<AllowTruncateQueryString>true</AllowTruncateQueryString><RefererList></RefererList>"
        "</RefererConfiguration>",
        verbs="PG",
    ),
    "BucketTransferAcceleration": Document(
        "transferAcceleration",
        leaf("TransferAccelerationConfiguration", "Enabled", "true"),
        "NoSuchTransferAccelerationConfiguration",
    ),
    "BucketRequestPayment": Document(
        "requestPayment",
        leaf("RequestPaymentConfiguration", "Payer", "Requester"),
        leaf("RequestPaymentConfiguration", "Payer", "BucketOwner"),
        malformed=leaf("RequestPaymentConfiguration", "Payer", "requester"),
        verbs="PG",
    ),
    "BucketEncryption": Document(
        "encryption",
        leaf("ServerSideEncryptionRule", "ApplyServerSideEncryptionByDefault", _SSE),
        "NoSuchServerSideEncryptionRule",
    ),
    "BucketPublicAccessBlock": Document(
        "publicAccessBlock",
        leaf("PublicAccessBlockConfiguration", "BlockPublicAccess", "true"),
        leaf("PublicAccessBlockConfiguration", "BlockPublicAccess", "false"),
    ),
    "BucketHttpsConfig": Document(
        "httpsConfig",
        f"<HttpsConfiguration>{_TLS}</HttpsConfiguration>",
        "NoSuchHttpsConfig",
        verbs="PG",
    ),
    "BucketArchiveDirectRead": Document(
        "bucketArchiveDirectRead",
        leaf("ArchiveDirectReadConfiguration", "Enabled", "true"),
        leaf("ArchiveDirectReadConfiguration", "Enabled", "false"),
        malformed=leaf("ArchiveDirectReadConfiguration", "Enabled", "aa"),
        verbs="PG",
    ),
    "BucketResourceGroup": Document(
        "resourceGroup",
        leaf("BucketResourceGroupConfiguration", "ResourceGroupId", "rg-aek27tc00000000"),
        leaf("BucketResourceGroupConfiguration", "ResourceGroupId", "rg-acfm0v4fh1tyer5"),
        malformed=leaf("BucketResourceGroupConfiguration", "ResourceGroupId", "rg-xxxxxx"),
        code="ResourceGroupIdPreCheckError",
        verbs="PG",
    ),
    "BucketOverwriteConfig": Document(
        "overwriteConfig",
        "<OverwriteConfiguration><Rule><ID>1</ID><Action>forbid</Action><Prefix>a</Prefix>"
        "<Suffix>b</Suffix><Principals><Principal>1</Principal></Principals></Rule>"
        "</OverwriteConfiguration>",
        "NoSuchBucketOverwriteConfig",
    ),
    "BucketResponseHeader": Document(
        "responseHeader",
        "<ResponseHeaderConfiguration><Rule><Name>r</Name><Filters><Operation>Put</Operation>"
        "</Filters><HideHeaders><Header>Last-Modified</Header></HideHeaders></Rule>"
        "</ResponseHeaderConfiguration>",
        "NoSuchResponseHeaderConfiguration",
    ),
    "BucketQosInfo": Document(
        "qosInfo",
        qos(TotalUploadBandwidth=5, IntranetUploadBandwidth=2),
        qos(),
        malformed=qos(TotalUploadBandwidth=11),
        code="InvalidArgument",
    ),
    "BucketStorageCapacity": Document(
        "qos",
        leaf("BucketUserQos", "StorageCapacity", "100"),
        leaf("BucketUserQos", "StorageCapacity", "-1"),
        verbs="PG",
    ),
}

BLOCK = leaf("PublicAccessBlockConfiguration", "BlockPublicAccess", "false").encode()
INVENTORY_DESTINATION = (
    "<Destination><OSSBucketDestination><Format>CSV</Format><AccountId>1000000000000001"
    "</AccountId><RoleArn>acs:ram::1000000000000001:role/AliyunOSSRole</RoleArn>"
    "<Bucket>acs:oss:::public</Bucket><Prefix>p</Prefix></OSSBucketDestination></Destination>"
)


def inventory(item: str, *, filtered: str = "", fields: str = "<Field>Size</Field>") -> bytes:
    """An inventory in the order in which it is shown."""
    return (
        f"<InventoryConfiguration><Id>{item}</Id><IsEnabled>true</IsEnabled>{filtered}"
        f"{INVENTORY_DESTINATION}<Schedule><Frequency>Weekly</Frequency></Schedule>"
        "<IncludedObjectVersions>All</IncludedObjectVersions>"
        f"<OptionalFields>{fields}</OptionalFields></InventoryConfiguration>"
    ).encode()


STYLE = b"<Style><Content>image/resize,w_200</Content></Style>"
CHANNEL = b"<LiveChannelConfiguration><Target><Type>HLS</Type></Target></LiveChannelConfiguration>"


def cname(domain: str, certificate: str = "") -> bytes:
    return (
        f"<BucketCnameConfiguration><Cname><Domain>{domain}</Domain>{certificate}"
        "</Cname></BucketCnameConfiguration>"
    ).encode()


def access_point(name: str) -> bytes:
    return (
        f"<CreateAccessPointConfiguration><AccessPointName>{name}</AccessPointName>"
        "<NetworkOrigin>internet</NetworkOrigin></CreateAccessPointConfiguration>"
    ).encode()


def _rows() -> dict[str, Case]:
    rows: dict[str, Case] = {}
    for noun, document in DOCUMENTS.items():
        query: Query = ((document.sub_resource, None),)
        twice = (*query, ("acl", None))
        found = 200 if document.unset.startswith("<") else 404
        rows[f"Put{noun}"] = Case(
            at("PUT", *query, body=document.body.encode()),
            at("PUT", *query, body=document.wrong.encode()),
            document.code,
        )
        rows[f"Get{noun}"] = Case(at("GET", *query), at("GET", *twice), "InvalidArgument", found)
        if "D" in document.verbs:
            rows[f"Delete{noun}"] = Case(
                at("DELETE", *query), at("DELETE", *twice), "InvalidArgument", 204
            )
    return rows


def _reading(method: str, *query: tuple[str, str | None], found: int = 200) -> Case:
    """A request without a body, wrong with a second sub-resource."""
    return Case(at(method, *query), at(method, *query, ("acl", None)), "InvalidArgument", found)


_ITEM: Query = (("inventory", None), ("inventoryId", "one"))
_STYLE: Query = (("style", None), ("styleName", "one"))
_TASK: Query = (("redundancyTransition", None), ("x-oss-redundancy-transition-taskid", "x"))
_POINT_BLOCK: Query = (("publicAccessBlock", None), ("x-oss-access-point-name", "none"))
_AP: Query = (("accessPoint", None),)
_AP_POLICY: Query = (("accessPointPolicy", None),)
_LIVE: Query = (("live", None),)
_NO_CHANNEL = "NoSuchLiveChannel"


def _cname(comp: str) -> Query:
    return (("cname", None), ("comp", comp))


def _point(method: str, query: Query, body: bytes = b"") -> Case:
    """A request about an access point that is not there."""
    headers = (("x-oss-access-point-name", "none"),)
    good = at(method, *query, body=body)._replace(headers=headers)
    return Case(good, good._replace(query=(*query, ("acl", None))), "InvalidArgument", 404)


def _account(method: str, name: str, body: bytes = b"", found: int = 200) -> Case:
    good = Call(method, "", query=((name, None),), body=body)
    return Case(good, good._replace(query=(*good.query, ("stat", None))), "InvalidArgument", found)


def _channel(method: str, *query: tuple[str, str | None]) -> Case:
    """A request about a channel that is not there."""
    good = on(method, *query)
    wrong = on(method, *query, ("comp", "none"))
    return Case(good, wrong, "InvalidArgument", 404, missing_code=_NO_CHANNEL)


CASES = {
    **_rows(),
    "PutBucketInventory": Case(
        at("PUT", *_ITEM, body=inventory("one")),
        at("PUT", *_ITEM, body=inventory("two")),
        "InvalidArgument",
    ),
    "GetBucketInventory": _reading("GET", *_ITEM, found=404),
    "DeleteBucketInventory": _reading("DELETE", *_ITEM, found=204),
    "ListBucketInventory": _reading("GET", ("inventory", None), found=404),
    "PutStyle": Case(
        at("PUT", *_STYLE, body=STYLE),
        at("PUT", ("style", None), ("styleName", "@%$^"), body=STYLE),
        "InvalidArgument",
    ),
    "GetStyle": _reading("GET", *_STYLE, found=404),
    "DeleteStyle": _reading("DELETE", *_STYLE, found=204),
    "ListStyle": _reading("GET", ("style", None)),
    "GetBucketPolicyStatus": _reading("GET", ("policyStatus", None)),
    "CreateBucketDataRedundancyTransition": Case(
        at("POST", ("redundancyTransition", None), ("x-oss-target-redundancy-type", "ZRS")),
        at("POST", ("redundancyTransition", None), ("x-oss-target-redundancy-type", "LRS")),
        "InvalidArgument",
    ),
    "GetBucketDataRedundancyTransition": _reading("GET", *_TASK, found=404),
    "DeleteBucketDataRedundancyTransition": _reading("DELETE", *_TASK, found=404),
    "ListBucketDataRedundancyTransition": Case(
        at("GET", ("redundancyTransition", None)),
        at("GET", ("redundancyTransition", None), ("max-keys", "0")),
        "InvalidArgument",
    ),
    "PutCname": Case(
        at("POST", *_cname("add"), body=cname("a.test")),
        at("POST", *_cname("add"), body=cname("no dots")),
        "InvalidArgument",
    ),
    "DeleteCname": Case(
        at("POST", *_cname("delete"), body=cname("a.test")),
        at("POST", *_cname("delete"), body=b"<x/>"),
        "MalformedXML",
    ),
    "CreateCnameToken": Case(
        at("POST", *_cname("token"), body=cname("a.test")),
        at("POST", *_cname("token")),
        "MalformedXML",
    ),
    "GetCnameToken": _reading("GET", ("comp", "token"), ("cname", "a.test"), found=404),
    "ListCname": _reading("GET", ("cname", None)),
    "CreateAccessPoint": Case(
        at("PUT", *_AP, body=access_point("ap-case")),
        at("PUT", *_AP, body=access_point("Ap")),
        "InvalidArgument",
    ),
    "GetAccessPoint": _point("GET", _AP),
    "DeleteAccessPoint": _point("DELETE", _AP),
    "ListBucketAccessPoints": Case(
        at("GET", *_AP), at("GET", *_AP, ("max-keys", "1001")), "InvalidArgument"
    ),
    "PutAccessPointPolicy": _point("PUT", _AP_POLICY, b"{}"),
    "GetAccessPointPolicy": _point("GET", _AP_POLICY),
    "DeleteAccessPointPolicy": _point("DELETE", _AP_POLICY),
    "PutAccessPointPublicAccessBlock": Case(
        at("PUT", *_POINT_BLOCK, body=BLOCK),
        at("PUT", *_POINT_BLOCK, body=b"<x/>"),
        "MalformedXML",
        404,
    ),
    "GetAccessPointPublicAccessBlock": _reading("GET", *_POINT_BLOCK, found=404),
    "DeleteAccessPointPublicAccessBlock": _reading("DELETE", *_POINT_BLOCK, found=404),
    "PutLiveChannel": Case(
        on("PUT", *_LIVE, body=CHANNEL),
        on("PUT", *_LIVE, body=b"<LiveChannelConfiguration/>"),
        "MalformedXML",
        missing_key=400,
    ),
    "PutLiveChannelStatus": Case(
        on("PUT", *_LIVE, ("status", "enabled")),
        on("PUT", *_LIVE, ("status", "on")),
        "InvalidArgument",
        404,
        missing_code=_NO_CHANNEL,
    ),
    "GetLiveChannelInfo": _channel("GET", *_LIVE),
    "GetLiveChannelStat": _channel("GET", *_LIVE, ("comp", "stat"))._replace(
        malformed=on("GET", *_LIVE, ("comp", "stats"))
    ),
    "GetLiveChannelHistory": _channel("GET", *_LIVE, ("comp", "history"))._replace(
        malformed=on("GET", *_LIVE, ("comp", "past"))
    ),
    "DeleteLiveChannel": Case(
        on("DELETE", *_LIVE),
        on("DELETE", *_LIVE, ("comp", "stat")),
        "InvalidArgument",
        204,
        missing_key=204,
    ),
    "ListLiveChannel": Case(
        at("GET", *_LIVE), at("GET", *_LIVE, ("max-keys", "0")), "InvalidArgument"
    ),
    "DescribeRegions": _account("GET", "regions"),
    "GetUserQosInfo": _account("GET", "qosInfo"),
    "PutPublicAccessBlock": _account("PUT", "publicAccessBlock", BLOCK),
    "GetPublicAccessBlock": _account("GET", "publicAccessBlock"),
    "DeletePublicAccessBlock": _account("DELETE", "publicAccessBlock", found=204),
    "ListAccessPoints": _account("GET", "accessPoint"),
    "ListUserDataRedundancyTransition": _account("GET", "redundancyTransition"),
}
