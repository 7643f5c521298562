"""The world most tests of the engine start from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.replication.engine_world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An empty world; rules start and close without delay."""
    made = World()
    yield made
    await made.store.close()
