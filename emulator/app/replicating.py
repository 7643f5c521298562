"""Putting the replication room together."""

from __future__ import annotations

from typing import NamedTuple

from emulator.access.audit import Audit
from emulator.access.policy.cache import PolicyCache
from emulator.clock import Clock
from emulator.config import SettingError, Settings
from emulator.kms.vault import Vault
from emulator.replication.attempts import Tools
from emulator.replication.desk import ReplicationDesk
from emulator.replication.encrypting import KeyTools
from emulator.replication.engine import Engine
from emulator.replication.progress import progress_of
from emulator.replication.resealing import Resealing
from emulator.replication.rights import Rights
from emulator.replication.service import ReplicationService
from emulator.replication.settings import ReplicationSettings, settings_from
from emulator.replication.timing import Timings
from emulator.rng import Rng
from emulator.storage.blobs import FileBlobStore
from emulator.storage.memory import MemoryBlobStore
from emulator.storage.sqlite.store import SqliteStore


class Given(NamedTuple):
    """What replication works with that is not its own."""

    store: SqliteStore
    blobs: FileBlobStore | MemoryBlobStore
    clock: Clock
    rng: Rng
    vault: Vault
    policies: PolicyCache
    audit: Audit


class Replicating(NamedTuple):
    """The replication room: who works, who answers clients, who answers the control API."""

    engine: Engine
    service: ReplicationService
    desk: ReplicationDesk


def build_replication(settings: Settings, given: Given) -> Replicating:
    """Build it. Raises SettingError for a ``repl.*`` setting that is none."""
    wanted = _replication_settings(settings)
    store, clock, rng = given.store, given.clock, given.rng
    rights = Rights(store.identities, given.policies, wanted)
    keys = KeyTools(given.vault, given.policies, rng, Resealing(given.vault, given.blobs))
    seed = int(rng.hex(16), 16) if settings.seed is None else settings.seed
    timing = Timings(wanted, seed)
    tools = Tools(wanted, timing, rights, rng, keys, given.audit)
    engine = Engine(store, clock, tools)
    service = ReplicationService(
        store,
        wanted,
        clock=clock,
        rng=rng,
        role_check=lambda uid, role: rights.role_refusal(uid, role, clock.now_ms()),
        progress_of=progress_of,
        timing=timing,
    )
    return Replicating(engine, service, ReplicationDesk(store, clock, tools, engine))


def _replication_settings(settings: Settings) -> ReplicationSettings:
    try:
        return settings_from(
            {f"repl.{name}": value for name, value in settings.replication.items()}
        )
    except ValueError as error:
        raise SettingError(str(error)) from error
