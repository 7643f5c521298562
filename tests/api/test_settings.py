"""Every setting: put, given back, deleted, unset, malformed, too large, forbidden."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from emulator.protocol.settings.table import SETTINGS, setting_of
from emulator.protocol.xml.writer import DECLARATION
from tests.support.cases.forms import Query
from tests.support.cases.settings import (
    BLOCK,
    CHANNEL,
    DOCUMENTS,
    STYLE,
    Document,
    access_point,
    cname,
    inventory,
    leaf,
    qos,
)
from tests.support.covers import covers
from tests.support.hostile import Attacker, Reply, check_clean, check_refused
from tests.support.wire import Call

_NUMBERS = itertools.count(1)
TAGGING: Query = (("tagging", None),)


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    """An empty bucket of account A."""
    name = f"settings-{next(_NUMBERS)}"
    attacker.ok(Call("PUT", name))
    yield name
    for each in listed(attacker, Call("GET", name, query=(("live", None),)), "LiveChannel/Name"):
        attacker.ok(Call("DELETE", name, each, (("live", None),)))
    attacker.call(Call("DELETE", name))


def listed(attacker: Attacker, call: Call, path: str) -> list[str]:
    reply = attacker.call(call)
    return [each.text or "" for each in reply.document.iterfind(path)] if reply.status < 300 else []


def ask(
    attacker: Attacker, method: str, bucket: str, query: Query, body: str | bytes = b""
) -> Reply:
    data = body.encode() if isinstance(body, str) else body
    reply = attacker.call(Call(method, bucket, query=query, body=data))
    check_clean(reply)
    return reply


def query_of(document: Document) -> Query:
    return ((document.sub_resource, None),)


def check_unset(reply: Reply, document: Document, bucket: str) -> None:
    if document.unset.startswith("<"):
        assert (reply.status, reply.body.decode()) == (200, DECLARATION + document.unset)
    else:
        check_refused(reply, 404, document.unset)
        assert reply.document.findtext("BucketName") == bucket


def test_every_row_is_looked_at() -> None:
    plain = {setting.noun for setting in SETTINGS if not setting.item and not setting.of_account}
    assert DOCUMENTS.keys() == plain


@covers("PutBucketResponseHeader", "GetBucketResponseHeader")
@pytest.mark.parametrize("noun", DOCUMENTS)
def test_a_setting_is_given_back_as_it_was_put(attacker: Attacker, bucket: str, noun: str) -> None:
    document = DOCUMENTS[noun]
    query = query_of(document)
    check_unset(ask(attacker, "GET", bucket, query), document, bucket)
    put = ask(attacker, "PUT", bucket, query, document.body)
    assert (put.status, put.body) == (200, b"")
    got = ask(attacker, "GET", bucket, query)
    assert (got.status, got.body.decode()) == (200, DECLARATION + document.body)
    assert got.header("content-type") == "application/xml"
    again = ask(attacker, "PUT", bucket, query, got.body)
    assert again.status == 200
    assert ask(attacker, "GET", bucket, query).body == got.body


@covers("DeleteBucketResponseHeader", "DeleteBucketTransferAcceleration")
@pytest.mark.parametrize("noun", [noun for noun, each in DOCUMENTS.items() if "D" in each.verbs])
def test_a_deleted_setting_is_unset_again(attacker: Attacker, bucket: str, noun: str) -> None:
    document = DOCUMENTS[noun]
    query = query_of(document)
    assert ask(attacker, "DELETE", bucket, query).status == 204
    ask(attacker, "PUT", bucket, query, document.body)
    for _ in range(2):
        reply = ask(attacker, "DELETE", bucket, query)
        assert (reply.status, reply.body) == (204, b"")
        check_unset(ask(attacker, "GET", bucket, query), document, bucket)


def _wrong_bodies(document: Document) -> dict[str, str]:
    inner = document.body.removeprefix(f"<{document.root}>")
    return {
        "empty": "",
        "white space": " \r\n ",
        "cut": document.body[:-1],
        "wrong root": f"<Wrong>{inner.removesuffix(f'</{document.root}>')}</Wrong>",
        "text beside elements": document.body.replace(">", ">text", 1),
        "elements for text": re.sub(">[^<>]+<", "><x/><", document.body, count=1),
        "an entity": f'<!DOCTYPE x [<!ENTITY e "e">]>{document.body}',
        "deep": "<a>" * 40 + "</a>" * 40,
    }


@pytest.mark.parametrize("noun", DOCUMENTS)
def test_a_malformed_setting_leaves_what_was_there(
    attacker: Attacker, bucket: str, noun: str
) -> None:
    document = DOCUMENTS[noun]
    query = query_of(document)
    ask(attacker, "PUT", bucket, query, document.body)
    before = attacker.everything()
    for name, body in _wrong_bodies(document).items():
        reply = ask(attacker, "PUT", bucket, query, body)
        assert (reply.status, reply.code) == (400, "MalformedXML"), name
        assert reply.document.findtext("ErrorDetail"), name
    check_refused(ask(attacker, "PUT", bucket, query, document.wrong), 400, document.code)
    assert attacker.everything() == before
    assert ask(attacker, "GET", bucket, query).body.decode() == DECLARATION + document.body


@pytest.mark.parametrize("noun", DOCUMENTS)
def test_a_setting_that_is_too_large_is_refused(attacker: Attacker, bucket: str, noun: str) -> None:
    document, limit = DOCUMENTS[noun], setting_of(noun).bytes_max
    query = query_of(document)
    filler = "<!--" + "x" * (limit - len(document.body) - 7) + "-->"
    assert ask(attacker, "PUT", bucket, query, document.body + filler).status == 200
    reply = ask(attacker, "PUT", bucket, query, document.body + filler + " ")
    assert (reply.status, reply.code) == (400, "MalformedXML")
    assert str(limit) in reply.document.findtext("ErrorDetail", "")


@pytest.mark.parametrize("noun", DOCUMENTS)
@pytest.mark.parametrize("account", ["b", ""], ids=["other", "anonymous"])
def test_a_setting_of_others_is_neither_read_nor_changed(
    attacker: Attacker, bucket: str, account: str, noun: str
) -> None:
    document = DOCUMENTS[noun]
    query = query_of(document)
    ask(attacker, "PUT", bucket, query, document.body)
    before = attacker.everything()
    calls = [Call("PUT", bucket, query=query, body=b"<x/>"), Call("GET", bucket, query=query)]
    if "D" in document.verbs:
        calls.append(Call("DELETE", bucket, query=query))
    for call in calls:
        check_refused(attacker.call(call, account), 403, "AccessDenied")
    assert attacker.everything() == before


def test_a_digest_that_does_not_fit_is_refused(attacker: Attacker, bucket: str) -> None:
    document = DOCUMENTS["BucketCors"]
    call = Call("PUT", bucket, query=query_of(document), body=document.body.encode())
    wrong = call._replace(headers=(("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),))
    check_refused(attacker.call(wrong), 400, "InvalidDigest")


# What only one document knows.


def sse(inner: str) -> str:
    return leaf("ServerSideEncryptionRule", "ApplyServerSideEncryptionByDefault", inner)


def tags(*pairs: tuple[str, str]) -> str:
    inner = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{inner}</TagSet></Tagging>"


def cors(inner: str, rules: int = 1) -> str:
    rule = f"<CORSRule>{inner}</CORSRule>"
    return f"<CORSConfiguration>{rule * rules}</CORSConfiguration>"


def logging(target: str) -> str:
    return leaf("BucketLoggingStatus", "LoggingEnabled", f"<TargetBucket>{target}</TargetBucket>")


_METHOD = "<AllowedMethod>GET</AllowedMethod>"
_ANY = f"<AllowedOrigin>*</AllowedOrigin>{_METHOD}"
REFUSALS: list[tuple[str, str, str, str]] = [
    ("tagging", "21 tags", tags(*((f"k{n}", "") for n in range(21))), "TooManyTags"),
    ("tagging", "twice", tags(("k", "1"), ("k", "2")), "RepeatedTags"),
    ("tagging", "no key", tags(("", "1")), "InvalidTag"),
    ("tagging", "65 bytes", tags(("k" * 65, "1")), "InvalidTag"),
    ("tagging", "129 bytes", tags(("k", "v" * 129)), "InvalidTag"),
    ("tagging", "reserved", tags(("https://k", "1")), "InvalidTag"),
    ("tagging", "Aliyun", tags(("AliyunKey", "1")), "InvalidTag"),
    ("cors", "11 rules", cors(_ANY, 11), "CORSRuleBeyondLimit"),
    ("cors", "stars", cors(f"<AllowedOrigin>*.*</AllowedOrigin>{_METHOD}"), "InvalidArgument"),
    ("cors", "exposed", cors(f"{_ANY}<ExposeHeader>*</ExposeHeader>"), "InvalidArgument"),
    ("cors", "age", cors(f"{_ANY}<MaxAgeSeconds>-1</MaxAgeSeconds>"), "InvalidArgument"),
    ("cors", "method", cors(_ANY.replace("GET", "get")), "MalformedXML"),
    ("encryption", "unknown", sse("<SSEAlgorithm>x</SSEAlgorithm>"),
     "InvalidEncryptionAlgorithmError"),
    ("encryption", "key", sse("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k"
     "</KMSMasterKeyID>"), "InvalidArgument"),
    ("encryption", "data", sse("<SSEAlgorithm>KMS</SSEAlgorithm><KMSDataEncryption>AES256"
     "</KMSDataEncryption>"), "InvalidDataEncryptionAlgorithmError"),
    ("logging", "nowhere", logging("no-such-bucket-x"), "InvalidTargetBucketForLogging"),
    ("logging", "of others", logging("dest-bucket"), "InvalidTargetBucketForLogging"),
    ("httpsConfig", "no version", "<HttpsConfiguration><TLS><Enable>true</Enable></TLS>"
     "</HttpsConfiguration>", "MalformedXML"),
    ("httpsConfig", "version", "<HttpsConfiguration><TLS><Enable>true</Enable><TLSVersion>aaa"
     "</TLSVersion></TLS></HttpsConfiguration>", "MalformedXML"),
    ("overwriteConfig", "twice", "<OverwriteConfiguration><Rule><ID>1</ID><Action>forbid</Action>"
     "</Rule><Rule><ID>1</ID><Action>forbid</Action></Rule></OverwriteConfiguration>",
     "MalformedXML"),
    ("qosInfo", "part", qos(TotalUploadBandwidth=3, IntranetUploadBandwidth=4), "InvalidArgument"),
    ("qosInfo", "below", qos(TotalQps=-2), "InvalidArgument"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "what", "body", "code"), REFUSALS, ids=lambda each: each if len(each) < 16 else ""
)
def test_what_a_document_may_not_say(
    attacker: Attacker, bucket: str, name: str, what: str, body: str, code: str
) -> None:
    before = attacker.everything()
    reply = ask(attacker, "PUT", bucket, ((name, None),), body)
    assert (reply.status, reply.code) == (400, code), what
    assert attacker.everything() == before


def test_an_age_that_is_refused_is_named(attacker: Attacker, bucket: str) -> None:
    body = cors(f"{_ANY}<MaxAgeSeconds>-1</MaxAgeSeconds>")
    error = ask(attacker, "PUT", bucket, (("cors", None),), body).document
    assert error.findtext("ArgumentName") == "MaxAgeSeconds"
    assert error.findtext("ArgumentValue") == "-1"


def test_what_is_put_straight_when_it_is_put(attacker: Attacker, bucket: str) -> None:
    put_and_shown = [
        ("logging", "<BucketLoggingStatus/>", "<BucketLoggingStatus></BucketLoggingStatus>"),
        ("encryption", sse("<SSEAlgorithm>SM4</SSEAlgorithm><KMSMasterKeyID/>"
         "<KMSDataEncryption>SM4</KMSDataEncryption>"), sse("<SSEAlgorithm>SM4</SSEAlgorithm>")),
        ("httpsConfig", "<HttpsConfiguration><TLS><Enable>True</Enable><TLSVersion>TLSv1.2"
         "</TLSVersion><TLSVersion>TLSv1.2</TLSVersion></TLS></HttpsConfiguration>",
         "<HttpsConfiguration><TLS><Enable>true</Enable><TLSVersion>TLSv1.2</TLSVersion></TLS>"
         "</HttpsConfiguration>"),
        ("qosInfo", "<QoSConfiguration/>", qos()),
        ("cors", cors(_ANY), cors(_ANY).replace(
            "</CORSConfiguration>", "<ResponseVary>false</ResponseVary></CORSConfiguration>")),
    ]  # fmt: skip
    for name, put, shown in put_and_shown:
        assert ask(attacker, "PUT", bucket, ((name, None),), put).status == 200, name
        got = ask(attacker, "GET", bucket, ((name, None),))
        assert got.body.decode() == DECLARATION + shown, name


def test_a_namespace_and_unknown_elements_do_not_matter(attacker: Attacker, bucket: str) -> None:
    body = (
        '<BucketUserQos xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"><Other><x/></Other>'
        "<StorageCapacity> 7 </StorageCapacity></BucketUserQos>"
    )
    assert ask(attacker, "PUT", bucket, (("qos", None),), body).status == 200
    shown = ask(attacker, "GET", bucket, (("qos", None),)).body.decode()
    assert shown == DECLARATION + leaf("BucketUserQos", "StorageCapacity", "7")


def test_some_tags_can_be_deleted(attacker: Attacker, bucket: str) -> None:
    ask(attacker, "PUT", bucket, TAGGING, tags(("%@abc", "1"), ("b", "2"), ("c", "")))
    assert ask(attacker, "DELETE", bucket, (("aa", "x"), ("tagging", "%@abc,zz"))).status == 204
    got = ask(attacker, "GET", bucket, TAGGING).body.decode()
    assert got == DECLARATION + tags(("b", "2"), ("c", ""))
    ask(attacker, "DELETE", bucket, (("tagging", "b,c"),))
    assert ask(attacker, "GET", bucket, TAGGING).body.decode() == DECLARATION + tags()


def test_the_account_block_is_apart_from_the_buckets(attacker: Attacker, bucket: str) -> None:
    query: Query = (("publicAccessBlock", None),)
    try:
        assert ask(attacker, "PUT", "", query, BLOCK.replace(b"false", b"True")).status == 200
        assert b"true" in ask(attacker, "GET", "", query).body
        assert b"false" in ask(attacker, "GET", bucket, query).body
        assert b"false" in attacker.call(Call("GET", "", query=query), "b").body
    finally:
        assert ask(attacker, "DELETE", "", query).status == 204
    assert b"false" in ask(attacker, "GET", "", query).body


def test_acceleration_stays_while_a_rule_uses_it(attacker: Attacker, bucket: str) -> None:
    query: Query = (("transferAcceleration", None),)
    document, source = DOCUMENTS["BucketTransferAcceleration"], f"{bucket}-src"
    assert ask(attacker, "PUT", source, ()).status == 200
    rule = (
        f"<ReplicationConfiguration><Rule><Destination><Bucket>{bucket}</Bucket><Location>"
        "oss-cn-hangzhou</Location><TransferType>oss_acc</TransferType></Destination>"
        "<SyncRole>roleNameTest</SyncRole></Rule></ReplicationConfiguration>"
    )
    added: Query = (("replication", None), ("comp", "add"))
    rule_id = ask(attacker, "POST", source, added, rule).header("x-oss-replication-rule-id")
    assert rule_id
    assert b"<Enabled>true</Enabled>" in ask(attacker, "GET", bucket, query).body
    off = document.body.replace("true", "false")
    for method, body in (("PUT", off), ("DELETE", "")):
        reply = ask(attacker, method, bucket, query, body)
        check_refused(reply, 409, "TransferAccAlreadyInUse")
        assert reply.document.findtext("SourceBucket") == source
        assert reply.document.findtext("DestinationBucket") == bucket
    dropped: Query = (("replication", None), ("comp", "delete"))
    body = f"<ReplicationRules><ID>{rule_id}</ID></ReplicationRules>"
    ask(attacker, "POST", source, dropped, body)
    attacker.server.settle(advance=True)
    assert ask(attacker, "DELETE", bucket, query).status == 204


# Settings of which there are several.


def test_inventories_are_listed_by_the_hundred(attacker: Attacker, bucket: str) -> None:
    listing: Query = (("inventory", None),)
    check_refused(ask(attacker, "GET", bucket, listing), 404, "NoSuchInventory")
    for number in range(103):
        item = f"id-{number:03d}"
        query = (*listing, ("inventoryId", item))
        assert ask(attacker, "PUT", bucket, query, inventory(item)).status == 200
    first = ask(attacker, "GET", bucket, (*listing, ("continuation-token", ""))).document
    assert len(first.findall("InventoryConfiguration")) == 100
    assert first.find("ContinuationToken") is None
    assert first.findtext("IsTruncated") == "true"
    token = first.findtext("NextContinuationToken", "")
    second = ask(attacker, "GET", bucket, (*listing, ("continuation-token", token))).document
    assert len(second.findall("InventoryConfiguration")) == 3
    assert second.findtext("ContinuationToken") == token
    assert second.findtext("IsTruncated") == "false"
    assert second.find("NextContinuationToken") is None


def test_an_inventory_is_kept_until_it_is_deleted(attacker: Attacker, bucket: str) -> None:
    query: Query = (("inventory", None), ("inventoryId", "one"))
    sent = inventory("one", filtered="<Filter><StorageClass>Standard,IA</StorageClass></Filter>")
    assert ask(attacker, "PUT", bucket, query, sent).status == 200
    shown = sent.replace(b"Standard,IA", b"IA,Standard")
    assert ask(attacker, "GET", bucket, query).body == DECLARATION.encode() + shown
    check_refused(ask(attacker, "PUT", bucket, query, sent), 409, "InventoryAlreadyExist")
    assert ask(attacker, "DELETE", bucket, query).status == 204
    check_refused(ask(attacker, "GET", bucket, query), 404, "NoSuchInventory")
    for wrong in (b"<Field>Weight</Field>", b"<Field></Field>"):
        body = sent.replace(b"<Field>Size</Field>", wrong)
        check_refused(ask(attacker, "PUT", bucket, query, body), 400, "InvalidArgument")


def test_styles_keep_the_time_they_were_made(attacker: Attacker, bucket: str) -> None:
    query: Query = (("style", None), ("styleName", "one"))
    ask(attacker, "PUT", bucket, query, STYLE)
    first = ask(attacker, "GET", bucket, query).document
    attacker.server.advance(5)
    with_category = (*query, ("category", "image"))
    ask(attacker, "PUT", bucket, with_category, STYLE.replace(b"200", b"300"))
    second = ask(attacker, "GET", bucket, query).document
    assert [each.tag for each in second] == [
        "Name", "Content", "CreateTime", "LastModifyTime", "Category",
    ]  # fmt: skip
    assert second.findtext("CreateTime") == first.findtext("CreateTime")
    assert second.findtext("LastModifyTime") != first.findtext("LastModifyTime")
    assert listed(attacker, Call("GET", bucket, query=(("style", None),)), "Style/Name") == ["one"]
    empty = ask(attacker, "PUT", bucket, query, "<Style><Content></Content></Style>")
    check_refused(empty, 400, "InvalidArgument")
    assert empty.document.findtext("Message") == "Style content is invalid."
    ask(attacker, "DELETE", bucket, query)
    check_refused(ask(attacker, "GET", bucket, query), 404, "NoSuchStyle")


def test_a_bucket_goes_with_its_settings_and_comes_back_without(
    attacker: Attacker, bucket: str
) -> None:
    for document in DOCUMENTS.values():
        ask(attacker, "PUT", bucket, query_of(document), document.body)
    ask(attacker, "PUT", bucket, (("accessPoint", None),), access_point("ap-gone"))
    ask(attacker, "POST", bucket, (("cname", None), ("comp", "add")), cname("gone.test"))
    attacker.ok(Call("DELETE", bucket))
    attacker.ok(Call("PUT", bucket))
    for document in DOCUMENTS.values():
        check_unset(ask(attacker, "GET", bucket, query_of(document)), document, bucket)
    assert listed(attacker, Call("GET", bucket, query=(("cname", None),)), "Cname/Domain") == []


def test_a_bucket_with_live_channels_is_not_empty(attacker: Attacker, bucket: str) -> None:
    live: Query = (("live", None),)
    attacker.ok(Call("PUT", bucket, "channel", live, body=CHANNEL))
    check_refused(attacker.call(Call("DELETE", bucket)), 409, "BucketNotEmpty")
    attacker.ok(Call("DELETE", bucket, "channel", live))
    attacker.ok(Call("DELETE", bucket))
