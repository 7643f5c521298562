"""What is kept beside the settings: access points, domain names, channels, tasks; and what shows
the settings: regions, lists of buckets, bucket information."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

import pytest

from emulator.protocol.xml.writer import DECLARATION
from tests.support.cases.forms import Query
from tests.support.cases.settings import BLOCK, CHANNEL, DOCUMENTS, access_point, cname
from tests.support.hostile import Attacker, Reply, check_clean, check_refused
from tests.support.process import UID_A, UID_B, EmulatorProcess
from tests.support.wire import Call

_NUMBERS = itertools.count(1)
LIVE: Query = (("live", None),)
POINT: Query = (("accessPoint", None),)
POINT_POLICY: Query = (("accessPointPolicy", None),)
TASKS: Query = (("redundancyTransition", None),)


@pytest.fixture(scope="module")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacker]:
    """A client of a server of one's own, whose clock may be moved by days."""
    data, arguments = tmp_path_factory.mktemp("items") / "data", ("--durability", "process")
    settings = ("oss.check_signing_time=false",)
    with EmulatorProcess(data=data, settings=settings, arguments=arguments) as process:
        made = Attacker(process)
        made.ok(Call("PUT", "public"))
        yield made
        made.close()
        assert process.errors() == ""


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    """An empty bucket of account A."""
    name = f"items-{next(_NUMBERS)}"
    attacker.ok(Call("PUT", name))
    yield name
    for each in texts(attacker.call(Call("GET", name, query=LIVE)), "LiveChannel/Name"):
        attacker.ok(Call("DELETE", name, each, LIVE))
    attacker.call(Call("DELETE", name))


def texts(reply: Reply, path: str) -> list[str]:
    return [each.text or "" for each in reply.document.iterfind(path)]


def shown(reply: Reply) -> dict[str, str]:
    """The texts of the elements right below the root."""
    assert reply.status == 200, reply.raw
    return {each.tag: each.text or "" for each in reply.document}


def put(attacker: Attacker, bucket: str, name: str, body: str) -> None:
    attacker.ok(Call("PUT", bucket, query=((name, None),), body=body.encode()))


# Access points.


def point(method: str, bucket: str, name: str, query: Query = POINT, body: bytes = b"") -> Call:
    return Call(method, bucket, "", query, (("x-oss-access-point-name", name),), body)


def test_an_access_point_from_its_making_to_its_end(attacker: Attacker, bucket: str) -> None:
    made = shown(attacker.ok(Call("PUT", bucket, query=POINT, body=access_point("ap-one"))))
    assert made["AccessPointArn"] == f"acs:oss:cn-hangzhou:{UID_A}:accesspoint/ap-one"
    got = attacker.ok(point("GET", bucket, "ap-one"))
    assert list(shown(got)) == [
        "AccessPointName", "Bucket", "AccountId", "NetworkOrigin", "AccessPointArn",
        "CreationDate", "Alias", "Status", "Endpoints", "PublicAccessBlockConfiguration",
    ]  # fmt: skip
    assert shown(got)["Alias"] == made["Alias"]
    assert got.document.findtext("PublicAccessBlockConfiguration/BlockPublicAccess") == "false"
    taken = attacker.call(Call("PUT", bucket, query=POINT, body=access_point("ap-one")))
    check_refused(taken, 400, "InvalidArgument")
    attacker.ok(point("DELETE", bucket, "ap-one"))
    gone = attacker.call(point("GET", bucket, "ap-one"))
    check_refused(gone, 404, "NoSuchAccessPoint")
    assert gone.document.findtext("Message") == "Accesspoint not found"


