"""Every operation that users count on is built, and tested with the clients they use."""

from __future__ import annotations

from collections.abc import Iterable

import alibabacloud_oss_v2
import pytest

from emulator.protocol.handlers import handlers
from emulator.protocol.operations.find import OPERATIONS
from tests.support.cases import all_cases
from tests.support.covers import Cover, all_covers, covers, covers_in

BUILT = {operation.name for operation in handlers()}
NEEDED = sorted(operation.name for operation in OPERATIONS if operation.tier <= 2)
# What alibabacloud-oss-v2 has no call for: forms, preflights and the probe.
WITHOUT_SECOND_CLIENT = {"HeadBucket", "OptionBucket", "PostObject"}


@pytest.fixture(scope="module")
def declared() -> list[Cover]:
    """Every cover of the suite."""
    return all_covers()


def gap(name: str, covers: Iterable[Cover]) -> str:
    """What a needed operation lacks, "" for nothing."""
    found = [cover for cover in covers if cover.operation == name and cover.is_conformance]
    if not found:
        return "no test drives a real server: @covers in tests/conformance"
    if name in WITHOUT_SECOND_CLIENT or any(cover.has_second_client for cover in found):
        return ""
    return f"no file with @covers calls alibabacloud_oss_v2.{name}Request"


@pytest.mark.parametrize("name", NEEDED)
def test_an_operation_of_tier_1_or_2_is_built(name: str) -> None:
    assert name in BUILT


@pytest.mark.parametrize("name", sorted(BUILT))
def test_a_built_operation_has_a_test(name: str) -> None:
    assert name in all_cases(), "no Case in tests/support/cases"


@pytest.mark.parametrize("name", NEEDED)
def test_an_operation_of_tier_1_or_2_is_tested_with_the_clients(
    name: str, declared: list[Cover]
) -> None:
    assert gap(name, declared) == ""


@pytest.mark.parametrize("name", NEEDED)
def test_only_what_the_second_client_lacks_is_excused(name: str) -> None:
    assert hasattr(alibabacloud_oss_v2, f"{name}Request") is not (name in WITHOUT_SECOND_CLIENT)


# What must be noticed, or it proves nothing.

SOURCE = """
import alibabacloud_oss_v2 as oss_v2
@covers("PutObject", "GetObject")
@pytest.mark.parametrize("x", [1])
def test_a(): client.put_object(oss_v2.PutObjectRequest(bucket="b"))
@pytest.mark.slow
def test_b(): oss_v2.HeadObjectRequest
"""


def test_covers_are_read_off_the_decorators() -> None:
    found = list(covers_in("tests/conformance/test_x.py", SOURCE))
    assert [(each.operation, each.test, each.has_second_client) for each in found] == [
        ("PutObject", "test_a", True),
        ("GetObject", "test_a", False),
    ]
    assert gap("PutObject", found) == ""
    assert "GetObjectRequest" in gap("GetObject", found)
    assert "no test" in gap("HeadObject", found)


def test_tests_elsewhere_do_not_drive_a_client() -> None:
    assert "no test" in gap("PutObject", covers_in("tests/api/test_x.py", SOURCE))


def test_the_first_client_alone_is_not_enough() -> None:
    source = SOURCE.replace("alibabacloud_oss_v2", "oss2")
    assert gap("PutObject", covers_in("tests/conformance/test_x.py", source)) != ""


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(KeyError):
        covers("PutObjekt")


def test_only_literals_can_be_read() -> None:
    with pytest.raises(TypeError, match="literals"):
        list(covers_in("tests/conformance/test_x.py", "@covers(*NAMES)\ndef test_a(): ..."))
