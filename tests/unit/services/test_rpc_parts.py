"""The small parts: parameters, paging, nonces, XML, dates, diagnostic messages."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest

from emulator.access.diagnostic import decode_diagnostic, encode_diagnostic
from emulator.services.rpc.dates import iso_seconds, read_iso_seconds
from emulator.services.rpc.dialect import KmsDialect, PopDialect
from emulator.services.rpc.errors import RpcError, gateway_error, signature_mismatch
from emulator.services.rpc.nonces import NonceMemory
from emulator.services.rpc.paging import (
    cut_marker_page,
    make_marker,
    read_marker_page,
    read_numbered_page,
)
from emulator.services.rpc.parameters import Parameters, TextRule
from emulator.services.rpc.xml import to_xml


def parameters(**values: str) -> Parameters:
    return Parameters(values, PopDialect())


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(RpcError) as caught:
        act()
    return caught.value.code


def test_texts() -> None:
    given = parameters(A="abc", Empty="")
    assert given.text("A", TextRule(3)) == "abc"
    assert given.text("Empty", TextRule(3), required=False) == ""
    assert code_of(lambda: given.text("Empty", TextRule(3))) == "MissingEmpty"
    assert code_of(lambda: given.text("A", TextRule(2))) == "InvalidParameter.A.Length"
    assert code_of(lambda: given.text("A", TextRule(9, 4))) == "InvalidParameter.A.Length"


def test_the_other_dialect_has_one_code_for_all() -> None:
    given = Parameters({"N": "x"}, KmsDialect())
    assert code_of(lambda: given.required("A")) == "MissingParameter"
    assert code_of(lambda: given.number("N", 1, 2)) == "InvalidParameter"


@pytest.mark.parametrize("text", ["0", "11", "x", "1.0", "-1", "9" * 30, "\u0661"])
def test_numbers_out_of_range(text: str) -> None:
    code = "InvalidParameter.N.Format"
    assert code_of(lambda: parameters(N=text).number("N", 1, 10)) == code


def test_numbers_flags_and_words() -> None:
    given = parameters(N="10", F="TRUE", W="b")
    assert given.number("N", 1, 10) == 10
    assert given.number("M", 1, 10, 3) == 3
    assert code_of(lambda: given.number("M", 1, 10)) == "MissingM"
    assert given.flag("F")
    assert given.flag("G", default=True)
    assert code_of(lambda: given.flag("W")) == "InvalidParameter.W.Format"
    assert given.one_of("W", ("a", "b")) == "b"
    assert given.one_of("V", ("a", "b"), "a") == "a"
    assert code_of(lambda: given.one_of("N", ("a", "b"))) == "InvalidParameter.N.Format"


def test_repeated_parameters() -> None:
    given = Parameters(
        {"T.1.Key": "a", "T.1.Value": "", "T.2.Key": "b", "T.4.Key": "d", "K.1": "x", "K.2": "y"},
        PopDialect(),
    )
    assert given.repeated("T", "Key", "Value") == [{"Key": "a", "Value": ""}, {"Key": "b"}]
    assert given.repeated_texts("K") == ["x", "y"]
    assert given.repeated("None", "Key") == []


def test_json_parameters() -> None:
    given = parameters(L='["a"]', Bad="[1", Wrong="{}")
    assert given.json_value("L", list[str]) == ["a"]
    assert given.json_value("M", list[str], []) == []
    for name in ("Bad", "Wrong"):
        code = code_of(partial(given.json_value, name, list[str]))
        assert code == f"InvalidParameter.{name}.Format"


def test_pages_by_marker() -> None:
    page = read_marker_page(parameters(MaxItems="2"))
    shown, members = cut_marker_page(["a", "b", "é"], page, str)
    assert (shown, members["IsTruncated"]) == (["a", "b"], True)
    marker = str(members["Marker"])
    assert read_marker_page(parameters(Marker=marker)).after == "b"
    assert cut_marker_page(["é"], page, str) == (["é"], {"IsTruncated": False})
    assert read_marker_page(parameters(Marker=make_marker("é"))).after == "é"
    for wrong in ("#", "é", "____"):
        act = partial(read_marker_page, parameters(Marker=wrong))
        assert code_of(act) == "InvalidParameter.Marker"
    for wrong in ("0", "1001"):
        act = partial(read_marker_page, parameters(MaxItems=wrong))
        assert code_of(act) == "InvalidParameter.MaxItems.Format"


def test_pages_by_number() -> None:
    page = read_numbered_page(parameters(PageNumber="3", PageSize="20"))
    assert page.offset == 40
    assert page.members(45) == {"TotalCount": 45, "PageNumber": 3, "PageSize": 20}
    assert read_numbered_page(parameters()).size == 10


def test_nonces_are_remembered_for_the_window_and_no_longer() -> None:
    memory = NonceMemory(1000, entries_max=3)
    assert memory.use("k", "a", 0)
    assert not memory.use("k", "a", 1000)
    assert memory.use("other", "a", 1000)
    assert memory.use("k", "a", 1001)
    for each in "bcdefg":
        assert memory.use("k", each, 1001)
        assert len(memory) <= 3


def test_what_is_kept_of_a_nonce_does_not_grow_with_it() -> None:
    memory = NonceMemory(1000)
    tracemalloc.start()
    assert all(memory.use("k", f"{number}".zfill(200_000), 0) for number in range(20))
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 20_000
    assert not memory.use("k", "7".zfill(200_000), 0)
    assert memory.use("k", "7".zfill(200_001), 0)
    assert memory.use("k", "\udcff", 0)
    assert not memory.use("k", "\udcff", 0)


def test_a_clock_set_back_forgets_no_nonce() -> None:
    memory = NonceMemory(1000)
    assert memory.use("k", "a", 5000)
    assert not memory.use("k", "a", 0)


def test_xml() -> None:
    members = {
        "RequestId": "R",
        "Roles": {"Role": [{"Name": "a&<b>", "Max": 3600, "Yes": True}, {"Name": "\x00é\r"}]},
        "Empty": {"Role": []},
    }
    assert to_xml("ListRolesResponse", members).decode() == (
        "<?xml version='1.0' encoding='UTF-8'?><ListRolesResponse><RequestId>R</RequestId>"
        "<Roles><Role><Name>a&amp;&lt;b&gt;</Name><Max>3600</Max><Yes>true</Yes></Role>"
        "<Role><Name>\ufffdé&#13;</Name></Role></Roles><Empty></Empty></ListRolesResponse>"
    )


def test_dates() -> None:
    assert iso_seconds(1_767_323_045_999) == "2026-01-02T03:04:05Z"
    assert read_iso_seconds("2026-01-02T03:04:05Z") == 1_767_323_045_000
    for wrong in ("", "2026-01-02 03:04:05", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05.0Z"):
        assert read_iso_seconds(wrong) is None


def test_diagnostic_messages() -> None:
    message: dict[str, object] = {"AuthAction": "ram:GetUser", "é": ["1"]}
    encoded = encode_diagnostic(message)
    assert decode_diagnostic(encoded) == message
    huge = encode_diagnostic({"a": "x" * 300_000})
    for wrong in ("", "x", "é", encoded[:-8], "AAAA", huge):
        with pytest.raises(ValueError, match="message"):
            decode_diagnostic(wrong)


def test_errors() -> None:
    error = signature_mismatch("GET&%2F")
    assert error.message.split(":", 1)[1] == "GET&%2F"
    members = PopDialect().error_members(gateway_error("InvalidVersion"), "R", "h")
    assert list(members) == ["RequestId", "HostId", "Code", "Message", "Recommend"]
    members = KmsDialect().error_members(gateway_error("InvalidVersion"), "R", "h")
    assert members["HttpStatus"] == 400
