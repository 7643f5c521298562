"""Block Public Access, policy status, anonymous callers, probes of buckets, path style."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from emulator.protocol.signing import Scheme
from tests.api.test_errors_of_operations import code_of
from tests.support.covers import covers
from tests.support.delivery import (
    BLOCK,
    PUBLIC_READ,
    anonymous,
    by_url,
    make_public,
    put_setting,
)
from tests.support.hostile import Attacker
from tests.support.places import fresh_bucket
from tests.support.process import UID_A, UID_B, EmulatorProcess
from tests.support.wire import Call

OBJECT_PUBLIC = (("x-oss-object-acl", "public-read"),)
EVERYONE = {"Principal": ["*"]}


@pytest.fixture
def bucket(attacker: Attacker) -> Iterator[str]:
    with fresh_bucket(attacker, "public") as name:
        attacker.ok(Call("PUT", name, "key", body=b"content"))
        yield name


@pytest.fixture
def block_account(attacker: Attacker) -> Iterator[None]:
    put_setting(attacker, "", "publicAccessBlock", BLOCK)
    yield
    attacker.ok(Call("DELETE", "", query=(("publicAccessBlock", None),)))


def policy(bucket: str, **statement: object) -> str:
    whole = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Resource": [f"acs:oss:*:{UID_A}:{bucket}/*"],
        **statement,
    }
    return json.dumps({"Version": "1", "Statement": [whole]})


def is_public(attacker: Attacker, bucket: str) -> str:
    reply = attacker.ok(Call("GET", bucket, query=(("policyStatus", None),)))
    assert reply.document.tag == "PolicyStatus"
    return reply.document.findtext("IsPublic", "")


@covers("GetBucketPolicyStatus")
def test_a_policy_is_public_or_not(attacker: Attacker, bucket: str) -> None:
    assert is_public(attacker, bucket) == "false"
    for statement, public in (
        (EVERYONE, "true"),
        ({"Principal": [UID_B]}, "false"),
        ({**EVERYONE, "Effect": "Deny"}, "false"),
        ({**EVERYONE, "Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}}, "false"),
        ({**EVERYONE, "Condition": {"IpAddress": {"acs:SourceIp": ["0.0.0.0/0"]}}}, "true"),
    ):
        put_setting(attacker, bucket, "policy", policy(bucket, **statement))
        assert is_public(attacker, bucket) == public
    attacker.ok(Call("DELETE", bucket, query=(("policy", None),)))
    assert is_public(attacker, bucket) == "false"


def test_what_is_public_counts_for_nothing_while_it_is_blocked(
    attacker: Attacker, bucket: str
) -> None:
    call = Call("GET", bucket, "key")

    def readers() -> list[int]:
        return [attacker.call(call, account).status for account in ("a", "b", "")]

    make_public(attacker, bucket)
    assert readers() == [200, 200, 200]
    put_setting(attacker, bucket, "publicAccessBlock", BLOCK)
    assert readers() == [200, 403, 403]
    attacker.ok(Call("DELETE", bucket, query=(("publicAccessBlock", None),)))
    assert readers() == [200, 200, 200]
    attacker.ok(Call("PUT", bucket, query=(("acl", None),), headers=(("x-oss-acl", "private"),)))
    put_setting(attacker, bucket, "policy", policy(bucket, **EVERYONE))
    assert readers() == [200, 200, 200]
    put_setting(attacker, bucket, "publicAccessBlock", BLOCK)
    assert readers() == [200, 403, 403]
    put_setting(attacker, bucket, "policy", policy(bucket, Principal=[UID_B]))
    assert readers() == [200, 200, 403]


def test_an_object_made_public_before_is_blocked_too(attacker: Attacker, bucket: str) -> None:
    attacker.ok(Call("PUT", bucket, "key", (("acl", None),), OBJECT_PUBLIC))
    assert anonymous(attacker, bucket, "key").status == 200
    put_setting(attacker, bucket, "publicAccessBlock", BLOCK)
    assert anonymous(attacker, bucket, "key").status == 403
    assert anonymous(attacker, bucket, "key", method="HEAD").status == 403


GRANTS: list[tuple[str, str, tuple[tuple[str, str | None], ...], tuple[tuple[str, str], ...]]] = [
    ("PUT", "", (("acl", None),), PUBLIC_READ),
    ("PUT", "", (("acl", None),), (("x-oss-acl", "public-read-write"),)),
    ("PUT", "", (), PUBLIC_READ),
    ("PUT", "new", (), OBJECT_PUBLIC),
    ("PUT", "key", (("acl", None),), OBJECT_PUBLIC),
    ("PUT", "copy", (), (*OBJECT_PUBLIC, ("x-oss-copy-source", "/{bucket}/key"))),
    ("PUT", "link", (("symlink", None),), (*OBJECT_PUBLIC, ("x-oss-symlink-target", "key"))),
    ("POST", "more", (("append", None), ("position", "0")), OBJECT_PUBLIC),
]


@pytest.mark.parametrize(("method", "key", "query", "headers"), GRANTS)
@pytest.mark.parametrize("level", ["bucket", "account"])
def test_new_public_acls_are_refused_and_leave_no_trace(
    request: pytest.FixtureRequest,
    attacker: Attacker,
    bucket: str,
    level: str,
    method: str,
    key: str,
    query: tuple[tuple[str, str | None], ...],
    headers: tuple[tuple[str, str], ...],
) -> None:
    if level == "account":
        request.getfixturevalue("block_account")
    else:
        put_setting(attacker, bucket, "publicAccessBlock", BLOCK)
    placed = tuple((name, value.replace("{bucket}", bucket)) for name, value in headers)
    reply = attacker.call(Call(method, bucket, key, query, placed))
    assert (reply.status, code_of(reply)) == (403, "AccessDenied")
    assert reply.header("x-oss-ec") == "0016-00000901"
    what = "object" if key else "bucket"
    assert reply.document.findtext("Message") == f"Put public {what} acl is not allowed"
    listed = attacker.ok(Call("GET", bucket)).document
    assert [each.text for each in listed.iterfind("Contents/Key")] == ["key"]
    grant = attacker.ok(Call("GET", bucket, query=(("acl", None),))).document
    assert grant.findtext("AccessControlList/Grant") == "private"
    grant = attacker.ok(Call("GET", bucket, "key", query=(("acl", None),))).document
    assert grant.findtext("AccessControlList/Grant") == "default"


def test_new_public_policies_are_refused(attacker: Attacker, bucket: str) -> None:
    put_setting(attacker, bucket, "publicAccessBlock", BLOCK)
    document = policy(bucket, **EVERYONE).encode()
    reply = attacker.call(Call("PUT", bucket, query=(("policy", None),), body=document))
    assert (reply.status, code_of(reply)) == (403, "AccessDenied")
    assert reply.document.findtext("Message") == "Put public bucket policy is not allowed"
    assert attacker.call(Call("GET", bucket, query=(("policy", None),))).status == 404
    put_setting(attacker, bucket, "policy", policy(bucket, Principal=[UID_B]))


@pytest.mark.usefixtures("block_account")
def test_an_account_blocks_all_its_buckets_and_nobody_elses(attacker: Attacker) -> None:
    assert code_of(anonymous(attacker, "public", "page")) == "AccessDenied"
    refused = attacker.call(Call("PUT", "open-bucket", headers=PUBLIC_READ))
    assert (refused.status, code_of(refused)) == (403, "AccessDenied")
    assert attacker.call(Call("GET", "open-bucket")).status == 404
    acl = (("acl", None),)
    attacker.ok(Call("PUT", "dest-bucket", query=acl, headers=PUBLIC_READ), "b")
    assert anonymous(attacker, "dest-bucket", "b-key").status == 200
    private = (("x-oss-acl", "private"),)
    attacker.ok(Call("PUT", "dest-bucket", query=acl, headers=private), "b")


def test_new_buckets_block_when_they_are_told_to() -> None:
    settings = ("oss.block_public_access_default=true",)
    with EmulatorProcess(settings=settings) as server:
        attacker = Attacker(server)
        open_bucket = Call("PUT", "fresh-bucket", headers=PUBLIC_READ)
        assert attacker.call(open_bucket).header("x-oss-ec") == "0016-00000901"
        attacker.ok(Call("PUT", "fresh-bucket"))
        assert attacker.call(open_bucket).header("x-oss-ec") == "0016-00000901"
        attacker.ok(Call("DELETE", "fresh-bucket", query=(("publicAccessBlock", None),)))
        attacker.ok(open_bucket)
        assert anonymous(attacker, "fresh-bucket").status == 200
        attacker.close()


# anonymous callers


def test_strangers_read_what_is_public_and_manage_nothing(attacker: Attacker, bucket: str) -> None:
    make_public(attacker, bucket)
    assert anonymous(attacker, bucket, "key").body == b"content"
    assert anonymous(attacker, bucket).status == 200
    for name in ("acl", "policyStatus", "cors", "bucketInfo", "policy"):
        reply = anonymous(attacker, bucket, "", (name, None))
        assert (reply.status, code_of(reply)) == (403, "AccessDenied")
    assert code_of(anonymous(attacker, bucket, "key", method="DELETE")) == "AccessDenied"


def test_strangers_may_not_choose_the_headers_of_an_answer(attacker: Attacker, bucket: str) -> None:
    make_public(attacker, bucket)
    override = ("response-content-type", "text/plain")
    reply = anonymous(attacker, bucket, "key", override)
    assert (reply.status, code_of(reply)) == (400, "InvalidRequest")
    signed = by_url(attacker, Call("GET", bucket, "key", (override,)))
    assert (signed.status, signed.header("content-type")) == (200, "text/plain")


def test_source_restrictions_are_signed_parameters(attacker: Attacker, bucket: str) -> None:
    query = (("x-oss-ac-source-ip", "127.0.0.1"), ("x-oss-ac-subnet-mask", "32"))
    call = Call("GET", bucket, "key", query)
    for scheme in (Scheme.V1, Scheme.V4):
        assert by_url(attacker, call, scheme=scheme).status == 200
    attacker.ok(call)


# probes


@covers("HeadBucket")
def test_a_head_of_a_bucket_says_whether_it_is_there(attacker: Attacker, bucket: str) -> None:
    reply = attacker.ok(Call("HEAD", bucket))
    assert (reply.status, reply.body) == (200, b"")
    missing = attacker.call(Call("HEAD", "no-such-bucket-at-all"))
    assert (missing.status, missing.body, code_of(missing)) == (404, b"", "NoSuchBucket")
    assert anonymous(attacker, bucket, method="HEAD").status == 403
    make_public(attacker, bucket)
    assert anonymous(attacker, bucket, method="HEAD").status == 200


def test_path_style_may_be_refused_as_the_service_does() -> None:
    with EmulatorProcess(settings=("oss.path_style=false",)) as server:
        attacker = Attacker(server)
        attacker.ok(Call("GET", ""))
        reply = attacker.call(Call("GET", "src-bucket"))
        assert (reply.status, code_of(reply)) == (403, "SecondLevelDomainForbidden")
        host = b"GET / HTTP/1.1\r\nHost: src-bucket.oss-cn-hangzhou.localhost\r\n\r\n"
        found = attacker.raw(host)
        assert found is not None
        assert (found.status, code_of(found)) == (403, "AccessDenied")
        attacker.close()
