"""Every operation that is built, asked rightly and in every wrong way; those that are not built."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from emulator.protocol.handlers import handlers
from emulator.protocol.operations.find import OPERATIONS
from emulator.protocol.operations.model import Level, Operation
from tests.support.cases import all_cases
from tests.support.cases.forms import (
    BARE,
    BUCKET,
    DROP,
    NO_RULE,
    NOWHERE,
    RTC,
    RULE_ID,
    SUSPENDED,
    UPLOAD,
    at,
    on,
)
from tests.support.cases.post_object import signed_by
from tests.support.hostile import Attacker, Reply, check_clean, check_error_body
from tests.support.operations import call_of
from tests.support.wire import Call

_NUMBERS = itertools.count(1)
CASES = all_cases()
BUILT = {operation.name: operation for operation in handlers()}
UNBUILT = [operation for operation in OPERATIONS if operation.name not in BUILT]
WITH_BUCKET = sorted(
    name for name in CASES if BUILT[name].level is not Level.SERVICE and name != "PutBucket"
)
WITH_KEY = sorted(name for name in CASES if BUILT[name].level is Level.OBJECT)


@pytest.fixture
def place(attacker: Attacker) -> Iterator[dict[str, str]]:
    """A bucket with an object, and an empty one."""
    number = next(_NUMBERS)
    rules = attacker.ok(Call("GET", "src-bucket", query=(("replication", None),))).document
    rule_id = rules.findtext("Rule/ID", "")
    names = {BUCKET: f"op-{number}", BARE: f"op-{number}-bare"}
    for name in names.values():
        attacker.ok(Call("PUT", name))
    attacker.ok(Call("PUT", names[BUCKET], "key", body=b"content"))
    upload_id = _initiate(attacker, names[BUCKET])
    yield {**names, RULE_ID: rule_id, UPLOAD: upload_id}
    _abort_all(attacker, names[BUCKET])
    left = attacker.call(Call("GET", names[BUCKET], query=(("replication", None),)))
    if left.status == 200:
        _drop(attacker, names[BUCKET], left.document.findtext("Rule/ID", ""))
    for name in names.values():
        for key, version_id in _versions(attacker, name):
            attacker.ok(Call("DELETE", name, key, query=(("versionId", version_id),)))
        attacker.call(Call("DELETE", name))


def _initiate(attacker: Attacker, bucket: str) -> str:
    reply = attacker.ok(Call("POST", bucket, "key", (("uploads", None),)))
    upload_id = reply.document.findtext("UploadId", "")
    query = (("partNumber", "1"), ("uploadId", upload_id))
    attacker.ok(Call("PUT", bucket, "key", query, body=b"part"))
    return upload_id


def _abort_all(attacker: Attacker, bucket: str) -> None:
    reply = attacker.call(Call("GET", bucket, query=(("uploads", None),)))
    if reply.status == 200:
        for each in reply.document.iterfind("Upload"):
            query = (("uploadId", each.findtext("UploadId", "")),)
            attacker.ok(Call("DELETE", bucket, each.findtext("Key", ""), query))


def _drop(attacker: Attacker, bucket: str, rule_id: str) -> None:
    body = f"<ReplicationRules><ID>{rule_id}</ID></ReplicationRules>".encode()
    attacker.ok(Call("POST", bucket, query=DROP, body=body))
    attacker.server.settle(advance=True)


def _versions(attacker: Attacker, bucket: str) -> list[tuple[str, str]]:
    reply = attacker.call(Call("GET", bucket, query=(("versions", None),)))
    if reply.status != 200:
        return []
    return [
        (each.findtext("Key", ""), each.findtext("VersionId", ""))
        for tag in ("Version", "DeleteMarker")
        for each in reply.document.iterfind(tag)
    ]


def _placed(call: Call, place: dict[str, str]) -> Call:
    body = call.body.replace(RULE_ID.encode(), place[RULE_ID].encode())
    query = tuple((name, place.get(value or "", value)) for name, value in call.query)
    return call._replace(bucket=place.get(call.bucket, call.bucket), query=query, body=body)


def code_of(reply: Reply) -> str:
    """The code of an error, also where only a header can carry it."""
    check_clean(reply)
    if not reply.header("x-oss-err"):
        if reply.status >= 400:
            check_error_body(reply)
        return reply.code
    assert reply.body == b""
    document = ElementTree.fromstring(base64.b64decode(reply.header("x-oss-err")))  # noqa: S314
    assert document.findtext("RequestId") == reply.header("x-oss-request-id")
    return document.findtext("Code", "")


def refused(attacker: Attacker, call: Call, account: str = "a") -> tuple[int, str]:
    """Status and code of a refusal that changed nothing."""
    before = attacker.everything()
    reply = attacker.call(call, account)
    assert attacker.everything() == before, reply.raw
    if call.method == "HEAD" and reply.status >= 400:
        assert reply.header("x-oss-err"), reply.raw
    return reply.status, code_of(reply)


def test_every_built_operation_has_a_case() -> None:
    assert CASES.keys() == BUILT.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_operation_asked_rightly_answers(
    attacker: Attacker, place: dict[str, str], name: str
) -> None:
    reply = attacker.call(_placed(CASES[name].good, place))
    check_clean(reply)
    assert reply.status == CASES[name].found, reply.raw


@pytest.mark.parametrize("name", WITH_BUCKET)
def test_without_its_bucket_every_operation_says_so(attacker: Attacker, name: str) -> None:
    call = CASES[name].good._replace(bucket=NOWHERE)
    assert refused(attacker, call) == (404, "NoSuchBucket")
    assert refused(attacker, call, "") == (404, "NoSuchBucket")


@pytest.mark.parametrize("name", WITH_KEY)
def test_without_its_key_an_operation_says_so(
    attacker: Attacker, place: dict[str, str], name: str
) -> None:
    case = CASES[name]
    call = _placed(case.good, place)._replace(key="no/such key")
    if case.missing_key == 404:
        assert refused(attacker, call) == (404, case.missing_code)
    else:
        assert attacker.call(call).status == case.missing_key


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_request_is_refused(
    attacker: Attacker, place: dict[str, str], name: str
) -> None:
    assert refused(attacker, _placed(CASES[name].malformed, place)) == (400, CASES[name].code)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("account", ["b", ""], ids=["other", "anonymous"])
def test_who_has_no_right_changes_and_learns_nothing(
    attacker: Attacker, place: dict[str, str], account: str, name: str
) -> None:
    call = _placed(CASES[name].good, place)
    if name == "PostObject":
        call = call._replace(body=signed_by(account))  # the form itself says who asks
    expected = (403, "AccessDenied")
    if name == "PutBucket" and account:
        expected = (409, "BucketAlreadyExists")
    if not BUILT[name].action:
        expected = (403, "AccessForbidden")  # a preflight, of a bucket without rules
    if BUILT[name].level is Level.SERVICE and account:
        assert attacker.call(call, account).status == CASES[name].found  # its own
        return
    assert refused(attacker, call, account) == expected
    if BUILT[name].level is Level.OBJECT:
        there = attacker.call(call, account)
        missing = attacker.call(call._replace(key="no/such key"), account)
        assert (there.status, code_of(there)) == (missing.status, code_of(missing))


WRONG_STATES: list[tuple[str, Call, int, str]] = [
    ("a bucket with objects", at("DELETE"), 409, "BucketNotEmpty"),
    ("no policy", at("GET", ("policy", None)), 404, "NoSuchBucketPolicy"),
    ("no rule to show", at("GET", ("replication", None)), 404, "NoSuchReplicationConfiguration"),
    ("another rule to drop", Call("POST", "src-bucket", query=DROP, body=NO_RULE), 404,
     "NoSuchReplicationRule"),
    ("no rule to follow", at("GET", ("replicationProgress", None), ("rule-id", "none")), 404,
     "NoSuchReplicationRule"),
    ("no rule to hurry", at("PUT", ("rtc", None), body=RTC), 400, "InvalidArgument"),
    ("another class", at("PUT", body=b"<CreateBucketConfiguration><StorageClass>IA"
     b"</StorageClass></CreateBucketConfiguration>"), 409, "BucketAlreadyExists"),
    ("versioning under a rule", Call("PUT", "src-bucket", query=(("versioning", None),),
     body=SUSPENDED), 409, "InvalidBucketStatus"),
    ("may not be overwritten", on("PUT", x_oss_forbid_overwrite="true"), 409,
     "FileAlreadyExists"),
    ("may not be copied over", on("PUT", x_oss_forbid_overwrite="true",
     x_oss_copy_source="/public/page"), 409, "FileAlreadyExists"),
    ("a source that is gone", on("PUT", x_oss_copy_source="/versioned/gone"), 404, "NoSuchKey"),
    ("a key that is gone", Call("GET", "versioned", "gone"), 404, "NoSuchKey"),
    ("a head of a key that is gone", Call("HEAD", "versioned", "gone"), 404, "NoSuchKey"),
    ("tags of a key that is gone", Call("GET", "versioned", "gone", (("tagging", None),)), 404,
     "NoSuchKey"),
    ("the ACL of a key that is gone", Call("PUT", "versioned", "gone", (("acl", None),),
     (("x-oss-object-acl", "private"),)), 404, "NoSuchKey"),
    ("precondition", on("GET", if_match='"x"'), 412, "PreconditionFailed"),
    ("precondition of a head", on("HEAD", if_match='"x"'), 412, "PreconditionFailed"),
    ("dated precondition", on("GET", if_unmodified_since="Tue, 02 Jan 2024 03:04:05 GMT"), 412,
     "PreconditionFailed"),
    ("precondition of a copy", on("PUT", x_oss_copy_source="/public/page",
     x_oss_copy_source_if_match='"x"'), 412, "PreconditionFailed"),
    ("a source in another region", on("PUT", x_oss_copy_source="/dest-bucket/b-key"), 403,
     "AccessDenied"),
    ("no bucket of a source", on("PUT", x_oss_copy_source=f"/{NOWHERE}/k"), 404, "NoSuchBucket"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "call", "status", "code"), WRONG_STATES, ids=[row[0] for row in WRONG_STATES]
)
def test_a_request_at_the_wrong_moment_is_refused(
    attacker: Attacker, place: dict[str, str], name: str, call: Call, status: int, code: str
) -> None:
    assert refused(attacker, _placed(call, place)) == (status, code)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_version_of_a_delete_marker_may_only_be_deleted(
    attacker: Attacker, method: str
) -> None:
    stack = attacker.ok(Call("GET", "versioned", query=(("versions", None),))).document
    version_id = stack.findtext("DeleteMarker/VersionId", "")
    call = Call(method, "versioned", "gone", query=(("versionId", version_id),))
    assert refused(attacker, call) == (405, "MethodNotAllowed")
    reply = attacker.call(call)
    assert reply.header("allow") == "DELETE"
    assert reply.header("x-oss-delete-marker") == "true"


def test_an_archived_object_cannot_be_read(attacker: Attacker, place: dict[str, str]) -> None:
    archive = (("x-oss-storage-class", "Archive"),)
    attacker.ok(Call("PUT", place[BUCKET], "old", headers=archive, body=b"x"))
    assert refused(attacker, Call("GET", place[BUCKET], "old")) == (403, "InvalidObjectState")
    copy = (("x-oss-copy-source", f"/{place[BUCKET]}/old"),)
    target = Call("PUT", place[BUCKET], "new", headers=copy)
    assert refused(attacker, target) == (403, "InvalidObjectState")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_modified_keeps_its_etag_and_date(attacker: Attacker, method: str) -> None:
    whole = attacker.ok(Call("HEAD", "src-bucket", "plain"))
    for name, value in (
        ("if-none-match", whole.header("etag")),
        ("if-modified-since", whole.header("last-modified")),
    ):
        reply = attacker.call(Call(method, "src-bucket", "plain", headers=((name, value),)))
        check_clean(reply)
        assert (reply.status, reply.body) == (304, b"")
        assert reply.header("etag") == whole.header("etag")
        assert reply.header("last-modified") == whole.header("last-modified")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("operation", UNBUILT, ids=lambda each: each.name)
def test_what_is_not_built_is_not_implemented_and_does_nothing_else(
    attacker: Attacker, operation: Operation
) -> None:
    reply = attacker.call(call_of(operation))
    assert (reply.status, code_of(reply)) == (400, "NotImplemented"), reply.raw
    # The service is everybody's own, and a form names its key where nobody looks yet.
    strangers = ("",) if operation.level is Level.SERVICE else ("b", "")
    if operation.action and operation.name != "PostObject":
        for account in strangers:
            reply = attacker.call(call_of(operation), account)
            assert (reply.status, code_of(reply)) == (403, "AccessDenied"), reply.raw


SUB_RESOURCES = sorted({each.sub_resource for each in OPERATIONS if each.sub_resource})


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", SUB_RESOURCES)
def test_no_sub_resource_falls_through_to_the_plain_operation(
    attacker: Attacker, name: str
) -> None:
    for value in (None, "", "x"):
        put = attacker.call(Call("PUT", "brand-new-bucket", query=((name, value),)))
        assert put.status in (400, 403, 404, 405), put.raw
        delete = attacker.call(Call("DELETE", "public", query=((name, value),)))
        assert delete.status in (204, 400, 405, 409), delete.raw
