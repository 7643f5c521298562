"""What the control API asks of replication: why, what waits, and how it stands."""

from __future__ import annotations

from emulator.clock import Clock
from emulator.domain import errors
from emulator.replication.attempts import Tools
from emulator.replication.engine import Engine
from emulator.replication.explain import Explanation, explain
from emulator.replication.ports import ReplicationStore
from emulator.replication.settings import ReplicationSettings


class ReplicationDesk:
    """Looks at replication, and steers it, from outside."""

    def __init__(self, store: ReplicationStore, clock: Clock, tools: Tools, engine: Engine) -> None:
        self._store = store
        self._clock = clock
        self._tools = tools
        self._engine = engine

    @property
    def settings(self) -> ReplicationSettings:
        """The ``repl.*`` settings."""
        return self._tools.settings

    def explain(self, bucket: str, key: str, version_id: str | None) -> Explanation:
        """Why a key's replicas are where they are. Raises NoSuchBucket."""
        with self._store.read() as view:
            found = view.bucket(bucket)
            if found is None:
                raise errors.NoSuchBucket(bucket, ec="0015-00000101")
            return explain(view, self._tools, found, key, version_id, self._clock.now_ms())