def test_the_policy_and_block_of_an_access_point(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, query=POINT, body=access_point("ap-two")))
    check_refused(
        attacker.call(point("GET", bucket, "ap-two", POINT_POLICY)), 404, "NoSuchBucketPolicy"
    )
    policy = b'{"Version": "1",\n "Statement": []}'
    attacker.ok(point("PUT", bucket, "ap-two", POINT_POLICY, policy))
    assert attacker.ok(point("GET", bucket, "ap-two", POINT_POLICY)).body == policy
    for wrong in (b"[]", b"{", b"[" * 9999, b"\xff"):
        reply = attacker.call(point("PUT", bucket, "ap-two", POINT_POLICY, wrong))
        check_refused(reply, 400, "InvalidPolicyDocument")
    attacker.ok(point("DELETE", bucket, "ap-two", POINT_POLICY))
    block: Query = (("publicAccessBlock", None), ("x-oss-access-point-name", "ap-two"))
    attacker.ok(Call("PUT", bucket, query=block, body=BLOCK.replace(b"false", b"true")))
    assert b"true" in attacker.ok(Call("GET", bucket, query=block)).body
    assert b"false" in attacker.ok(Call("GET", bucket, query=block[:1])).body
    attacker.ok(Call("DELETE", bucket, query=block))
    assert b"false" in attacker.ok(Call("GET", bucket, query=block)).body


def test_access_points_are_listed_in_pages(attacker: Attacker, bucket: str) -> None:
    for number in range(5):
        attacker.ok(Call("PUT", bucket, query=POINT, body=access_point(f"ap-p{number}")))
    for place in ("", bucket):
        found, token = [], ""
        while True:
            query = (*POINT, ("max-keys", "2"), ("continuation-token", token))
            reply = attacker.ok(Call("GET", place, query=query))
            found += texts(reply, "AccessPoints/AccessPoint/AccessPointName")
            token = reply.document.findtext("NextContinuationToken", "")
            if reply.document.findtext("IsTruncated") == "false":
                break
        assert [name for name in found if name.startswith("ap-p")] == [
            f"ap-p{number}" for number in range(5)
        ]
    others = attacker.call(Call("GET", "", query=POINT), "b")
    assert texts(others, "AccessPoints/AccessPoint/AccessPointName") == []


@pytest.mark.parametrize("name", ["ab", "a" * 20, "-ab", "ab-", "Abc", "a_b", "a.b"])
def test_a_bad_name_of_an_access_point_is_refused(
    attacker: Attacker, bucket: str, name: str
) -> None:
    reply = attacker.call(Call("PUT", bucket, query=POINT, body=access_point(name)))
    check_refused(reply, 400, "InvalidArgument")


def test_a_vpc_goes_with_its_origin(attacker: Attacker, bucket: str) -> None:
    vpc = b"<VpcConfiguration><VpcId>vpc-1</VpcId></VpcConfiguration></Create"
    body = access_point("ap-vpc").replace(b"</Create", vpc)
    check_refused(attacker.call(Call("PUT", bucket, query=POINT, body=body)), 400, "MalformedXML")
    attacker.ok(Call("PUT", bucket, query=POINT, body=body.replace(b"internet", b"vpc")))
    got = attacker.ok(point("GET", bucket, "ap-vpc"))
    assert got.document.findtext("VpcConfiguration/VpcId") == "vpc-1"


# Domain names.


def name_call(bucket: str, comp: str, body: bytes) -> Call:
    return Call("POST", bucket, query=(("cname", None), ("comp", comp)), body=body)


def test_a_domain_needs_to_be_verified(attacker: Attacker, bucket: str) -> None:
    refused = attacker.call(name_call(bucket, "add", cname("www.example.com")))
    check_refused(refused, 403, "NeedVerifyDomainOwnership")
    assert refused.document.findtext("EC") == "0018-00000115"
    attacker.ok(name_call(bucket, "delete", cname("www.example.com")))


