"""Policies of upload forms and their signatures."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.errors import AccessDenied, InvalidPolicyDocument, OssError
from emulator.protocol.forms import (
    SizeRange,
    check_form_policy,
    check_form_signature,
    read_form_claims,
    read_form_policy,
)
from emulator.protocol.forms.claims import check_form_time
from tests.support.upload_forms import policy, v1_fields

_EXPIRATION = "2020-03-19T03:44:06.476Z"
_EXPIRES_MS = 1_584_589_446_476

# The vendor's own policy of a test of its Java kit, and one of the minimal kind.
JAVA = (
    "eyJleHBpcmF0aW9uIjoiMjAyMC0wMy0xOVQwMzo0NDowNi40NzZaIiwiY29uZGl0aW9ucyI6W3siYnVja2V0IjoiZ2VuLX"
    "Bvc3QtcG9saWN5In0sWyJlcSIsIiRrZXkiLCJ1c2VyXC9lcmljXC9cXCR7ZmlsZW5hbWV9Il0sWyJzdGFydHMtd2l0aCIs"
    "IiRrZXkiLCJ1c2VyXC9lcmljIl0sWyJzdGFydHMtd2l0aCIsIiR4LW9zcy1tZXRhLXRhZyIsImR1bW15X2V0YWciXSxbIm"
    "NvbnRlbnQtbGVuZ3RoLXJhbmdlIiwxLDEwMjRdXX0="
)
SMALL = (
    "eyJleHBpcmF0aW9uIjoiMjAyMy0xMi0xN1QxNjoyMDo1Ny4wMDBaIiwiY29uZGl0aW9ucyI6W3siYnVja2V0IjoiYnVja2"
    "V0In0sWyJjb250ZW50LWxlbmd0aC1yYW5nZSIsMSwxMDI0XV19"
)


def _checked(conditions: list[Any], values: dict[str, str]) -> str:
    read = read_form_policy(policy(conditions, expiration=_EXPIRATION))
    try:
        check_form_policy(read, values, _EXPIRES_MS - 1)
    except AccessDenied as error:
        return error.message
    return ""


HOLDS = [
    ({"key": "a"}, {"key": "a"}),
    ({"Key": "a"}, {"key": "a"}),
    (["eq", "$key", "a"], {"key": "a"}),
    (["EQ", "$Content-Type", "a/b"], {"content-type": "a/b"}),
    (["starts-with", "$key", "user/"], {"key": "user/eric"}),
    (["starts-with", "$key", ""], {"key": "x"}),
    (["starts-with", "$absent", ""], {}),
    (["in", "$content-type", ["a/b", "c/d"]], {"content-type": "c/d"}),
    (["not-in", "$cache-control", ["no-cache"]], {"cache-control": "public"}),
    (["not-in", "$cache-control", ["no-cache"]], {}),
    (["eq", "$success_action_status", 200], {"success_action_status": "200"}),
    (["eq", "$key", "\\${filename}"], {"key": "${filename}"}),
]
FAILS = [
    ({"key": "a"}, {"key": "A"}),
    ({"key": "a"}, {}),
    (["eq", "$key", "a"], {"key": "a "}),
    (["starts-with", "$key", "user/"], {"key": "use"}),
    (["starts-with", "$x-oss-meta-a", "x"], {}),
    (["in", "$content-type", ["a/b"]], {"content-type": "a/B"}),
    (["in", "$content-type", ["a/b"]], {}),
    (["in", "$content-type", []], {"content-type": "a/b"}),
    (["not-in", "$cache-control", ["no-cache"]], {"cache-control": "no-cache"}),
]


@pytest.mark.parametrize(("condition", "values"), HOLDS)
def test_a_form_that_keeps_to_its_policy_passes(condition: Any, values: dict[str, str]) -> None:
    assert _checked([condition], {**values, "more": "not named"}) == ""


@pytest.mark.parametrize(("condition", "values"), FAILS)
def test_a_form_that_breaks_a_condition_does_not(condition: Any, values: dict[str, str]) -> None:
    said = _checked([["starts-with", "$key", ""], condition], values)
    assert said.startswith("Invalid according to Policy: Policy Condition failed: [")


def test_a_refusal_names_the_condition_as_the_service_does() -> None:
    assert _checked([{"bucket": "mingdi-bjx"}], {}) == (
        'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "mingdi-bjx"]'
    )


def test_a_policy_ends_when_it_says() -> None:
    read = read_form_policy(policy(expiration=_EXPIRATION))
    check_form_policy(read, {}, _EXPIRES_MS - 1)
    with pytest.raises(OssError, match="Policy expired"):
        check_form_policy(read, {}, _EXPIRES_MS)


def test_size_ranges_narrow_each_other() -> None:
    ranges = [["content-length-range", 0, 100], ["Content-Length-Range", "5", 200]]
    assert read_form_policy(policy(ranges)).size == SizeRange(5, 100)


def test_the_policy_of_the_java_kit_is_understood() -> None:
    read = read_form_policy(JAVA)
    assert (read.expires_ms, read.size) == (_EXPIRES_MS, SizeRange(1, 1024))
    values = {"bucket": "gen-post-policy", "x-oss-meta-tag": "dummy_etag"}
    check_form_policy(read, {**values, "key": "user/eric/${filename}"}, 0)
    with pytest.raises(OssError, match="user"):
        check_form_policy(read, {**values, "key": "user/eric/x"}, 0)


def test_the_services_own_escape_of_the_dollar_sign_is_understood() -> None:
    text = (
        r'{"expiration": "2020-03-19T03:44:06Z", "conditions": [["eq", "$key", "\$a\\\"\u0041"]]}'
    )
    read = read_form_policy(base64.b64encode(text.encode()).decode())
    assert read.conditions[0].values == ('$a\\"A',)


_E = {"expiration": _EXPIRATION}
INVALID: list[Any] = [
    [], "text", None, 1, {}, {**_E}, {**_E, "conditions": {}}, {**_E, "conditions": []},
    {"conditions": [{"a": "b"}]}, {"expiration": "soon", "conditions": [{"a": "b"}]},
    {"expiration": 1, "conditions": [{"a": "b"}]},
    *({**_E, "conditions": [each]} for each in (
        {}, {"a": "b", "c": "d"}, [], ["eq"], ["eq", "$key"], ["eq", "key", "a"],
        ["like", "$key", "a"], [1, "$key", "a"], ["eq", 1, "a"], ["eq", "$key", ["a"]],
        ["eq", "$key", None], ["eq", "$key", True], ["in", "$key", "a"], ["not-in", "$key", [[]]],
        ["content-length-range"], ["content-length-range", 1], ["content-length-range", -1, 2],
        ["content-length-range", 0, 1e400], ["content-length-range", "x", 2], "x", 1, None,
    )),
]  # fmt: skip


@pytest.mark.parametrize("document", INVALID, ids=json.dumps)
def test_what_is_no_policy_is_refused(document: Any) -> None:
    _refused(base64.b64encode(json.dumps(document).encode()).decode())


@pytest.mark.parametrize(
    "text", ["", "%", "é", "e30", "AAA=", base64.b64encode(b"\xff").decode(), "[" * 4000]
)
def test_what_is_no_base64_of_json_is_refused(text: str) -> None:
    _refused(text)


def test_a_policy_as_deep_as_a_well_is_refused() -> None:
    _refused(base64.b64encode(b"[" * 200_000).decode())


def _refused(encoded: str) -> None:
    with pytest.raises(OssError) as caught:
        read_form_policy(encoded)
    assert caught.value.code == "InvalidPolicyDocument"
    assert caught.value.message.startswith("Invalid Policy: ")


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_any_policy_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidPolicyDocument):
        read_form_policy(base64.b64encode(data).decode())


SIGNED: list[tuple[dict[str, str], str]] = [
    (
        {"OSSAccessKeyId": "ak", "policy": JAVA, "Signature": "9fs2TRS2W2k5hV8mLsvqZBnlC2M="},
        "B" * 30,
    ),
    ({"OSSAccessKeyId": "ak", "policy": SMALL, "Signature": "LE1YcU1ZWLqAvDSvvThFRRShdsI="}, "sk"),
    (
        {
            "x-oss-signature-version": "OSS4-HMAC-SHA256",
            "x-oss-credential": "ak/20231216/cn-hangzhou/oss/aliyun_v4_request",
            "x-oss-date": "20231216T162057Z",
            "policy": SMALL,
            "x-oss-signature": "38664a807578c406bf78ee6be8b2ab3a78c5642fb723c2c4fe9f9d733b7b70b4",
        },
        "sk",
    ),
]  # fmt: skip


def _lower(fields: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in fields.items()}


@pytest.mark.parametrize(("fields", "secret"), SIGNED)
def test_the_vendors_signatures_are_right(fields: dict[str, str], secret: str) -> None:
    claims = read_form_claims(_lower(fields))
    assert claims is not None
    assert claims.claims.access_key_id == "ak"
    check_form_signature(claims, secret)
    for wrong in (secret + "x", ""):
        with pytest.raises(OssError) as caught:
            check_form_signature(claims, wrong)
        assert caught.value.code == "SignatureDoesNotMatch"
        assert secret not in str(caught.value.fields) or secret == "sk"


@pytest.mark.parametrize(("fields", "_secret"), SIGNED)
def test_half_a_signature_is_none(fields: dict[str, str], _secret: str) -> None:
    given = _lower(fields)
    for name in given:
        rest = {each: value for each, value in given.items() if each != name}
        for half in (rest, {**given, name: ""}):
            with pytest.raises(OssError) as caught:
                read_form_claims(half)
            assert caught.value.code == "InvalidArgument"


NUMBERS = [
    ("policy", None, "0002-00000702"), ("signature", None, "0002-00000703"),
    ("signature", "", "0002-00000704"), ("ossaccesskeyid", None, "0002-00000706"),
    ("ossaccesskeyid", "", "0002-00000707"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "ec"), NUMBERS)
def test_what_is_missing_is_told_by_number(name: str, value: str | None, ec: str) -> None:
    fields = _lower(v1_fields(policy()))
    del fields[name]
    if value is not None:
        fields[name] = value
    with pytest.raises(OssError) as caught:
        read_form_claims(fields)
    assert caught.value.ec == ec


def test_without_any_credentials_a_form_is_anonymous() -> None:
    assert read_form_claims({"key": "k", "x-oss-date": "", "x-oss-security-token": "t"}) is None


def test_a_date_counts_for_a_week_and_a_quarter_of_an_hour_ahead() -> None:
    claims = read_form_claims(_lower(SIGNED[2][0]))
    assert claims is not None
    at_ms = 1_702_743_657_000
    for now_ms in (at_ms, at_ms - 900_000, at_ms + 7 * 86_400_000):
        check_form_time(claims, now_ms)
    for now_ms in (at_ms - 900_001, at_ms + 7 * 86_400_000 + 1):
        with pytest.raises(OssError) as caught:
            check_form_time(claims, now_ms)
        assert caught.value.code == "AccessDenied"


WRONG_V4 = [
    ("x-oss-date", "20231217T162057Z"), ("x-oss-date", "soon"), ("x-oss-date", ""),
    ("x-oss-credential", "ak/20231216/cn-hangzhou/oss"),
    ("x-oss-credential", "ak/20231216/cn-hangzhou/ecs/aliyun_v4_request"),
    ("x-oss-signature-version", "OSS9"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG_V4)
def test_a_scope_must_be_right(name: str, value: str) -> None:
    with pytest.raises(OssError) as caught:
        read_form_claims({**_lower(SIGNED[2][0]), name: value})
    assert caught.value.code == "InvalidArgument"
