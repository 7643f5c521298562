"""Retention and legal hold of single objects: who may do what to them, and for how long."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import oss2
import pytest

from tests.support.clients import bucket_of
from tests.support.covers import covers
from tests.support.process import UID_A, UID_B, EmulatorProcess

_NUMBERS = itertools.count(1)
_DAY_S = 86_400
IMMUTABLE = (409, "FileImmutable")
BYPASS = {"x-oss-bypass-governance-retention": "true"}
SOON, LATER, LATEST = (f"20{year}-01-01T00:00:00.000Z" for year in (97, 98, 99))


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    settings = ("oss.check_signing_time=false", "oss.buckets_max=1000")
    with EmulatorProcess(settings=settings) as process:
        yield process
        assert process.errors() == ""


def make(server: EmulatorProcess, rule: str = "") -> oss2.Bucket:
    """A bucket that retains single objects."""
    bucket = bucket_of(server, f"retains-{next(_NUMBERS)}")
    bucket.create_bucket()
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    put_object_worm(bucket, rule)
    return bucket


def ask(
    bucket: oss2.Bucket, method: str, key: str, params: dict[str, str], body: str = "", **more: Any
) -> str:
    """A request that oss2 has no words for; the text of the answer."""
    answer: bytes = bucket._do(
        method, bucket.bucket_name, key, params=params, data=body, **more
    ).read()
    return answer.decode()


def put_object_worm(bucket: oss2.Bucket, rule: str = "") -> None:
    inner = f"<ObjectWormEnabled>Enabled</ObjectWormEnabled>{rule}"
    body = f"<ObjectWormConfiguration>{inner}</ObjectWormConfiguration>"
    ask(bucket, "PUT", "", {"objectWorm": ""}, body)


def retention(mode: str, until: str) -> str:
    return f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"


def retain(bucket: oss2.Bucket, mode: str, until: str, *, bypass: bool = False) -> None:
    headers = BYPASS if bypass else {}
    ask(bucket, "PUT", "key", {"retention": ""}, retention(mode, until), headers=headers)


def hold(bucket: oss2.Bucket, status: str) -> None:
    ask(
        bucket, "PUT", "key", {"legalHold": ""}, f"<LegalHold><Status>{status}</Status></LegalHold>"
    )


def code_of(ask_for: Callable[[], object]) -> tuple[int, str]:
    """Status and code of a refusal, (200, "") without one."""
    try:
        ask_for()
    except oss2.exceptions.ServerError as error:
        return error.status, error.code
    return 200, ""


def drop(bucket: oss2.Bucket, version_id: str, *, bypass: bool = False) -> tuple[int, str]:
    """What deleting a version is answered."""
    headers = BYPASS if bypass else {}
    params = {"versionId": version_id}
    return code_of(lambda: bucket.delete_object("key", params=params, headers=headers))


def default(mode: str, length: str) -> str:
    return f"<Rule><DefaultRetention><Mode>{mode}</Mode>{length}</DefaultRetention></Rule>"


@covers("PutBucketObjectWormConfiguration", "GetBucketObjectWormConfiguration")
def test_the_setting_of_a_bucket(server: EmulatorProcess) -> None:
    bucket = bucket_of(server, f"retains-{next(_NUMBERS)}")
    bucket.create_bucket()
    shown = {"objectWorm": ""}
    assert code_of(lambda: ask(bucket, "GET", "", shown)) == (404, "NoSuchWORMConfiguration")
    assert code_of(lambda: put_object_worm(bucket)) == (400, "InvalidBucketStatus")
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    put_object_worm(bucket)
    assert "<Rule>" not in ask(bucket, "GET", "", shown)
    rule = default("COMPLIANCE", "<Days>3</Days>")
    put_object_worm(bucket, rule)
    assert rule in ask(bucket, "GET", "", shown)
    suspended = oss2.models.BucketVersioningConfig("Suspended")
    refusal = code_of(lambda: bucket.put_bucket_versioning(suspended))
    assert refusal == (409, "InvalidBucketStatus")
    exists = (409, "WORMConfigurationAlreadyExists")
    assert code_of(lambda: bucket.init_bucket_worm(1)) == exists
    append = code_of(lambda: bucket.append_object("log", 0, b""))
    assert append == (400, "OperationNotSupported")
    other = bucket_of(server, f"retains-{next(_NUMBERS)}")
    other.create_bucket()
    other.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    other.init_bucket_worm(1)
    assert code_of(lambda: put_object_worm(other)) == exists


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (default("COMPLIANCE", ""), "MalformedXML"),
        (default("COMPLIANCE", "<Days>1</Days><Years>1</Years>"), "MalformedXML"),
        (default("FIRM", "<Days>1</Days>"), "MalformedXML"),
        ("<Rule/>", "MalformedXML"),
        (default("COMPLIANCE", "<Days>0</Days>"), "InvalidArgument"),
        (default("COMPLIANCE", "<Days>36501</Days>"), "InvalidArgument"),
        (default("GOVERNANCE", "<Years>101</Years>"), "InvalidArgument"),
    ],
)
def test_a_setting_that_cannot_be(server: EmulatorProcess, rule: str, code: str) -> None:
    bucket = make(server)
    assert code_of(lambda: put_object_worm(bucket, rule)) == (400, code)


@pytest.mark.parametrize(
    ("length", "days"), [("<Days>2</Days>", 2), ("<Years>1</Years>", 365)], ids=["days", "years"]
)
def test_new_versions_get_the_default(server: EmulatorProcess, length: str, days: int) -> None:
    bucket = make(server, default("COMPLIANCE", length))
    before = bucket.put_object("key", b"one").versionid
    head = bucket.head_object("key").headers
    assert head["x-oss-object-worm-mode"] == "COMPLIANCE"
    assert "x-oss-object-worm-legal-hold" not in head
    assert drop(bucket, before) == IMMUTABLE
    bucket.delete_object("key")  # a marker takes nothing away
    server.advance(days * _DAY_S - 5)
    assert drop(bucket, before) == IMMUTABLE
    server.advance(10)
    assert drop(bucket, before) == (200, "")


@covers("PutObjectRetention", "GetObjectRetention")
def test_compliance_is_only_lengthened(server: EmulatorProcess) -> None:
    bucket = make(server)
    version_id = bucket.put_object("key", b"").versionid
    none = code_of(lambda: ask(bucket, "GET", "key", {"retention": ""}))
    assert none == (404, "NoSuchWORMConfiguration")
    retain(bucket, "COMPLIANCE", LATER)
    assert retention("COMPLIANCE", LATER) in ask(bucket, "GET", "key", {"retention": ""})
    for mode, until in (("COMPLIANCE", SOON), ("GOVERNANCE", LATEST)):
        for bypass in (False, True):
            refusal = code_of(
                lambda mode=mode, until=until, bypass=bypass: retain(  # type: ignore[misc]
                    bucket, mode, until, bypass=bypass
                )
            )
            assert refusal == IMMUTABLE
    retain(bucket, "COMPLIANCE", LATEST)
    assert drop(bucket, version_id, bypass=True) == IMMUTABLE


def test_governance_gives_way_to_who_may_bypass_it(server: EmulatorProcess) -> None:
    bucket = make(server)
    version_id = bucket.put_object("key", b"").versionid
    retain(bucket, "GOVERNANCE", LATEST)
    assert drop(bucket, version_id) == IMMUTABLE
    assert code_of(lambda: retain(bucket, "GOVERNANCE", SOON)) == IMMUTABLE
    retain(bucket, "GOVERNANCE", SOON, bypass=True)
    grant(bucket, ["oss:DeleteObjectVersion", "oss:DeleteObject"])
    stranger = bucket_of(server, bucket.bucket_name, "b")
    assert drop(stranger, version_id) == IMMUTABLE
    assert drop(stranger, version_id, bypass=True) == (403, "AccessDenied")
    versions = oss2.models.BatchDeleteObjectVersionList()
    versions.append(oss2.models.BatchDeleteObjectVersion("key", version_id))
    denied = code_of(lambda: stranger.delete_object_versions(versions, headers=BYPASS))
    assert denied == (403, "AccessDenied")
    grant(bucket, ["oss:DeleteObjectVersion", "oss:BypassGovernanceRetention"])
    assert drop(stranger, version_id, bypass=True) == (200, "")


def grant(bucket: oss2.Bucket, actions: list[str]) -> None:
    """Account B may do these things."""
    statement = {
        "Effect": "Allow",
        "Action": actions,
        "Principal": [UID_B],
        "Resource": [f"acs:oss:*:{UID_A}:{bucket.bucket_name}/*"],
    }
    bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))


@covers("PutObjectLegalHold", "GetObjectLegalHold")
def test_a_hold_is_firm_until_it_is_lifted(server: EmulatorProcess) -> None:
    bucket = make(server)
    version_id = bucket.put_object("key", b"").versionid
    off = "<Status>OFF</Status>"
    assert off in ask(bucket, "GET", "key", {"legalHold": ""})
    hold(bucket, "ON")
    assert off not in ask(bucket, "GET", "key", {"legalHold": ""})
    assert bucket.head_object("key").headers["x-oss-object-worm-legal-hold"] == "ON"
    assert drop(bucket, version_id, bypass=True) == IMMUTABLE
    hold(bucket, "OFF")
    assert drop(bucket, version_id) == (200, "")


def worm_headers(mode: str = "", until: str = "", held: str = "") -> dict[str, str]:
    given = {"mode": mode, "retain-until-date": until, "legal-hold": held}
    return {f"x-oss-object-worm-{name}": value for name, value in given.items() if value}


@pytest.mark.parametrize("write", ["put", "copy", "upload"])
def test_a_write_brings_its_own_retention(server: EmulatorProcess, write: str) -> None:
    bucket = make(server, default("GOVERNANCE", "<Days>1</Days>"))
    bucket.put_object("source", b"content")
    headers = worm_headers("COMPLIANCE", LATEST, "ON")
    if write == "put":
        bucket.put_object("key", b"content", headers=headers)
    elif write == "copy":
        bucket.copy_object(bucket.bucket_name, "source", "key", headers=headers)
    else:
        upload_id = bucket.init_multipart_upload("key", headers=headers).upload_id
        part = bucket.upload_part("key", upload_id, 1, b"content")
        parts = [oss2.models.PartInfo(1, part.etag)]
        bucket.complete_multipart_upload("key", upload_id, parts)
    for shown in (bucket.head_object("key").headers, bucket.get_object("key").headers):
        assert {name: shown[name] for name in headers} == headers


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (worm_headers("COMPLIANCE"), "InvalidArgument"),
        (worm_headers(until=LATEST), "InvalidArgument"),
        (worm_headers("COMPLIANCE", "tomorrow"), "InvalidArgument"),
        (worm_headers("COMPLIANCE", "2001-01-01T00:00:00.000Z"), "InvalidArgument"),
        (worm_headers("compliance", LATEST), "InvalidArgument"),
        (worm_headers(held="yes"), "InvalidArgument"),
    ],
)
def test_headers_that_cannot_be(
    server: EmulatorProcess, headers: dict[str, str], code: str
) -> None:
    bucket = make(server)
    assert code_of(lambda: bucket.put_object("key", b"", headers=headers)) == (400, code)


def test_where_single_objects_are_not_retained(server: EmulatorProcess) -> None:
    bucket = bucket_of(server, f"retains-{next(_NUMBERS)}")
    bucket.create_bucket()
    bucket.put_object("key", b"")
    refused = (400, "InvalidRequest")
    for headers in (worm_headers("COMPLIANCE", LATEST), worm_headers(held="ON")):
        put = code_of(lambda headers=headers: bucket.put_object("new", b"", headers=headers))  # type: ignore[misc]
        assert put == refused
    assert code_of(lambda: retain(bucket, "COMPLIANCE", LATEST)) == refused
    assert code_of(lambda: hold(bucket, "ON")) == refused


def test_a_date_that_is_past_retains_nothing(server: EmulatorProcess) -> None:
    bucket = make(server)
    bucket.put_object("key", b"")
    past = code_of(lambda: retain(bucket, "COMPLIANCE", "2001-01-01T00:00:00.000Z"))
    assert past == (400, "InvalidArgument")
    assert code_of(lambda: retain(bucket, "COMPLIANCE", "soon")) == (400, "MalformedXML")