def test_a_domain_is_bound_with_a_certificate(attacker: Attacker, bucket: str) -> None:
    listing = Call("GET", bucket, query=(("cname", None),))
    attacker.ok(name_call(bucket, "add", cname("A.test")))
    reply = attacker.ok(listing)
    assert (shown(reply)["Bucket"], shown(reply)["Owner"]) == (bucket, UID_A)
    assert texts(reply, "Cname/Domain") == ["a.test"]
    assert reply.document.find("Cname/Certificate") is None
    pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----"
    sent = f"<CertificateConfiguration><Certificate>{pem}</Certificate><PrivateKey>secret"
    sent += "</PrivateKey></CertificateConfiguration>"
    attacker.ok(name_call(bucket, "add", cname("a.test", sent)))
    reply = attacker.ok(listing)
    assert b"secret" not in reply.body
    fingerprint = reply.document.findtext("Cname/Certificate/Fingerprint", "")
    assert fingerprint.startswith("A9:99:3E:36")  # SHA-1 of "abc"
    other = "<CertificateConfiguration><CertId>2</CertId><PreviousCertId>9</PreviousCertId>"
    ending = "</CertificateConfiguration>"
    conflict = attacker.call(name_call(bucket, "add", cname("a.test", other + ending)))
    check_refused(conflict, 409, "CasRenewCertificateConflict")
    force = f"{other}<Force>true</Force>{ending}"
    attacker.ok(name_call(bucket, "add", cname("a.test", force)))
    assert texts(attacker.ok(listing), "Cname/Certificate/CertId") == ["2"]
    without = f"<CertificateConfiguration><DeleteCertificate>true</DeleteCertificate>{ending}"
    attacker.ok(name_call(bucket, "add", cname("a.test", without)))
    assert attacker.ok(listing).document.find("Cname/Certificate") is None
    attacker.ok(name_call(bucket, "delete", cname("a.test")))
    assert texts(attacker.ok(listing), "Cname/Domain") == []


def test_a_domain_belongs_to_one_bucket(attacker: Attacker, bucket: str) -> None:
    other = f"{bucket}-b"
    attacker.ok(Call("PUT", other))
    listing: Query = (("cname", None),)
    attacker.ok(name_call(bucket, "add", cname("moving.test")))
    check_refused(
        attacker.call(name_call("dest-bucket", "add", cname("moving.test")), "b"),
        403,
        "CnameDenied",
    )
    attacker.ok(name_call(other, "add", cname("moving.test")))
    assert texts(attacker.ok(Call("GET", bucket, query=listing)), "Cname/Domain") == []
    assert texts(attacker.ok(Call("GET", other, query=listing)), "Cname/Domain") == ["moving.test"]
    attacker.ok(Call("DELETE", other))


def test_a_token_is_good_for_three_days(attacker: Attacker, bucket: str) -> None:
    getting = Call("GET", bucket, query=(("comp", "token"), ("cname", "www.example.com")))
    check_refused(attacker.call(getting), 404, "CnameTokenNotFound")
    made = attacker.ok(name_call(bucket, "token", cname("www.example.com")))
    assert list(shown(made)) == ["Bucket", "Cname", "Token", "ExpireTime"]
    assert attacker.ok(name_call(bucket, "token", cname("www.example.com"))).body == made.body
    assert attacker.ok(getting).body == made.body
    attacker.server.advance(73 * 3600)
    check_refused(attacker.call(getting), 404, "CnameTokenNotFound")
    again = attacker.ok(name_call(bucket, "token", cname("www.example.com")))
    assert shown(again)["Token"] != shown(made)["Token"]


@pytest.mark.parametrize("domain", ["", "a", "a..test", "a b.test", "-a.test", "x" * 300 + ".test"])
def test_a_bad_domain_is_refused(attacker: Attacker, bucket: str, domain: str) -> None:
    reply = attacker.call(name_call(bucket, "add", cname(domain)))
    check_refused(reply, 400, "InvalidArgument")


# Live channels.


def test_a_channel_from_its_making_to_its_end(attacker: Attacker, bucket: str) -> None:
    made = attacker.ok(Call("PUT", bucket, "ch", LIVE, body=CHANNEL))
    assert texts(made, "PublishUrls/Url") == [f"rtmp://{bucket}.127.0.0.1/live/ch"]
    assert texts(made, "PlayUrls/Url") == [f"http://{bucket}.127.0.0.1/ch/playlist.m3u8"]
    assert attacker.ok(Call("GET", bucket, "ch", LIVE)).body.decode() == DECLARATION + (
        "<LiveChannelConfiguration><Description></Description><Status>enabled</Status><Target>"
        "<Type>HLS</Type><FragDuration>5</FragDuration><FragCount>3</FragCount><PlaylistName>"
        "playlist.m3u8</PlaylistName></Target></LiveChannelConfiguration>"
    )
    stat: Query = (*LIVE, ("comp", "stat"))
    assert shown(attacker.ok(Call("GET", bucket, "ch", stat))) == {"Status": "Idle"}
    attacker.ok(Call("PUT", bucket, "ch", (*LIVE, ("status", "disabled"))))
    assert shown(attacker.ok(Call("GET", bucket, "ch", stat))) == {"Status": "Disabled"}
    history = attacker.ok(Call("GET", bucket, "ch", (*LIVE, ("comp", "history"))))
    assert len(history.document) == 0
    attacker.ok(Call("DELETE", bucket, "ch", LIVE))
    check_refused(attacker.call(Call("GET", bucket, "ch", LIVE)), 404, "NoSuchLiveChannel")


