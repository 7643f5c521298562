"""One running emulator: its start, its stop, and who answers which request."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from typing import Self

import msgspec
from aiohttp import web

from emulator.access.audit import Audit
from emulator.access.policy.cache import PolicyCache
from emulator.access.replication_rights import OwnBucketPolicies
from emulator.access.simulate import Question, Simulation, simulate
from emulator.app.replicating import Given, build_replication
from emulator.app.stores import (
    go_on_with_seed,
    keep_callback_key,
    keep_fingerprint,
    open_blobs,
    open_vault,
)
from emulator.app.world_files import read_world_file
from emulator.clock import AdjustableClock, clock_choice
from emulator.config import SettingError, Settings
from emulator.control.api import PREFIX, ControlApi
from emulator.control.ports import Readiness
from emulator.domain.access_times import AccessTimes
from emulator.domain.errors import StorageError
from emulator.domain.events.delivery import EventDelivery
from emulator.domain.events.desk import EventDesk
from emulator.domain.lifecycle.worker import LifecycleWorker
from emulator.domain.model import Bucket
from emulator.domain.workers import Workers
from emulator.kms.keeper import KeyKeeper
from emulator.protocol.callbacks import CallbackKey, Callbacks, Outgoing
from emulator.protocol.context import ServerContext
from emulator.protocol.dates import iso_date
from emulator.protocol.handlers import handlers
from emulator.protocol.http import HttpServer
from emulator.protocol.server import OssServer
from emulator.protocol.simulated_world import SimulatedWorld
from emulator.replication.counts import Counts
from emulator.replication.regions import known_regions
from emulator.replication.service import ReplicationService
from emulator.rng import SeededRng
from emulator.services.products import PRODUCTS
from emulator.services.rpc.call import ServicesContext
from emulator.services.server import ServiceServer
from emulator.storage.sqlite.store import SqliteStore
from emulator.world.document import read_world
from emulator.world.load import Loaded, load_world

_LOG = logging.getLogger("ossemu")
_BACKLOG = 1024
_SHOWN_MAX = 20
_AHEAD_MS_MAX = 60_000  # of the clock: what is newer was written by one that had been moved
_BLOBS = "blobs"
_CALLBACK_KEY = "callback-key.pem"
_BASE_DOMAINS = ("localhost", "aliyuncs.com")


class PortTaken(Exception):
    """The port cannot be listened on; the message says what to do."""


class AccountInventory(msgspec.Struct, frozen=True):
    """One account as the start-up message shows it."""

    uid: str
    name: str
    keys: tuple[tuple[str, str], ...]
    roles: tuple[str, ...]
    buckets: tuple[Bucket, ...]


def _base_domains(settings: Settings) -> tuple[str, ...]:
    """The domains whose sub-domains name buckets; the one that answers show is among them."""
    shown = settings.oss.endpoint_suffix.partition(":")[0].lower()
    return (*_BASE_DOMAINS, shown) if shown else _BASE_DOMAINS


def _check_region(settings: Settings) -> None:
    region = settings.oss.default_region
    if region not in known_regions():
        raise SettingError(
            f"setting oss.default_region: there is no region {region!r}; write it as in cn-hangzhou"
        )


class App:
    """One running emulator."""

    def __init__(self, settings: Settings, clock: AdjustableClock) -> None:
        self.settings = settings
        self.clock = clock
        self.failed = asyncio.Event()  # set when the disk stopped keeping what it is given
        self._rng = SeededRng(settings.seed)
        self._outgoing = Outgoing(settings.oss.outgoing_allow)
        self._store = SqliteStore.open(
            settings.data, settings.durability, on_failure=lambda _: self.failed.set()
        )
        self._vault = open_vault(settings, self._store)
        self._blobs = open_blobs(settings, self._store, self._rng, self.failed.set)
        self._store.on_unused_files = self._blobs.remove
        # the vendor's own suites store bucket policies without Principal; they mean nobody
        policies = PolicyCache(principal_required=False)
        self.audit = Audit(settings.oss.audit_entries_max)
        given = Given(self._store, self._blobs, clock, self._rng, self._vault, policies, self.audit)
        self._engine, service, self.replication = build_replication(settings, given)
        self._callbacks = Callbacks(
            self._outgoing, CallbackKey(lambda make: keep_callback_key(settings, make))
        )
        self._access_times = AccessTimes(self._store, clock, self._rng)
        self._workers = self._make_workers()
        self._context = self._server_context(policies, service)
        self._oss = OssServer(self._context, handlers())
        self._services = ServiceServer(self._services_context(policies), PRODUCTS)
        self._control = ControlApi(self)
        self._world_loaded = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._http: HttpServer | None = None
        self._listener: asyncio.Server | None = None

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Open the stores, listen, load the world, start the workers.

        Raises DataFolderError, PortTaken, SettingError, WorldError.
        """
        _check_region(settings)
        clock = clock_choice(settings.clock)
        app = cls(settings, AdjustableClock(clock.mode, factor=clock.factor))
        try:
            await keep_fingerprint(app._store, app._vault)
            await go_on_with_seed(settings, app._store, app._rng)
            await app._listen()
            if settings.world:
                await app.load_world(await read_world_file(settings.world), settings.world)
            app._world_loaded = True
            app._warn_of_later_instants()
            for worker in app._workers:
                app._own(worker.run(), worker.name)
            app._own(app._blobs.clean(), "clean-up")
        except BaseException:
            await app.stop()
            raise
        return app

    def _warn_of_later_instants(self) -> None:
        """What was planned on a clock that had been moved waits until this one is there."""
        with self._store.read() as view:
            newest_ms = view.newest_ms()
        if newest_ms > self.clock.now_ms() + _AHEAD_MS_MAX:
            _LOG.warning(
                "the data folder was written until %s, which this clock has not reached: rules and"
                " tasks of then wait for it; start with --clock virtual and POST"
                " /_emulator/clock, or take another --data",
                iso_date(newest_ms),
            )

    def _make_workers(self) -> Workers:
        settings, store, clock = self.settings, self._store, self.clock
        delivery = EventDelivery(store, clock, self._outgoing, events_max=settings.oss.events_max)
        store.on_event(delivery.wake)
        self.events = EventDesk(store, self._outgoing, delivery.wake)
        lifecycle = LifecycleWorker(
            store,
            clock,
            self._rng,
            hour=settings.oss.lifecycle_hour,
            changed=lambda: self._workers.changed(),
        )
        lifecycle.records_transitions = self.replication.settings.replicate_transitions
        keys = KeyKeeper(store, clock, self._rng, self._vault)
        return Workers([self._engine, delivery, lifecycle, self._access_times, keys])

    def _server_context(self, policies: PolicyCache, service: ReplicationService) -> ServerContext:
        settings, clock = self.settings, self.clock
        return ServerContext(
            store=self._store,
            blobs=self._blobs,
            clock=clock,
            rng=self._rng,
            oss=settings.oss,
            wire=settings.wire,
            policies=policies,
            audit=self.audit,
            vault=self._vault,
            replication=service,
            changed=self._workers.changed,
            callbacks=self._callbacks,
            access_times=self._access_times,
            base_domains=_base_domains(settings),
        )

    def _services_context(self, policies: PolicyCache) -> ServicesContext:
        return ServicesContext(
            store=self._store,
            clock=self.clock,
            rng=self._rng,
            oss=self.settings.oss,
            wire=self.settings.wire,
            policies=policies,
            vault=self._vault,
            audit=self.audit,
            changed=self._workers.changed,
        )

    async def _listen(self) -> None:
        http = HttpServer(self._dispatch, self.settings.wire, self._rng)
        host, port = self.settings.host, self.settings.port
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                http, host, port, backlog=_BACKLOG
            )
        except OSError as error:
            advice = "give another --host or --port"
            if error.errno == errno.EADDRINUSE:
                advice = "stop what uses it, or give another --port (0 picks a free one)"
            raise PortTaken(
                f"cannot listen on {host}:{port}: {error.strerror or error}; {advice}"
            ) from error
        self._http = http

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith(PREFIX):
            return await self._control(request)
        # Requests of the other services have no path; most of those of OSS have one.
        if request.raw_path[1:2] in ("", "?") and self._services.claims(request):
            return await self._services(request)
        return await self._oss(request)

    def _own(self, work: object, name: str) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, name))

    def _ended(self, task: asyncio.Task[object], name: str) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("the %s ended", name, exc_info=error)
            self.failed.set()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._listener is None:
            return self.settings.port
        listening: socket.socket = self._listener.sockets[0]
        return int(listening.getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, let requests finish, stop the workers, close the stores."""
        if self._listener is not None:
            self._listener.close()
        if self._http is not None:
            await self._http.shutdown(timeout=2)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._outgoing.close()
        with contextlib.suppress(StorageError):
            await self._access_times.run_due()
        await self._blobs.close()
        await self._store.close()

    def inventory(self) -> list[AccountInventory]:
        """The accounts with what belongs to them, for the person who starts the emulator."""
        with self._store.read() as view:
            return [
                AccountInventory(
                    uid=account.uid,
                    name=account.display_name,
                    keys=tuple(view.root_keys(account.uid)),
                    roles=tuple(view.role_names(account.uid, limit=_SHOWN_MAX)),
                    buckets=tuple(view.buckets_of(account.uid, limit=_SHOWN_MAX)),
                )
                for account in view.identities.accounts()[:_SHOWN_MAX]
            ]

    # what the control API steers

    def readiness(self) -> Readiness:
        """Whether the world is loaded, and how much is in it."""
        with self._store.read() as view:
            accounts, buckets, roles, rules = view.world_counts()
        return Readiness(
            ready=self._world_loaded and not self.failed.is_set(),
            accounts=accounts,
            buckets=buckets,
            roles=roles,
            rules=rules,
        )

    async def settle(self, *, advance: bool) -> Counts:
        """Run everything that is due, with ``advance`` step by step on a virtual clock."""
        before = self._engine.total()
        done = await self._workers.settle(self.clock.virtual() if advance else None)
        counts = self._engine.counts_since(before)
        counts.workers = {name: n for name, n in done.items() if name != self._engine.name}
        return counts

    async def callback_public_key(self) -> bytes:
        """The public half of the key that callbacks are signed with."""
        return await self._callbacks.key.public_pem()

    async def load_world(self, text: str, name: str) -> Loaded:
        """Apply a world file's text. Raises WorldError."""
        world, now_ms = read_world(text, name), self.clock.now_ms()
        loaded = await load_world(self._store, world, now_ms, self._vault)
        self._workers.wake()
        return loaded

    def simulate(self, question: Question) -> Simulation:
        """What would be decided now. Raises SimulationError."""
        own = OwnBucketPolicies(self.replication.settings.same_account_bucket_policy.value)
        now = iso_date(self.clock.now_ms())
        with self._store.read() as view:
            world = SimulatedWorld(view, own)
            return simulate(world, self._context.policies, question, now)

    def time_changed(self) -> None:
        """The clock was moved or exchanged: look at what is due."""
        self._workers.wake()
