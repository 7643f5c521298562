"""The stores under contract: in memory and in a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.config import Durability
from emulator.storage.sqlite.store import SqliteStore


@pytest.fixture(params=["memory", "none", "process", "power"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An empty metadata store, in memory and in a folder with each durability."""
    if request.param == "memory":
        opened = SqliteStore.open(":memory:")
    else:
        opened = SqliteStore.open(tmp_path / "data", Durability(request.param))
    yield opened
    await opened.close()
