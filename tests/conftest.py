"""What every test stands on: repeatable random examples, and an environment of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

# No deadline and no complaint about slow examples: on a shared core they say nothing.
# Derandomised, so that a red run is red again; `--hypothesis-profile=explore` looks further.
UNHURRIED = hypothesis.settings(
    deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "repeatable", parent=UNHURRIED, derandomize=True, database=None
)
hypothesis.settings.register_profile("explore", parent=UNHURRIED, max_examples=2000)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def own_environment() -> Iterator[None]:
    """No setting of the developer's own emulator and no proxy between a client and loopback."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OSSEMU_")]:
            patch.delenv(name)
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost,.localhost")
        yield
