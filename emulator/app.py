"""How everything is put together: the only place that builds stores, clock, engine and servers."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from pathlib import Path
from typing import Self

import aiofiles
import msgspec
from aiohttp import web

from emulator.access.policy.cache import PolicyCache
from emulator.clock import AdjustableClock
from emulator.config import MEMORY, SettingError, Settings
from emulator.control.api import PREFIX, ControlApi
from emulator.control.ports import Readiness
from emulator.domain import errors
from emulator.domain.model import Bucket
from emulator.protocol.context import ServerContext
from emulator.protocol.handlers import handlers
from emulator.protocol.http import HttpServer
from emulator.protocol.server import OssServer
from emulator.replication.batch import Tools
from emulator.replication.counts import Counts
from emulator.replication.engine import Engine
from emulator.replication.explain import Explanation, explain
from emulator.replication.progress import progress_of
from emulator.replication.regions import known_regions
from emulator.replication.rights import Rights
from emulator.replication.service import ReplicationService
from emulator.replication.settings import ReplicationSettings, settings_from
from emulator.replication.timing import InstantTiming
from emulator.rng import SeededRng
from emulator.storage.blobs import FileBlobStore
from emulator.storage.memory import MemoryBlobStore
from emulator.storage.sqlite.store import SqliteStore
from emulator.world.document import WorldError, read_world
from emulator.world.load import Loaded, load_world

_LOG = logging.getLogger("ossemu")
_BACKLOG = 1024
_SHOWN_MAX = 20
_BLOBS = "blobs"
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


def _replication_settings(settings: Settings) -> ReplicationSettings:
    try:
        return settings_from(
            {f"repl.{name}": value for name, value in settings.replication.items()}
        )
    except ValueError as error:
        raise SettingError(str(error)) from error


def world_path(name: str) -> Path:
    """The file of a world: a path, or the bare name of a world that comes with the emulator."""
    package = Path(__file__).parent
    for folder in (package / "_fixtures", package.parent / "fixtures"):  # installed, repository
        shipped = folder / f"{name}.yaml"
        if Path(name).name == name and not Path(name).exists() and shipped.exists():
            return shipped
    return Path(name)


async def _read_world(path: str) -> str:
    try:
        async with aiofiles.open(world_path(path), encoding="utf-8") as file:
            return await file.read()
    except UnicodeDecodeError as error:
        raise WorldError(f"{path}: this is no UTF-8 text") from error
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}; give a world file with --world") from error


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
        self._store = SqliteStore.open(
            settings.data, settings.durability, on_failure=lambda _: self.failed.set()
        )
        self._blobs = self._open_blobs()
        self._store.on_unused_files = self._blobs.remove
        replication = _replication_settings(settings)
        # the vendor's own suites store bucket policies without Principal; they mean nobody
        policies = PolicyCache(principal_required=False)
        rights = Rights(self._store.identities, policies, replication)
        tools = Tools(replication, InstantTiming(replication), rights, self._rng)
        self._tools = tools
        self._engine = Engine(self._store, clock, tools)
        self._context = ServerContext(
            store=self._store,
            blobs=self._blobs,
            clock=clock,
            rng=self._rng,
            oss=settings.oss,
            wire=settings.wire,
            policies=policies,
            replication=ReplicationService(
                self._store,
                replication,
                clock=clock,
                rng=self._rng,
                role_check=rights.role_refusal,
                progress_of=progress_of,
            ),
            changed=self._engine.wake,
            base_domains=_base_domains(settings),
        )
        self._oss = OssServer(self._context, handlers())
        self._control = ControlApi(self)
        self._world_loaded = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._http: HttpServer | None = None
        self._listener: asyncio.Server | None = None

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Open the stores, listen, load the world, start the engine.

        Raises DataFolderError, PortTaken, SettingError, WorldError.
        """
        _check_region(settings)
        app = cls(settings, AdjustableClock(settings.clock))
        try:
            await app._listen()
            if settings.world:
                await app.load_world(await _read_world(settings.world), settings.world)
            app._world_loaded = True
            app._own(app._engine.run(), "engine")
            app._own(app._blobs.clean(), "clean-up")
        except BaseException:
            await app.stop()
            raise
        return app

    def _open_blobs(self) -> FileBlobStore | MemoryBlobStore:
        if self.settings.data == MEMORY:
            return MemoryBlobStore(rng=self._rng, known=self._store.known_files)
        return FileBlobStore(
            Path(self.settings.data) / _BLOBS,
            durability=self.settings.durability,
            rng=self._rng,
            known=self._store.known_files,
            on_failure=lambda _: self.failed.set(),
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
        """Stop listening, let requests finish, stop the engine, close the stores."""
        if self._listener is not None:
            self._listener.close()
        if self._http is not None:
            await self._http.shutdown(timeout=2)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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
        return await self._engine.settle(self.clock.virtual() if advance else None)

    async def load_world(self, text: str, name: str) -> Loaded:
        """Apply a world file's text. Raises WorldError."""
        loaded = await load_world(self._store, read_world(text, name), self.clock.now_ms())
        self._engine.wake()
        return loaded

    def explain(self, bucket: str, key: str, version_id: str | None) -> Explanation:
        """Why a key's replicas are where they are. Raises NoSuchBucket."""
        with self._store.read() as view:
            found = view.bucket(bucket)
            if found is None:
                raise errors.NoSuchBucket(bucket, ec="0015-00000101")
            return explain(view, self._tools, found, key, version_id, self.clock.now_ms())

    def time_changed(self) -> None:
        """The clock was moved or exchanged: look at what is due."""
        self._engine.wake()
