"""Pay-by-requester."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from emulator.protocol.signing import Scheme
from tests.api.test_errors_of_operations import code_of
from tests.support.delivery import (
    OWNER_PAYS,
    PAYS,
    REQUESTER,
    anonymous,
    by_url,
    let_b_in,
    make_public,
    put_setting,
)
from tests.support.hostile import Attacker, Reply
from tests.support.places import fresh_bucket
from tests.support.process import UID_B
from tests.support.wire import Call

CHARGED = "x-oss-request-charged"


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "payer") as name:
        let_b_in(attacker, name)
        put_setting(attacker, name, "requestPayment", REQUESTER)
        attacker.ok(Call("PUT", name, "key", body=b"content"))
        yield name


def check_denied(reply: Reply, ec: str) -> None:
    assert (reply.status, code_of(reply)) == (403, "AccessDenied")
    assert reply.header("x-oss-ec") == ec
    assert reply.header(CHARGED) == ""
    if reply.body:
        assert reply.document.findtext("Message") == "Access denied for requester pay bucket"
        assert reply.document.findtext("BucketName")


TAGS = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
DELETES = b"<Delete><Object><Key>other</Key></Object></Delete>"
ASKED: list[tuple[str, str, tuple[tuple[str, str | None], ...], bytes]] = [
    ("GET", "key", (), b""),
    ("HEAD", "key", (), b""),
    ("HEAD", "key", (("objectMeta", None),), b""),
    ("PUT", "other", (), b"x"),
    ("DELETE", "other", (), b""),
    ("POST", "", (("delete", None),), DELETES),
    ("GET", "key", (("acl", None),), b""),
    ("PUT", "key", (("tagging", None),), TAGS),
    ("GET", "key", (("tagging", None),), b""),
    ("DELETE", "key", (("tagging", None),), b""),
    ("POST", "new", (("uploads", None),), b""),
    ("GET", "", (), b""),
    ("HEAD", "", (), b""),
    ("GET", "", (("list-type", "2"),), b""),
    ("GET", "", (("versions", None),), b""),
    ("GET", "", (("uploads", None),), b""),
    ("GET", "", (("bucketInfo", None),), b""),
]


@pytest.mark.parametrize(("method", "key", "query", "body"), ASKED)
def test_others_say_that_they_pay(
    attacker: Attacker,
    bucket: str,
    method: str,
    key: str,
    query: tuple[tuple[str, str | None], ...],
    body: bytes,
) -> None:
    call = Call(method, bucket, key, query, (), body)
    check_denied(attacker.call(call, "b"), "0003-00000703")
    for value in ("bucketOwner", "", "owner"):
        wrong = call._replace(headers=((PAYS[0], value),))
        check_denied(attacker.call(wrong, "b"), "0003-00000703")
    reply = attacker.ok(call._replace(headers=(PAYS,)), "b")
    assert reply.header(CHARGED) == "requester"
    own = attacker.ok(call)
    assert own.header(CHARGED) == ""
    for upload in attacker.ok(Call("GET", bucket, query=(("uploads", None),))).document.iterfind(
        "Upload"
    ):
        abort = (("uploadId", upload.findtext("UploadId", "")),)
        attacker.ok(Call("DELETE", bucket, "new", abort))


@pytest.mark.parametrize("scheme", [Scheme.V1, Scheme.V4])
def test_signed_urls_say_it_in_the_query(attacker: Attacker, bucket: str, scheme: Scheme) -> None:
    call = Call("GET", bucket, "key")
    check_denied(by_url(attacker, call, "b", scheme=scheme), "0003-00000702")
    paying = call._replace(query=(PAYS,))
    reply = by_url(attacker, paying, "b", scheme=scheme)
    assert (reply.status, reply.body) == (200, b"content")
    assert reply.header(CHARGED) == "requester"
    assert by_url(attacker, call, scheme=scheme).status == 200


def test_nobody_is_not_let_in(attacker: Attacker, bucket: str) -> None:
    make_public(attacker, bucket)
    for headers in ({}, {"x_oss_request_payer": "requester"}):
        for key in ("key", ""):
            check_denied(anonymous(attacker, bucket, key, **headers), "0003-00000701")
    put_setting(attacker, bucket, "requestPayment", OWNER_PAYS)
    assert anonymous(attacker, bucket, "key").status == 200


def test_a_copy_asks_on_both_sides(attacker: Attacker, bucket: str) -> None:
    with fresh_bucket(attacker, "free") as free:
        let_b_in(attacker, free)
        source = ("x-oss-copy-source", f"/{bucket}/key")
        call = Call("PUT", free, "copy", headers=(source,))
        check_denied(attacker.call(call, "b"), "0003-00000703")
        attacker.ok(call._replace(headers=(source, PAYS)), "b")
        back = Call("PUT", bucket, "back", headers=(("x-oss-copy-source", f"/{free}/copy"),))
        check_denied(attacker.call(back, "b"), "0003-00000703")
        attacker.ok(back._replace(headers=(*back.headers, PAYS)), "b")


def test_paying_gives_no_right(attacker: Attacker, bucket: str) -> None:
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": [UID_B],
        "Resource": [f"acs:oss:*:*:{bucket}/*"],
    }
    document = json.dumps({"Version": "1", "Statement": [statement]})
    put_setting(attacker, bucket, "policy", document)
    attacker.ok(Call("GET", bucket, "key", headers=(PAYS,)), "b")
    reply = attacker.call(Call("PUT", bucket, "other", headers=(PAYS,)), "b")
    assert (reply.status, code_of(reply)) == (403, "AccessDenied")
    assert reply.header("x-oss-ec") != "0003-00000703"


def test_an_error_is_charged_too(attacker: Attacker, bucket: str) -> None:
    reply = attacker.call(Call("GET", bucket, "missing", headers=(PAYS,)), "b")
    assert code_of(reply) == "NoSuchKey"
    assert reply.header(CHARGED) == "requester"