def test_channels_are_listed_in_pages(attacker: Attacker, bucket: str) -> None:
    empty = attacker.ok(Call("GET", bucket, query=(*LIVE, ("prefix", ""), ("marker", ""))))
    assert empty.body.decode() == DECLARATION + (
        "<ListLiveChannelResult><Prefix></Prefix><Marker></Marker><MaxKeys>100</MaxKeys>"
        "<IsTruncated>false</IsTruncated><NextMarker></NextMarker></ListLiveChannelResult>"
    )
    names = ["a-1", "a-2", "a-3", "b-1"]
    for name in names:
        attacker.ok(Call("PUT", bucket, name, LIVE, body=CHANNEL))
    first = attacker.ok(Call("GET", bucket, query=(*LIVE, ("prefix", "a"), ("max-keys", "2"))))
    assert texts(first, "LiveChannel/Name") == ["a-1", "a-2"]
    assert first.document.findtext("NextMarker") == "a-2"
    rest = attacker.ok(Call("GET", bucket, query=(*LIVE, ("prefix", "a"), ("marker", "a-2"))))
    assert texts(rest, "LiveChannel/Name") == ["a-3"]
    for name in names:
        attacker.ok(Call("DELETE", bucket, name, LIVE))


@pytest.mark.parametrize("name", ["a/b", "x" * 64])
def test_a_bad_name_of_a_channel_is_refused(attacker: Attacker, bucket: str, name: str) -> None:
    reply = attacker.call(Call("PUT", bucket, name, LIVE, body=CHANNEL))
    check_refused(reply, 400, "InvalidChannelName")


# Redundancy.


def test_a_transition_passes_through_its_states(attacker: Attacker, bucket: str) -> None:
    starting = Call("POST", bucket, query=(*TASKS, ("x-oss-target-redundancy-type", "ZRS")))
    task_id = shown(attacker.ok(starting))["TaskId"]
    assert shown(attacker.ok(starting))["TaskId"] == task_id
    one: Query = (*TASKS, ("x-oss-redundancy-transition-taskid", task_id))
    info = Call("GET", bucket, query=(("bucketInfo", None),))

    def state() -> tuple[str, str]:
        redundancy = texts(attacker.ok(info), "Bucket/DataRedundancyType")[0]
        return shown(attacker.ok(Call("GET", bucket, query=one)))["Status"], redundancy

    assert state() == ("Queueing", "LRS")
    attacker.server.advance(90)
    assert state() == ("Processing", "LRS")
    attacker.server.advance(3600)
    assert state() == ("Finished", "ZRS")
    tag = "BucketDataRedundancyTransition/TaskId"
    assert texts(attacker.ok(Call("GET", bucket, query=TASKS)), tag) == [task_id]
    assert task_id in texts(attacker.ok(Call("GET", "", query=TASKS)), tag)
    assert texts(attacker.call(Call("GET", "", query=TASKS), "b"), tag) == []
    attacker.ok(Call("DELETE", bucket, query=one))
    check_refused(
        attacker.call(Call("GET", bucket, query=one)),
        404,
        "BucketDataRedundancyTransitionTaskNotExist",
    )


# Regions, lists of buckets, what a bucket is.


