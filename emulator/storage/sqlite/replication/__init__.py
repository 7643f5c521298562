"""Rules, tasks and the engine's batch look-ups in SQLite."""

from __future__ import annotations

from emulator.storage.sqlite.replication.entries import EntryReads, EntryWrites
from emulator.storage.sqlite.replication.rules import RuleReads, RuleWrites
from emulator.storage.sqlite.replication.tasks import TaskReads, TaskWrites

__all__ = ["ReplicationReads", "ReplicationWrites"]


class ReplicationReads(RuleReads, TaskReads, EntryReads):
    """Reading; see ``replication.ports.ReplicationView``."""


class ReplicationWrites(RuleWrites, TaskWrites, EntryWrites):
    """Changing; see ``replication.ports.ReplicationTx``."""
