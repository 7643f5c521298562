"""Servers for scenarios: one for each group of settings, started when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.behaviours.registry import Scenario
from tests.support.lab import Lab
from tests.support.process import EmulatorProcess

pytest.register_assert_rewrite("tests.behaviours.scenarios")

# More buckets than an account may own, and clocks that run away from those of the clients.
_COMMON = ("oss.buckets_max=5000", "oss.check_signing_time=false")


class Servers:
    """The two-account world in memory on a virtual clock, once for each group of settings."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[tuple[str, ...], EmulatorProcess] = {}

    def under(self, settings: tuple[str, ...]) -> EmulatorProcess:
        """The server with these settings."""
        if settings not in self._running:
            process = EmulatorProcess(settings=(*_COMMON, *settings))
            self._running[settings] = self._stack.enter_context(process)
        return self._running[settings]

    def act(self, scenario: Scenario) -> None:
        """Act a scenario out, and let its rules go."""
        with self.lab(scenario.settings) as lab:
            scenario.act(lab)

    @contextmanager
    def lab(self, settings: tuple[str, ...] = ()) -> Iterator[Lab]:
        """A lab on the server with these settings."""
        lab = Lab(self.under(settings))
        try:
            yield lab
        finally:
            lab.clear()

    def errors(self) -> str:
        """What all servers wrote to their standard errors."""
        return "".join(process.errors() for process in self._running.values())


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """The servers of a module."""
    with ExitStack() as stack:
        made = Servers(stack)
        yield made
        assert made.errors() == ""  # nothing failed behind an answer