def test_regions_are_described(attacker: Attacker) -> None:
    everywhere = attacker.ok(Call("GET", "", query=(("regions", None),)))
    assert "oss-cn-chengdu" in texts(everywhere, "RegionInfo/Region")
    one = attacker.ok(Call("GET", "", query=(("regions", "oss-cn-chengdu"),)))
    assert one.body.decode() == DECLARATION + (
        "<RegionInfoList><RegionInfo><Region>oss-cn-chengdu</Region>"
        "<InternetEndpoint>oss-cn-chengdu.aliyuncs.com</InternetEndpoint>"
        "<InternalEndpoint>oss-cn-chengdu-internal.aliyuncs.com</InternalEndpoint>"
        "<AccelerateEndpoint>oss-accelerate.aliyuncs.com</AccelerateEndpoint>"
        "</RegionInfo></RegionInfoList>"
    )
    for unknown in ("aaa", "cn-chengdu"):
        reply = attacker.call(Call("GET", "", query=(("regions", unknown),)))
        check_refused(reply, 404, "NoSuchRegion")


def test_a_user_has_limits(attacker: Attacker) -> None:
    limits = shown(attacker.ok(Call("GET", "", query=(("qosInfo", None),))))
    assert (limits["Region"], limits["TotalUploadBandwidth"]) == ("oss-cn-hangzhou", "10")
    assert len(limits) == 10


def found(attacker: Attacker, *query: tuple[str, str | None], group: str = "") -> list[str]:
    headers = (("x-oss-resource-group-id", group),) if group else ()
    reply = attacker.ok(Call("GET", "", query=query, headers=headers))
    return texts(reply, "Buckets/Bucket/Name")


def test_buckets_are_found_by_tag_and_group(attacker: Attacker, bucket: str) -> None:
    other, group = f"{bucket}-b", "rg-aek27tc00000001"
    headers = (
        ("x-oss-bucket-tagging", "own=1&k%20ey=%E4%B8%AD&flag"),
        ("x-oss-resource-group-id", group),
    )
    attacker.ok(Call("PUT", other, headers=headers))
    tags = "<Tag><Key>own</Key><Value>2</Value></Tag>"
    put(attacker, bucket, "tagging", f"<Tagging><TagSet>{tags}</TagSet></Tagging>")
    assert found(attacker, ("tag-key", "own")) == [bucket, other]
    assert found(attacker, ("tag-key", "own"), ("tag-value", "1")) == [other]
    assert found(attacker, ("tag-key", "own"), ("tag-value", "")) == []
    assert found(attacker, ("tagging", '"own":"1","k ey":"中"')) == [other]
    assert found(attacker, ("tagging", '"own"')) == [bucket, other]
    assert found(attacker, ("tag-key", "own"), ("max-keys", "1")) == [bucket]
    assert found(attacker, ("tag-key", "own"), ("marker", bucket)) == [other]
    assert found(attacker, group=group) == [other]
    assert found(attacker, ("regionList", "")) == found(attacker)
    for wrong in ("own", '"own":1', '"":"1"', '"own":"1"x'):
        reply = attacker.call(Call("GET", "", query=(("tagging", wrong),)))
        check_refused(reply, 400, "InvalidArgument")
    lone = attacker.call(Call("GET", "", query=(("tag-value", "1"),)))
    check_refused(lone, 400, "InvalidArgument")
    attacker.ok(Call("DELETE", other))


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("x-oss-bucket-tagging", "a=1&a=2", "RepeatedTags"),
        ("x-oss-bucket-tagging", "a=%ff", "InvalidArgument"),
        ("x-oss-bucket-tagging", "&".join(f"k{n}=" for n in range(21)), "TooManyTags"),
        ("x-oss-bucket-tagging", "=1", "InvalidTag"),
        ("x-oss-resource-group-id", "rg-x", "ResourceGroupIdPreCheckError"),
        ("x-oss-hns-status", "enabled", "NotImplemented"),
        ("x-oss-hns-status", "on", "InvalidArgument"),
        ("x-oss-server-side-encryption", "x", "InvalidEncryptionAlgorithmError"),
    ],
)
def test_a_bucket_is_not_made_with_a_wrong_header(
    attacker: Attacker, name: str, value: str, code: str
) -> None:
    before = attacker.everything()
    reply = attacker.call(Call("PUT", "never-made", headers=((name, value),)))
    check_refused(reply, 400, code)
    assert attacker.everything() == before


