"""Error answers: status and number of every code, the XML, what a HEAD gets."""

from __future__ import annotations

import base64
import csv
import inspect
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain import errors
from emulator.domain.errors import OssError
from emulator.protocol.errors import WIRE_ERRORS, render_error, wire_error
from emulator.protocol.xml import read_xml

FIXTURE = Path(__file__).parents[3] / "fixtures" / "errors" / "oss-errors.csv"
REQUEST_ID = "566B6BEF6078C0E44874A4AD"
HOST = "src-bucket.oss-cn-hangzhou.aliyuncs.com"


def classes() -> list[type[OssError]]:
    return [
        found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, OssError) and found is not OssError and not name.startswith("_")
    ]


def table() -> list[dict[str, str]]:
    with FIXTURE.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def render(error: BaseException, *, head: bool = False) -> tuple[int, dict[str, str], bytes]:
    return render_error(error, REQUEST_ID, HOST, head=head)


def tags(body: bytes) -> list[str]:
    return [element.tag for element in read_xml(body, root="Error").children]


@pytest.mark.parametrize("error", classes())
def test_every_class_has_a_row(error: type[OssError]) -> None:
    assert error.__name__ in WIRE_ERRORS


@pytest.mark.parametrize("row", table(), ids=lambda row: f"{row['code']}-{row['ec']}")
def test_statuses_are_those_of_the_fixture(row: dict[str, str]) -> None:
    assert WIRE_ERRORS[row["code"]].status == int(row["http_status"])


def test_default_numbers_are_those_of_the_fixture() -> None:
    first: dict[str, str] = {}
    for row in table():
        first.setdefault(row["code"], row["ec"])
    assert {code: wire.ec for code, wire in WIRE_ERRORS.items()} == first


def test_body_is_the_documented_one() -> None:
    status, headers, body = render(errors.NoSuchBucket("src-bucket"))
    assert status == 404
    assert headers == {"x-oss-ec": "0015-00000101", "Content-Type": "application/xml"}
    assert body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error>\n"
        "  <Code>NoSuchBucket</Code>\n"
        "  <Message>The specified bucket does not exist.</Message>\n"
        f"  <RequestId>{REQUEST_ID}</RequestId>\n"
        f"  <HostId>{HOST}</HostId>\n"
        "  <BucketName>src-bucket</BucketName>\n"
        "  <EC>0015-00000101</EC>\n"
        "  <RecommendDoc>https://api.aliyun.com/troubleshoot?q=0015-00000101</RecommendDoc>\n"
        "</Error>\n"
    )


def test_detail_stands_between_the_extra_elements_and_the_number() -> None:
    error = errors.AccessDenied(
        ec="0003-00000201",
        fields={"Bucket": "src-bucket"},
        detail={"AuthAction": "oss:PutObject", "NoPermissionType": "ExplicitDeny"},
    )
    _, headers, body = render(error)
    assert tags(body) == [
        "Code",
        "Message",
        "RequestId",
        "HostId",
        "Bucket",
        "AccessDeniedDetail",
        "EC",
        "RecommendDoc",
    ]
    detail = read_xml(body).child("AccessDeniedDetail")
    assert detail is not None
    assert detail.text_of("NoPermissionType") == "ExplicitDeny"
    assert headers["x-oss-ec"] == "0003-00000201"


def test_code_without_a_number_has_neither_element_nor_header() -> None:
    _, headers, body = render(errors.InvalidArgument(name="max-keys", value="-1"))
    assert "x-oss-ec" not in headers
    assert tags(body)[-2:] == ["ArgumentName", "ArgumentValue"]


def test_headers_of_the_error_are_sent() -> None:
    error = errors.MethodNotAllowed(method="PATCH", resource="Object", allow="GET, PUT")
    status, headers, _ = render(error)
    assert (status, headers["Allow"]) == (405, "GET, PUT")


def test_head_gets_the_body_in_a_header() -> None:
    status, headers, body = render(errors.NoSuchKey("a/b"), head=True)
    assert (status, body) == (404, b"")
    assert headers["x-oss-ec"] == "0026-00000001"
    assert "Content-Type" not in headers
    assert base64.b64decode(headers["x-oss-err"]) == render(errors.NoSuchKey("a/b"))[2]


@pytest.mark.parametrize("head", [False, True])
def test_not_modified_has_no_body_and_says_nothing(head: bool) -> None:
    error = errors.NotModified(headers={"ETag": '"A"'})
    assert render(error, head=head) == (304, {"ETag": '"A"'}, b"")


@pytest.mark.parametrize("error", [KeyError("secret"), OssError("secret"), RecursionError()])
def test_unknown_exception_says_nothing_of_itself(error: Exception) -> None:
    status, headers, body = render(error)
    assert status == 500
    assert read_xml(body).text_of("Code") == "InternalError"
    assert b"secret" not in body
    assert "secret" not in "".join(headers.values())


def test_refined_class_without_a_row_answers_as_its_parent() -> None:
    class Refined(errors.NoSuchBucket):
        """Refined."""

    assert wire_error(Refined) == WIRE_ERRORS["NoSuchBucket"]
    assert render(Refined("b"))[0] == 404


any_text = st.text(st.characters(codec=None, exclude_categories=()))


@given(key=any_text, host=any_text)
def test_body_is_well_formed_whatever_the_client_sent(key: str, host: str) -> None:
    _, _, body = render_error(errors.NoSuchKey(key), REQUEST_ID, host, head=False)
    assert tags(body)[:5] == ["Code", "Message", "RequestId", "HostId", "Key"]


@given(
    key=st.text(st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\ufffe\uffff"))
)
def test_key_is_shown_as_it_is(key: str) -> None:
    assert read_xml(render(errors.NoSuchKey(key))[2]).text_of("Key") == key
