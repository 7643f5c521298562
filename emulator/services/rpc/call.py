"""One call on its way to its handler, and what a product is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from emulator.access.audit import Audit
from emulator.access.identity import Principal
from emulator.access.policy.cache import PolicyCache
from emulator.access.ram_store import RamStore
from emulator.clock import Clock
from emulator.config import OssSettings, WireSettings
from emulator.kms.ports import KeyTx, KeyView
from emulator.kms.vault import Vault
from emulator.rng import Rng
from emulator.services.rpc.dialect import Dialect, Members
from emulator.services.rpc.parameters import Parameters

T = TypeVar("T")


class ServiceView(KeyView, Protocol):
    """One consistent reading of what the services keep."""

    @property
    def identities(self) -> RamStore:
        """Accounts and what belongs to them."""
        ...


class ServiceTx(ServiceView, KeyTx, Protocol):
    """A write transaction."""


class ServiceStore(Protocol):
    """The metadata store as the services see it."""

    def read(self) -> AbstractContextManager[ServiceView]:
        """A consistent view of what is committed. Never hold it across an ``await``."""
        ...

    async def write(self, work: Callable[[ServiceTx], T]) -> T:
        """Run ``work`` in a transaction; its result comes back once it is durable."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServicesContext:
    """Everything a call may need, built once by ``app``."""

    store: ServiceStore
    clock: Clock
    rng: Rng
    oss: OssSettings
    wire: WireSettings
    policies: PolicyCache
    vault: Vault
    audit: Audit
    changed: Callable[[], None]  # called after a commit that may have given replication work


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RpcCall:
    """An authenticated call of a known operation.

    ``headers`` have lower-case names; ``peer`` is the client's address.
    """

    action: str
    parameters: Parameters
    principal: Principal
    context: ServicesContext
    dialect: Dialect
    headers: Mapping[str, str]
    peer: str
    now_ms: int
    request_id: str

    @property
    def account_uid(self) -> str:
        """The account the caller belongs to."""
        return self.principal.account_uid


Handler = Callable[[RpcCall], Awaitable[Members]]
Resources = Callable[[RpcCall], tuple[str, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One operation: what carries it out, and what the caller needs a right on.

    ``resources`` gives the resource names, all of which have to be allowed, before the handler
    runs; None where the handler decides itself, or everyone may. ``permission`` is the action
    that is asked for where it is not ``{service}:{name of the operation}``.
    """

    handler: Handler
    resources: Resources | None = None
    permission: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """An API of one version; ``service`` is the prefix of its actions in policies."""

    service: str
    version: str
    dialect: Dialect
    operations: Mapping[str, Operation]
