"""Requests generated from the operation table, with wrong, missing, doubled, huge and odd values.

Whatever comes: an answer, never the server's fault, an error body that clients can read, and no
change of state behind a refusal. The last tests want every operation reached, and plant a handler
that fails and want it found.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from emulator.app import App
from emulator.clock import ClockMode
from emulator.config import MEMORY, LogLevel, Settings
from emulator.protocol.call import Answer, Handler
from emulator.protocol.call import Call as ServerCall
from emulator.protocol.handlers import handlers
from emulator.protocol.operations.model import Operation
from emulator.protocol.server import OssServer
from emulator.protocol.signing import Scheme
from tests.api.conftest import prepare
from tests.support.cases.forms import BUCKET, RULE_ID, UPLOAD
from tests.support.hostile import (
    QUICK_SETTINGS,
    Attacker,
    Line,
    check_clean,
    check_error_body,
)
from tests.support.process import FIXTURES, EmulatorProcess
from tests.support.shots import BUILT, SHOTS_EACH, Shot, filled, shots, written
from tests.support.wire import Call

SEED = 1
METADATA = "meta.db"
SHOTS_PER_BUCKET = 150  # what was set, locked and retained makes a bucket dull in time


class Range:
    """Where shots are fired: one connection, and what is behind it."""

    def __init__(
        self,
        attacker: Attacker,
        revision: Callable[[], int],
        settle: Callable[[], None],
    ) -> None:
        self._attacker = attacker
        self._revision = revision
        self._settle = settle
        self._line: Line | None = None
        self._fired = 0
        self._names = {BUCKET: "src-bucket", UPLOAD: "", RULE_ID: "none"}
        self._before = revision()

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        self._attacker.close()

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.socket.close()
            self._line = None

    def fire(self, shot: Shot) -> None:
        """Send one request and check everything that must hold after it."""
        if self._fired % SHOTS_PER_BUCKET == 0:
            self._new_bucket()
        self._fired += 1
        if UPLOAD in dict(shot.query).values() and not self._names[UPLOAD]:
            self._initiate()
        shot = filled(shot, self._names)
        self._line = self._line or Line(self._attacker.server.port)
        self._line.send(written(shot))
        reply = self._line.reply(shot.method)
        while reply is not None and reply.status == 100:
            reply = self._line.reply(shot.method)
        assert reply is not None, "closed without an answer"
        is_plain = reply.raw.startswith(b"HTTP/1.0")  # of the HTTP layer, which hangs up then
        if is_plain or reply.header("connection") == "close":
            self._hang_up()
        check_clean(reply)
        if reply.status < 400:
            self._settle()
            self._before = self._revision()
            if shot.method in ("POST", "DELETE"):
                self._names[UPLOAD] = ""  # it may have been completed or aborted
            return
        if is_plain:
            assert reply.status in (400, 417)
        elif shot.method == "HEAD":
            error = base64.b64decode(reply.header("x-oss-err"))
            assert ElementTree.fromstring(error).findtext("Code")  # noqa: S314
        elif reply.header("content-type") == "application/xml":
            check_error_body(reply)
            assert reply.code != "RequestTimeout", "the server waited for what was sent"
        assert self._revision() == self._before, "a refused request was written"

    def _new_bucket(self) -> None:
        """A bucket with an object of each kind."""
        name = f"fuzz-{self._fired}"
        self._names.update({BUCKET: name, UPLOAD: ""})
        cold = (("x-oss-storage-class", "Archive"),)
        tasks = [
            Call("PUT", name),
            Call("PUT", "brand-new"),
            Call("PUT", name, "key", body=b"content"),
            Call("PUT", name, "plain", headers=(("content-type", "text/html"),), body=b"x" * 2000),
            Call("PUT", name, "cold", headers=cold, body=b"cold"),
            Call("POST", name, "log", (("append", None), ("position", "0")), body=b"first"),
            Call("PUT", name, "link", (("symlink", None),), (("x-oss-symlink-target", "key"),)),
            Call("PUT", name, "loop", (("symlink", None),), (("x-oss-symlink-target", "loop"),)),
        ]
        for call in tasks:
            with contextlib.suppress(AssertionError):  # what is left by shots may forbid it
                self._attacker.ok(call)
        self._settle()
        self._before = self._revision()

    def _initiate(self) -> None:
        """Begin an upload with a part, for the shots that speak of one."""
        bucket = self._names[BUCKET]
        reply = self._attacker.call(Call("POST", bucket, "key", (("uploads", None),)))
        self._names[UPLOAD] = "none"
        if reply.status == 200:
            self._names[UPLOAD] = reply.document.findtext("UploadId", "")
            query = (("partNumber", "1"), ("uploadId", self._names[UPLOAD]))
            self._attacker.call(Call("PUT", bucket, "key", query, body=b"part"))
        self._settle()
        self._before = self._revision()


@pytest.fixture(scope="module")
def firing_range(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    """A server of its own, and the number of its commits as another reader sees it."""
    data = tmp_path_factory.mktemp("fuzz") / "data"
    arguments = ("--durability", "process")
    with EmulatorProcess(data=data, settings=QUICK_SETTINGS, arguments=arguments) as process:
        attacker = Attacker(process)
        prepare(attacker)
        reader = sqlite3.connect(f"file:{data / METADATA}?mode=ro", uri=True)
        made = Range(
            attacker,
            lambda: int(reader.execute("PRAGMA data_version").fetchone()[0]),
            lambda: process.settle(advance=False),
        )
        yield made
        made.close()
        reader.close()
        assert process.errors() == "", "something failed behind an answer"


def test_a_commit_is_seen_by_the_reader(firing_range: Range) -> None:
    """The check of unchanged state would notice: a good write is a new revision."""
    before = firing_range._revision()
    firing_range.fire(Shot("PUT", "public", "new", (), (), b"x", "a", Scheme.V4, chunked=False))
    assert firing_range._revision() != before


def fire_all(target: Range, seed: int) -> None:
    """All shots of a seed; a failure says which one it was."""
    for shot in shots(seed):
        try:
            target.fire(shot)
        except (AssertionError, OSError) as error:
            raise AssertionError(f"{shot}: {error}") from error


def test_no_request_breaks_the_server(firing_range: Range) -> None:
    fire_all(firing_range, SEED)


async def fails(_call: ServerCall) -> Answer:
    """A handler with a mistake in it."""
    raise KeyError("planted")


Table = Mapping[Operation, Handler]


@contextmanager
def serving(table: Table) -> Iterator[Range]:
    """An emulator in a thread of this process, with a handler table of the test's own."""
    started, stop = threading.Event(), threading.Event()
    apps: list[App] = []

    async def run() -> None:
        world = str(FIXTURES / "cross-account.yaml")
        app = await App.start(
            Settings(port=0, data=MEMORY, world=world, clock=ClockMode.VIRTUAL, log=LogLevel.ERROR)
        )
        apps.append(app)
        started.set()
        await asyncio.get_running_loop().run_in_executor(None, stop.wait)
        await app.stop()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert started.wait(10)
    server = SimpleNamespace(port=apps[0].port, settle=lambda **_: None)
    attacker = Attacker(server)  # type: ignore[arg-type] # all that is asked of a process
    try:
        prepare(attacker)
        made = Range(attacker, lambda: 0, lambda: None)
        made._new_bucket()
        apps[0]._oss = OssServer(apps[0]._context, table)
        yield made
        made.close()
    finally:
        stop.set()
        thread.join(10)


def test_every_built_operation_is_reached() -> None:
    """Each handler is entered by several shots: what it does with odd values is looked at."""
    entered: dict[str, int] = dict.fromkeys((each.name for each in BUILT), 0)

    def noting(operation: Operation, handler: Handler) -> Handler:
        async def notes(call: ServerCall) -> Answer:
            entered[operation.name] += 1
            return await handler(call)

        return notes

    table = {operation: noting(operation, handler) for operation, handler in handlers().items()}
    with serving(table) as target:
        fire_all(target, SEED)
    seldom = {name: times for name, times in entered.items() if times < SHOTS_EACH // 10}
    assert seldom == {}


@pytest.mark.parametrize("name", ["PutObject", "GetBucketInfo", "ListObjectsV2"])
def test_a_handler_that_fails_is_found(name: str) -> None:
    table = dict(handlers())
    table[next(each for each in table if each.name == name)] = fails

    with serving(table) as planted, pytest.raises(AssertionError, match="InternalError"):
        fire_all(planted, SEED)
