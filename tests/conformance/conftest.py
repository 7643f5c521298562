"""One server per module, a lab with fresh names per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.lab import Lab
from tests.support.process import EmulatorProcess

# More buckets than an account may own, for the tests of how many rules a bucket may have.
_SETTINGS = ("oss.buckets_max=1000",)


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """The two-account world in memory on a virtual clock."""
    with EmulatorProcess(settings=_SETTINGS) as process:
        yield process
        assert process.errors() == ""  # nothing failed behind an answer


@pytest.fixture
def lab(server: EmulatorProcess) -> Iterator[Lab]:
    """Fresh buckets, rules and roles."""
    made = Lab(server)
    yield made
    made.clear()
