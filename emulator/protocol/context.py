"""What the handlers of the protocol may use: the stores, the rooms and the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from emulator.access.audit import Audit
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.cache import PolicyCache
from emulator.config import OssSettings, WireSettings
from emulator.domain.access_times import AccessTimes
from emulator.domain.ports import BlobStore, Clock, Rng
from emulator.kms.vault import Vault
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.service import ReplicationService

if TYPE_CHECKING:  # what makes callbacks looks at calls, and those at this context
    from emulator.protocol.callbacks.calling import Callbacks

T = TypeVar("T")


class RequestView(ReplicationView, Protocol):
    """One consistent reading of buckets, objects, rules, keys and identities."""

    @property
    def identities(self) -> IdentityStore:
        """Accounts and what belongs to them."""
        ...


class RequestTx(ReplicationTx, Protocol):
    """A write transaction of a request."""


class RequestStore(Protocol):
    """The metadata store as requests see it."""

    def read(self) -> AbstractContextManager[RequestView]:
        """A consistent view of what is committed. Never hold it across an ``await``."""
        ...

    async def write(self, work: Callable[[RequestTx], T]) -> T:
        """Run ``work`` in a transaction; its result comes back once it is durable."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """Everything a request may need, built once by ``app``."""

    store: RequestStore
    blobs: BlobStore
    clock: Clock
    rng: Rng
    oss: OssSettings
    wire: WireSettings
    policies: PolicyCache
    audit: Audit
    vault: Vault
    replication: ReplicationService
    changed: Callable[[], None]  # called after a commit that may have given replication work
    callbacks: Callbacks
    access_times: AccessTimes
    base_domains: tuple[str, ...]  # whose sub-domains name buckets
