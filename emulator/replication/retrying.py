"""Having what was refused tried at once: stored tasks, and the reading of history."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from emulator.replication.desk_records import Retried
from emulator.replication.model import Rule, RuleState
from emulator.replication.ports import HistoryPause, ReplicationStore, ReplicationTx

_AT_ONCE = 5_000  # tasks made due in one transaction, or rules looked at


class Retrying:
    """Makes what was refused of some rules due; of one key, or everything (``key`` None)."""

    def __init__(self, rules: Iterable[Rule], key: str | None, now_ms: int) -> None:
        self._left = deque(rules)
        self._key = key
        self._now_ms = now_ms
        self._after_key = ""

    async def run(self, store: ReplicationStore) -> Retried:
        """In transactions of bounded length. Raises StorageError."""
        tasks = history = 0
        while self._left:
            more = await store.write(self._step)
            tasks += more.tasks
            history += more.history
        return Retried(tasks, history)

    def _step(self, tx: ReplicationTx) -> Retried:
        budget, tasks, history = _AT_ONCE, 0, 0
        while self._left and budget > 0:
            rule = self._left[0]
            done = tx.hasten_failed(
                rule.uid, self._now_ms, key=self._key, after_key=self._after_key, limit=budget
            )
            tasks += done.tasks
            budget -= 1 + done.tasks
            self._after_key = done.last_key or ""
            if done.last_key is not None:
                break
            self._left.popleft()
            if self._key is None:
                history += self._read_on(tx, rule.uid)
        return Retried(tasks, history)

    def _read_on(self, tx: ReplicationTx, uid: int) -> int:
        """Have history read on that was put off: 1, or 0 where there is nothing to do."""
        rule = tx.rule_by_uid(uid)
        if rule is None or rule.state is not RuleState.DOING or rule.history.done:
            return 0
        pause = tx.history_pause(uid)
        if not pause.attempts or pause.due_ms <= self._now_ms:
            return 0
        tx.pause_history(uid, HistoryPause(self._now_ms, pause.attempts))
        return 1