def test_a_bucket_is_made_encrypted(attacker: Attacker, bucket: str) -> None:
    headers = (
        ("x-oss-server-side-encryption", "KMS"),
        ("x-oss-server-side-encryption-key-id", "9468da86-3509-4f8d-a61e-6eab1eac"),
        ("x-oss-server-side-data-encryption", "SM4"),
        ("x-oss-hns-status", "disabled"),
    )
    attacker.ok(Call("PUT", bucket, headers=headers))
    info = attacker.ok(Call("GET", bucket, query=(("bucketInfo", None),))).document
    rule = info.find("Bucket/ServerSideEncryptionRule")
    assert rule is not None
    assert {each.tag: each.text for each in rule} == {
        "SSEAlgorithm": "KMS",
        "KMSMasterKeyID": "9468da86-3509-4f8d-a61e-6eab1eac",
        "KMSDataEncryption": "SM4",
    }


def test_the_information_of_a_bucket_shows_its_settings(attacker: Attacker, bucket: str) -> None:
    asking = Call("GET", bucket, query=(("bucketInfo", None),))

    def info() -> dict[str, str]:
        document = attacker.ok(asking).document.find("Bucket")
        assert document is not None
        return {path: document.findtext(path, "") for path in INFO}

    assert info() == INFO | {"ResourceGroupId": "rg-acfm0v4fh1tyer5"}
    for noun in ("PublicAccessBlock", "TransferAcceleration", "Logging", "ResourceGroup"):
        document = DOCUMENTS[f"Bucket{noun}"]
        put(attacker, bucket, document.sub_resource, document.body)
    put(attacker, bucket, "encryption", DOCUMENTS["BucketEncryption"].body)
    assert info() == {
        "AccessMonitor": "Disabled",
        "BlockPublicAccess": "true",
        "TransferAcceleration": "Enabled",
        "ResourceGroupId": "rg-aek27tc00000000",
        "ServerSideEncryptionRule/SSEAlgorithm": "KMS",
        "ServerSideEncryptionRule/KMSMasterKeyID": "k",
        "BucketPolicy/LogBucket": "public",
        "BucketPolicy/LogPrefix": "logs/",
    }


INFO = {
    "AccessMonitor": "Disabled",
    "BlockPublicAccess": "false",
    "TransferAcceleration": "Disabled",
    "ResourceGroupId": "",
    "ServerSideEncryptionRule/SSEAlgorithm": "None",
    "ServerSideEncryptionRule/KMSMasterKeyID": "",
    "BucketPolicy/LogBucket": "",
    "BucketPolicy/LogPrefix": "",
}


def policy(principal: str, condition: Mapping[str, object] | None = None) -> bytes:
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": [principal],
        "Resource": ["acs:oss:*:*:b/*"],
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "1", "Statement": [statement]}).encode()


def test_the_status_of_a_policy(attacker: Attacker, bucket: str) -> None:
    status = Call("GET", bucket, query=(("policyStatus", None),))
    assert shown(attacker.ok(status)) == {"IsPublic": "false"}
    near = {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}
    for body, expected in [
        (policy("*"), "true"),
        (policy(UID_B), "false"),
        (policy("*", near), "false"),
    ]:
        attacker.ok(Call("PUT", bucket, query=(("policy", None),), body=body))
        assert shown(attacker.ok(status)) == {"IsPublic": expected}


@pytest.mark.parametrize("status", ["None", "Disabled", "enabled", " "])
def test_an_unknown_versioning_status_is_malformed(
    attacker: Attacker, bucket: str, status: str
) -> None:
    body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
    reply = attacker.call(Call("PUT", bucket, query=(("versioning", None),), body=body.encode()))
    check_clean(reply)
    check_refused(reply, 400, "MalformedXML")


def test_no_answer_has_a_namespace(attacker: Attacker, bucket: str) -> None:
    for document in DOCUMENTS.values():
        reply = attacker.call(Call("GET", bucket, query=((document.sub_resource, None),)))
        assert b"xmlns" not in reply.body
        ElementTree.fromstring(reply.body)  # noqa: S314 - documents of our own server
