"""Uploads, links, rules and numbers: part lists that fit nothing, pieces read in odd ways."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.hostile import Attacker, check_clean, check_refused
from tests.support.hostile_table import answers
from tests.support.wire import Call

Query = tuple[tuple[str, str | None], ...]
PART = b"p" * 102_400  # the least a part may have, but for the last
LAST = b"the last part"


class Upload(NamedTuple):
    """An upload of two parts, and their ETags."""

    upload_id: str
    etags: tuple[str, str]

    def query(self, *more: tuple[str, str | None]) -> Query:
        """What selects it."""
        return (("uploadId", self.upload_id), *more)


def begun(attacker: Attacker, bucket: str, key: str, *parts: bytes) -> str:
    """An upload with parts; its id."""
    reply = attacker.ok(Call("POST", bucket, key, (("uploads", None),)))
    upload_id = reply.document.findtext("UploadId", "")
    for number, body in enumerate(parts, start=1):
        query = (("partNumber", str(number)), ("uploadId", upload_id))
        attacker.ok(Call("PUT", bucket, key, query, body=body))
    return upload_id


@pytest.fixture
def upload(attacker: Attacker) -> Iterator[Upload]:
    """The upload everybody aims at."""
    upload_id = begun(attacker, "public", "up", PART, LAST)
    etags = tuple(hashlib.md5(body).hexdigest().upper() for body in (PART, LAST))
    made = Upload(upload_id, (etags[0], etags[1]))
    yield made
    attacker.ok(Call("DELETE", "public", "up", made.query()))


def listed(*parts: tuple[object, str]) -> bytes:
    """A part list."""
    rows = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number, etag in parts
    )
    return f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()


# id, numbers with which of the two ETags, code
PART_LISTS: list[tuple[str, list[tuple[object, int]], str]] = [
    ("D5 out of order", [(2, 1), (1, 0)], "InvalidPartOrder"),
    ("D5 doubled", [(1, 0), (1, 0), (2, 1)], "InvalidPartOrder"),
    ("D5 missing", [(1, 0), (3, 1)], "InvalidPart"),
    ("D5 wrong ETag", [(1, 1), (2, 1)], "InvalidPart"),
    ("D5 number 0", [(0, 0), (1, 0)], ""),
    ("D5 number 10,001", [(1, 0), (10_001, 1)], ""),
    ("D5 number beyond 31 bits", [(1, 0), (2**31, 1)], ""),
    ("D5 negative number", [(-1, 0)], ""),
    ("D5 no number", [("one", 0)], "MalformedXML"),
    ("D5 digits without end", [("9" * 5_000, 0)], ""),
    ("D5 10,001 parts", [(number, 0) for number in range(1, 10_002)], ""),
    ("D5 none", [], "MalformedXML"),
]


@pytest.mark.parametrize(("name", "parts", "code"), PART_LISTS, ids=[row[0] for row in PART_LISTS])
def test_a_part_list_that_does_not_fit_completes_nothing(
    attacker: Attacker, upload: Upload, name: str, parts: list[tuple[object, int]], code: str
) -> None:
    before = attacker.everything()
    body = listed(*((number, upload.etags[which]) for number, which in parts))
    reply = attacker.call(Call("POST", "public", "up", upload.query(), body=body))
    check_clean(reply)
    assert reply.status == 400, reply.raw
    assert reply.code == code or (not code and reply.code in LIST_CODES), reply.raw
    assert attacker.everything() == before


# Which of them it is for a number no part can have, no source says.
LIST_CODES = {"InvalidArgument", "InvalidPart", "MalformedXML", "InvalidPartOrder"}


@answers("D5")
def test_a_part_that_is_too_small_completes_nothing(attacker: Attacker) -> None:
    upload_id = begun(attacker, "public", "small", b"tiny", b"last")
    etags = [hashlib.md5(body).hexdigest().upper() for body in (b"tiny", b"last")]
    before = attacker.everything()
    body = listed((1, etags[0]), (2, etags[1]))
    query: Query = (("uploadId", upload_id),)
    check_refused(
        attacker.call(Call("POST", "public", "small", query, body=body)), 400, "EntityTooSmall"
    )
    assert attacker.everything() == before
    attacker.ok(Call("DELETE", "public", "small", query))


@answers("D5")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("upload_id", ["0" * 32, "../../x", "'; DROP TABLE parts", "u" * 5_000])
@pytest.mark.parametrize("method", ["PUT", "POST", "GET", "DELETE"])
def test_an_upload_nobody_began_is_not_found(
    attacker: Attacker, method: str, upload_id: str
) -> None:
    query: Query = (("uploadId", upload_id),)
    if method == "PUT":
        query = (("partNumber", "1"), *query)
    body = listed((1, "0" * 32)) if method == "POST" else b""
    check_refused(
        attacker.call(Call(method, "public", "page", query, body=body)), 404, "NoSuchUpload"
    )


def test_an_upload_of_another_key_or_bucket_is_not_found(
    attacker: Attacker, upload: Upload
) -> None:
    before = attacker.everything()
    for bucket, key in (("public", "page"), ("src-bucket", "up")):
        for method in ("GET", "DELETE"):
            reply = attacker.call(Call(method, bucket, key, upload.query()))
            check_refused(reply, 404, "NoSuchUpload")
    assert attacker.everything() == before


NUMBERS = [
    "0",
    "-1",
    "2147483648",
    "9223372036854775808",
    "9" * 400,
    " 5",
    "5.0",
    "\u0665",
    "",
    "+5",
]


@answers("E4")
@pytest.mark.parametrize("text", [*NUMBERS, "10001"])
def test_a_part_number_is_between_one_and_ten_thousand(
    attacker: Attacker, upload: Upload, text: str
) -> None:
    before = attacker.everything()
    query = upload.query(("partNumber", text))
    check_refused(
        attacker.call(Call("PUT", "public", "up", query, body=b"x")), 400, "InvalidArgument"
    )
    assert attacker.everything() == before


@answers("E4")
@pytest.mark.parametrize("text", [*NUMBERS, "1001"])
@pytest.mark.parametrize("name", ["max-uploads", "max-parts"])
def test_pages_of_uploads_and_parts_have_a_size(
    attacker: Attacker, upload: Upload, name: str, text: str
) -> None:
    call = Call("GET", "public", query=(("uploads", None), (name, text)))
    if name == "max-parts":
        call = Call("GET", "public", "up", upload.query((name, text)))
    check_refused(attacker.call(call), 400, "InvalidArgument")


@answers("E4")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("text", ["-1", "2147483648", "9" * 400, " 5", "5.0", "\u0665", "", "0x1"])
def test_a_position_is_a_number(attacker: Attacker, text: str) -> None:
    query: Query = (("append", None), ("position", text))
    reply = attacker.call(Call("POST", "public", "appended", query, body=b"x"))
    check_clean(reply)
    assert reply.status in (400, 409), reply.raw
    assert reply.code in ("InvalidArgument", "PositionNotEqualToLength"), reply.raw


@answers("E4", "D6")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("days", ["0", "-1", "2147483648", "9" * 400, "5.0", "\u0665", "", "1e2"])
def test_days_of_a_lifecycle_rule_are_a_number(attacker: Attacker, days: str) -> None:
    body = lifecycle(f"<Prefix>a</Prefix><Expiration><Days>{days}</Days></Expiration>")
    reply = attacker.call(Call("PUT", "public", query=(("lifecycle", None),), body=body))
    check_clean(reply)
    assert reply.status == 400, reply.raw
    assert reply.code in ("InvalidArgument", "MalformedXML"), reply.raw


def lifecycle(*rules: str) -> bytes:
    """A lifecycle document of enabled rules."""
    shown = "".join(f"<Rule>{each}<Status>Enabled</Status></Rule>" for each in rules)
    return f"<LifecycleConfiguration>{shown}</LifecycleConfiguration>".encode()


EXPIRY = "<Expiration><Days>1</Days></Expiration>"
CORS_RULE = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"


def cors(*rules: str) -> bytes:
    """A CORS document."""
    shown = "".join(f"<CORSRule>{each}</CORSRule>" for each in rules)
    return f"<CORSConfiguration>{shown}</CORSConfiguration>".encode()


DOCUMENTS: list[tuple[str, str, bytes]] = [
    ("D6 1,001 lifecycle rules", "lifecycle",
     lifecycle(*(f"<Prefix>{i}/</Prefix>{EXPIRY}" for i in range(1001)))),
    ("D6 lifecycle without rules", "lifecycle", lifecycle()),
    ("D6 lifecycle without action", "lifecycle", lifecycle("<Prefix>a</Prefix>")),
    ("D6 lifecycle rules of one prefix", "lifecycle",
     lifecycle(*["<ID>x</ID><Prefix>a</Prefix>" + EXPIRY] * 2)),
    ("D6 21 CORS rules", "cors", cors(*[CORS_RULE] * 21)),
    ("D6 CORS without rules", "cors", cors()),
    ("D6 CORS with another method", "cors", cors(CORS_RULE.replace("GET", "PATCH"))),
    ("D6 CORS with two stars", "cors", cors(CORS_RULE.replace("*", "*a*"))),
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("name", "setting", "body"), DOCUMENTS, ids=[row[0] for row in DOCUMENTS])
def test_rules_beyond_their_limits_are_not_stored(
    attacker: Attacker, name: str, setting: str, body: bytes
) -> None:
    reply = attacker.call(Call("PUT", "public", query=((setting, None),), body=body))
    check_clean(reply)
    assert reply.status == 400, reply.raw
    expected = ("InvalidArgument", "MalformedXML", "InvalidRequest", "CORSRuleBeyondLimit")
    assert reply.code in expected, reply.raw


@answers("E3")
def test_ranges_across_the_parts_of_an_object(attacker: Attacker, upload: Upload) -> None:
    upload_id = begun(attacker, "public", "whole", PART, LAST)
    body = listed((1, upload.etags[0]), (2, upload.etags[1]))
    attacker.ok(Call("POST", "public", "whole", (("uploadId", upload_id),), body=body))
    whole = PART + LAST
    for start, end in ((0, 0), (102_399, 102_400), (102_390, 102_405), (102_400, 102_412)):
        headers = (("range", f"bytes={start}-{end}"),)
        reply = attacker.ok(Call("GET", "public", "whole", headers=headers))
        assert reply.body == whole[start : end + 1]
    attacker.ok(Call("DELETE", "public", "whole"))


@answers("E3")
def test_a_range_of_a_link_is_one_of_its_target(attacker: Attacker) -> None:
    headers = (("x-oss-symlink-target", "page"),)
    attacker.ok(Call("PUT", "public", "link", (("symlink", None),), headers))
    reply = attacker.ok(Call("GET", "public", "link", headers=(("range", "bytes=4-6"),)))
    assert (reply.status, reply.body) == (206, b"all")
    attacker.ok(Call("DELETE", "public", "link"))


@answers("C7")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("algorithm", ["rot13", "", "aes256 ", "AES256,KMS", "A" * 3_000])
@pytest.mark.parametrize("query", [(), (("uploads", None),), (("append", None), ("position", "0"))])
def test_an_encryption_nobody_knows_is_refused(
    attacker: Attacker, query: Query, algorithm: str
) -> None:
    headers = (("x-oss-server-side-encryption", algorithm),)
    method = "POST" if query else "PUT"
    reply = attacker.call(Call(method, "public", "encrypted", query, headers, b"x"))
    check_clean(reply)
    assert reply.status == 400, reply.raw
    assert reply.code in ("InvalidEncryptionAlgorithmError", "InvalidArgument"), reply.raw


@answers("C8")
@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "PATCH"])
def test_an_answer_does_not_say_what_it_is_made_of(attacker: Attacker, method: str) -> None:
    for target in ("src-bucket", "no-such-bucket-x"):
        reply = attacker.call(Call(method, target, query=(("policyStatus", None),)), "b")
        check_clean(reply)
        assert not {name for name, _ in reply.pairs} & {"x-powered-by", "via", "x-aspnet-version"}
