"""Rules, tasks and the engine's batch look-ups in SQLite."""

from __future__ import annotations

from emulator.storage.sqlite.replication.entries import EntryReads, EntryWrites
from emulator.storage.sqlite.replication.lanes import LaneReads, LaneWrites
from emulator.storage.sqlite.replication.rules import RuleReads, RuleWrites
from emulator.storage.sqlite.replication.stats import JournalReads, JournalWrites
from emulator.storage.sqlite.replication.tasks import TaskReads, TaskWrites

__all__ = ["ReplicationReads", "ReplicationWrites"]


class ReplicationReads(JournalReads, RuleReads, TaskReads, LaneReads, EntryReads):
    """Reading; see ``replication.ports.ReplicationView``."""


class ReplicationWrites(JournalWrites, RuleWrites, TaskWrites, LaneWrites, EntryWrites):
    """Changing; see ``replication.ports.ReplicationTx``."""
