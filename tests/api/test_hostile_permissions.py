"""Permission: a deny wins everywhere, detours are checked in both halves, nothing leaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.hostile import Attacker, check_clean, check_refused
from tests.support.process import UID_A, UID_B
from tests.support.wire import Call

Query = tuple[tuple[str, str | None], ...]


def policy(**fields: object) -> bytes:
    """A bucket policy of one statement: account B may read everything in ``granted``."""
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": [UID_B],
        "Resource": [f"acs:oss:*:{UID_A}:granted/*"],
        **fields,
    }
    statement = {name: value for name, value in statement.items() if value is not None}
    return json.dumps({"Version": "1", "Statement": [statement]}).encode()


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "call",
    [
        Call("GET", "locked", "key"),
        Call("HEAD", "locked", "key"),
        Call("DELETE", "locked", "key"),
        Call("GET", "locked", "key", query=(("objectMeta", None),)),
        Call("PUT", "public", "copy", headers=(("x-oss-copy-source", "/locked/key"),)),
        Call("PUT", "locked", "twin", headers=(("x-oss-copy-source", "/locked/key"),)),
        Call("POST", "locked", query=(("delete", None),),
             body=b"<Delete><Object><Key>key</Key></Object></Delete>"),
    ],
    ids=["read", "head", "delete", "meta", "copy out", "copy inside", "batch"],
)  # fmt: skip
@pytest.mark.parametrize("account", ["a", "b", ""])
def test_a_deny_holds_for_the_owner_and_on_every_detour(
    attacker: Attacker, call: Call, account: str
) -> None:
    reply = attacker.call(call, account)
    check_clean(reply)
    assert reply.status == 403
    assert b"locked" not in reply.body or reply.code == "AccessDenied"


@pytest.mark.usefixtures("unchanged")
def test_a_batch_with_one_forbidden_key_deletes_none(attacker: Attacker) -> None:
    body = b"<Delete><Object><Key>page</Key></Object><Object><Key>key</Key></Object></Delete>"
    for account in ("b", ""):
        for bucket in ("public", "locked"):
            reply = attacker.call(
                Call("POST", bucket, query=(("delete", None),), body=body), account
            )
            check_refused(reply, 403, "AccessDenied")


def test_writing_is_allowed_where_the_policy_says_and_nowhere_else(attacker: Attacker) -> None:
    before = attacker.everything()
    locked = attacker.ok(Call("GET", "locked", query=(("policy", None),))).body
    for key in ("shared", "sharedx/k", "SHARED/k", "other/shared/k", "key"):
        check_refused(
            attacker.call(Call("PUT", "locked", key, body=b"x"), "b"), 403, "AccessDenied"
        )
        copy = (("x-oss-copy-source", "/public/page"),)
        check_refused(attacker.call(Call("PUT", "locked", key, headers=copy), "b"), 403,
                      "AccessDenied")  # fmt: skip
    acl = (("x-oss-object-acl", "public-read"),)
    refused = attacker.call(Call("PUT", "locked", "shared/k", headers=acl, body=b"x"), "b")
    check_refused(refused, 403, "AccessDenied")  # the ACL is a right of its own
    assert attacker.everything() == before
    attacker.ok(Call("PUT", "locked", "shared/k", body=b"x"), "b")
    attacker.ok(Call("DELETE", "locked", query=(("policy", None),)))
    attacker.ok(Call("DELETE", "locked", "shared/k"))
    attacker.ok(Call("PUT", "locked", query=(("policy", None),), body=locked))
    assert attacker.everything() == before


GRANTS: list[tuple[str, bytes, bool]] = [
    ("everything", policy(), True),
    ("middle", policy(Resource=["acs:oss:*:*:gra*d/se*t"]), True),
    ("one letter", policy(Resource=["acs:oss:*:*:granted/secre?"]), True),
    ("too many letters", policy(Resource=["acs:oss:*:*:granted/secret?"]), False),
    ("the bucket only", policy(Resource=["acs:oss:*:*:granted"]), False),
    ("another bucket", policy(Resource=["acs:oss:*:*:granted2/*"]), False),
    ("another case", policy(Resource=["acs:oss:*:*:granted/SECRET"]), False),
    ("action in another case", policy(Action=["OSS:getobject"]), True),
    ("another action", policy(Action=["oss:PutObject"]), False),
    ("another principal", policy(Principal=["3000000000000003"]), False),
    ("anybody", policy(Principal=["*"]), True),
    ("address", policy(Condition={"IpAddress": {"acs:SourceIp": ["127.0.0.0/8"]}}), True),
    ("forwarded", policy(Condition={"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}), False),
    ("secure", policy(Condition={"Bool": {"acs:SecureTransport": ["true"]}}), False),
    (
        "past",
        policy(Condition={"DateLessThan": {"acs:CurrentTime": "2020-01-01T00:00:00Z"}}),
        False,
    ),
    ("absent key", policy(Condition={"StringEquals": {"oss:ExistingObjectTag/a": ["b"]}}), False),
]


@pytest.mark.parametrize(("name", "document", "allowed"), GRANTS, ids=[row[0] for row in GRANTS])
def test_a_grant_covers_what_it_says(
    attacker: Attacker, name: str, document: bytes, allowed: bool
) -> None:
    attacker.ok(Call("PUT", "granted"))
    attacker.ok(Call("PUT", "granted", "secret", body=b"s"))
    attacker.ok(Call("PUT", "granted", query=(("policy", None),), body=document))
    forwarded = (("x-forwarded-for", "10.1.2.3"), ("x-real-ip", "10.1.2.3"))
    reply = attacker.call(Call("GET", "granted", "secret", headers=forwarded), "b")
    assert (reply.status == 200) is allowed, reply.raw
    listing = attacker.call(Call("GET", "granted"), "b")
    check_refused(listing, 403, "AccessDenied")
    attacker.ok(Call("DELETE", "granted", "secret"))
    attacker.ok(Call("DELETE", "granted"))


SETTINGS: list[tuple[str, Query, bytes]] = [
    ("GET", (("acl", None),), b""),
    ("GET", (("policy", None),), b""),
    ("GET", (("bucketInfo", None),), b""),
    ("GET", (("versioning", None),), b""),
    ("GET", (("replication", None),), b""),
    ("GET", (("replicationProgress", None),), b""),
    ("PUT", (("acl", None),), b""),
    ("PUT", (("policy", None),), policy()),
    ("DELETE", (("policy", None),), b""),
    ("DELETE", (), b""),
    ("PUT", (), b""),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "query", "body"), SETTINGS)
@pytest.mark.parametrize("account", ["b", ""])
def test_a_public_bucket_shows_and_takes_no_settings(
    attacker: Attacker, account: str, method: str, query: Query, body: bytes
) -> None:
    headers = (("x-oss-acl", "public-read-write"),) if method == "PUT" else ()
    reply = attacker.call(Call(method, "public", "", query, headers, body), account)
    check_clean(reply)
    expected = (409, "BucketAlreadyExists") if (method, query, account) == ("PUT", (), "b") else (
        403, "AccessDenied"
    )  # fmt: skip
    assert (reply.status, reply.code) == expected


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("account", ["b", ""])
def test_a_public_bucket_is_read_and_nothing_else(attacker: Attacker, account: str) -> None:
    assert attacker.ok(Call("GET", "public", "page"), account).body == b"for all"
    private: Callable[[str], Call] = lambda method: Call(method, "public", "secret")  # noqa: E731
    for call in (
        private("GET"),
        private("DELETE"),
        Call("PUT", "public", "page", body=b"mine"),
        Call("GET", "public", "page", query=(("acl", None),)),
        Call("PUT", "public", "page", query=(("acl", None),),
             headers=(("x-oss-object-acl", "private"),)),
        Call("PUT", "public", "page", query=(("tagging", None),), body=b"<Tagging/>"),
    ):  # fmt: skip
        check_refused(attacker.call(call, account), 403, "AccessDenied")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "role", ["no-such-role", "roleNameTest2", "acs:ram::2:role/x", "../x", "é"]
)
def test_a_rule_may_not_name_a_role_nobody_has(attacker: Attacker, role: str) -> None:
    body = (
        "<ReplicationConfiguration><Rule><Destination><Bucket>dest-bucket</Bucket><Location>"
        f"oss-cn-shanghai</Location></Destination><SyncRole>{role}</SyncRole></Rule>"
        "</ReplicationConfiguration>"
    ).encode()
    query: Query = (("replication", None), ("comp", "add"))
    reply = attacker.call(Call("POST", "public", query=query, body=body))
    check_clean(reply)
    assert 400 <= reply.status < 500, reply.raw
    # Account B's own rule cannot act in the name of account A's roles either.
    reply = attacker.call(Call("POST", "dest-bucket", query=query, body=body), "b")
    check_clean(reply)
    assert 400 <= reply.status < 500, reply.raw


def test_an_anonymous_client_makes_no_bucket(attacker: Attacker) -> None:
    check_refused(attacker.call(Call("PUT", "of-nobody"), ""), 403, "AccessDenied")
    check_refused(attacker.call(Call("GET", ""), ""), 403, "AccessDenied")
    check_refused(attacker.call(Call("GET", "of-nobody")), 404, "NoSuchBucket")


OPEN = Call("PUT", "open-to-all", "key", body=b"x")
INITIATE = OPEN._replace(method="POST", query=(("uploads", None),), body=b"")
APPEND = OPEN._replace(method="POST", query=(("append", None), ("position", "0")))
GOVERNING = [
    *((call, "x-oss-object-acl", "public-read-write") for call in (OPEN, APPEND)),
    *((call, "x-oss-tagging", "a=b") for call in (OPEN, APPEND, INITIATE)),
    *((call, "x-oss-object-worm-legal-hold", "ON") for call in (OPEN, INITIATE)),
]


@pytest.mark.parametrize("account", ["b", ""], ids=["other", "anonymous"])
@pytest.mark.parametrize(("call", "name", "value"), GOVERNING)
def test_where_everybody_may_write_nobody_else_may_govern(
    attacker: Attacker, account: str, call: Call, name: str, value: str
) -> None:
    attacker.ok(Call("PUT", "open-to-all", headers=(("x-oss-acl", "public-read-write"),)))
    attacker.ok(OPEN, account)
    attacker.ok(OPEN._replace(method="DELETE", body=b""), account)
    before = attacker.everything()
    reply = attacker.call(call._replace(headers=((name, value),)), account)
    check_refused(reply, 403, "AccessDenied")
    assert attacker.everything() == before
    attacker.ok(Call("DELETE", "open-to-all"))


@pytest.mark.parametrize("account", ["b", ""], ids=["other", "anonymous"])
def test_who_may_write_may_not_pass_over_a_retention(attacker: Attacker, account: str) -> None:
    attacker.ok(Call("PUT", "open-to-all", headers=(("x-oss-acl", "public-read-write"),)))
    attacker.ok(Call("PUT", "open-to-all", "plain", body=b"x"))
    bypass = (("x-oss-bypass-governance-retention", "true"),)
    call = Call("DELETE", "open-to-all", "plain", headers=bypass)
    check_refused(attacker.call(call, account), 403, "AccessDenied")
    assert attacker.ok(Call("GET", "open-to-all", "plain")).body == b"x"
    attacker.ok(Call("DELETE", "open-to-all", "plain"))
    attacker.ok(Call("DELETE", "open-to-all"))
