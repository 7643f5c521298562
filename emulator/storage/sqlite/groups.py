"""Grouped commits: every work that is ready joins the open transaction.

The order of a write, each step only after the one before:

1. a large body is a durable file (``storage.blobs``): temporary file, sync, rename, folder sync;
2. the works of the group run one after the other on the event loop, each under its own
   savepoint: rows, counts of blob uses, changes; then what they add to the buckets' figures;
3. one COMMIT holds the whole group; with durability ``power`` it syncs the log, in a thread;
4. readers see the group, and those who wait are answered;
5. files whose last row went with the group are removed.

A crash before 3 leaves at most a file without a row, which the next clean-up finds; a crash
before 5 likewise. A row without its file cannot come about.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar, cast

from emulator.domain.errors import StorageFailed, StorageFull
from emulator.storage.sqlite.faults import is_machine_fault, storage_error
from emulator.storage.sqlite.reserve import Reserve
from emulator.storage.sqlite.statements import Mark
from emulator.storage.sqlite.view import SqliteTx

T = TypeVar("T")

GROUP_WORKS_MAX = 256
GROUP_S_MAX = 0.008

# When the log is folded into the database: by rows changed, a KiB of inline content being one.
CHECKPOINT_ROWS = 4_000
_FREE_PAGES_MIN = 512  # inside the database: room enough for what is written next


class Request(Generic[T]):
    """A work, and the future of who waits for it. ``group`` is set once the work has run."""

    __slots__ = ("error", "future", "group", "result", "work")

    def __init__(self, work: Callable[[SqliteTx], T], future: asyncio.Future[T]) -> None:
        self.work = work
        self.future = future
        self.group: Group | None = None
        self.result: T
        self.error: Exception | None = None

    def settle(self) -> None:
        """Answer, unless who waited has gone."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Group:
    """The requests of one transaction. ``settled`` is set when its outcome is known."""

    __slots__ = ("began_changes", "mark", "requests", "settled")

    def __init__(self, mark: Mark, began_changes: int) -> None:
        self.mark = mark
        self.began_changes = began_changes
        self.requests: list[Request[object]] = []
        self.settled = asyncio.Event()


class Hooks:
    """What the store does around transactions.

    ``changing``: the database is about to change, or has changed: readers begin anew.
    ``unused``: these files have lost their last row, durably. ``failed``: nothing is written any
    more.
    """

    __slots__ = ("changing", "failed", "unused")

    def __init__(
        self,
        changing: Callable[[], None],
        unused: Callable[[list[str]], None],
        failed: Callable[[StorageFailed], None],
    ) -> None:
        self.changing = changing
        self.unused = unused
        self.failed = failed


class GroupWriter:
    """Runs the works of all who write, in the order they came, one group a transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        hooks: Hooks,
        *,
        commits_in_thread: bool,
        has_log: bool,
        reserve: Reserve | None = None,
    ) -> None:
        self._reserve = reserve
        self._connection = connection
        self._run = connection.cursor().execute
        self._tx = SqliteTx(connection)
        self._hooks = hooks
        self._commits_in_thread = commits_in_thread
        self._has_log = has_log
        self._queue: deque[Request[object]] = deque()
        self._busy = False
        self._idle = asyncio.Event()
        self._closed = False
        self._failure: StorageFailed | None = None
        self._folded_changes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ossemu-commit")

    async def write(self, work: Callable[[SqliteTx], T]) -> T:
        """See ``domain.ports.MetaStore.write``. Raises ``StorageError``.

        If who waits is cancelled before the work has run, it never runs; later, the cancellation
        arrives once the outcome is settled, so that what is then read is the truth.
        """
        if self._failure is not None or self._closed:
            raise StorageFailed(str(self._failure or "the store is closed"))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        request = Request(work, future)
        self._queue.append(cast("Request[object]", request))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._run_group)
        try:
            return await request.future
        except asyncio.CancelledError:
            if request.group is not None:
                await _stubbornly(request.group.settled)
            raise

    def on_event(self, told: Callable[[], None]) -> None:
        """Say who is told, before the commit, that an event was recorded."""
        self._tx.event_recorded = told

    async def drain(self) -> None:
        """Let the queue run empty and refuse what comes later."""
        self._closed = True
        while self._busy:
            self._idle.clear()
            await self._idle.wait()

    async def close(self) -> None:
        """Close the connection. The last one to close folds the log in, which takes its time."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    def abandon(self) -> None:
        """Close the connection at once; only where nothing was written."""
        self._closed = True
        self._connection.close()
        self._thread.shutdown()

    # the group

    def _look_for_space(self, reserve: Reserve) -> None:
        """Keep space back again as soon as there is some, also where pages that deletes freed
        let writers go on: the disk may fill up once more."""
        if reserve.take():
            self._tx.is_full = False
        elif self._tx.is_full:
            self._tx.is_full = not self._has_free_pages()

    def _has_free_pages(self) -> bool:
        """Whether deletes have made room inside the database, whatever the disk has."""
        (pages,) = cast(tuple[int], self._run("PRAGMA freelist_count").fetchone())
        return pages >= _FREE_PAGES_MIN

    def _run_group(self) -> None:
        group = Group(self._tx.mark(), self._connection.total_changes)
        if self._reserve is not None and not self._reserve.held:
            self._look_for_space(self._reserve)
        try:
            self._hooks.changing()
            self._run("BEGIN IMMEDIATE")
            self._run_works(group)
            self._tx.write_stats()
            self._commit(group)
        except Exception as error:  # noqa: BLE001 - answered to everyone in the group
            if not group.requests:
                self._take_all(group)
            self._fail(group, error)
            self._go_on()

    def _run_works(self, group: Group) -> None:
        alone = len(self._queue) == 1
        deadline = time.perf_counter() + GROUP_S_MAX
        while self._queue:
            request = self._queue.popleft()
            if request.future.done():  # who waited has gone
                continue
            request.group = group
            group.requests.append(request)
            if alone:
                self._run_alone(request)
            else:
                self._run_beside(request)
            if len(group.requests) == GROUP_WORKS_MAX or time.perf_counter() > deadline:
                break

    def _run_alone(self, request: Request[object]) -> None:
        """Without a savepoint: the transaction itself can be rolled back."""
        mark = self._tx.mark()
        try:
            request.result = request.work(self._tx)
        except Exception as error:  # noqa: BLE001 - belongs to the one who waits
            self._refuse(request, error)
            self._run("ROLLBACK")
            self._tx.undo(mark)

    def _run_beside(self, request: Request[object]) -> None:
        mark = self._tx.mark()
        self._run("SAVEPOINT work")
        try:
            request.result = request.work(self._tx)
        except Exception as error:  # noqa: BLE001 - belongs to the one who waits
            self._refuse(request, error)
            self._run("ROLLBACK TO work")
            self._tx.undo(mark)
        self._run("RELEASE work")

    def _refuse(self, request: Request[object], error: Exception) -> None:
        """Keep the work's own error; the machine's errors are everyone's."""
        if is_machine_fault(error) or not self._connection.in_transaction:
            raise error
        request.error = error

    # the commit

    def _commit(self, group: Group) -> None:
        changed = self._connection.total_changes != group.began_changes
        if changed and self._commits_in_thread:
            loop = asyncio.get_running_loop()
            committing = self._thread.submit(self._sync_commit)
            committing.add_done_callback(
                lambda done: loop.call_soon_threadsafe(self._committed, group, done)
            )
            return
        self._sync_commit()
        self._answer(group)

    def _sync_commit(self) -> None:
        """Returns when the group is durable. Called in the thread when that takes long."""
        if self._connection.in_transaction:
            self._run("COMMIT")

    def _committed(self, group: Group, done: Future[None]) -> None:
        error = done.exception()
        if error is None:
            self._answer(group)
        else:
            self._fail(group, error)
            self._go_on()

    def _answer(self, group: Group) -> None:
        self._hooks.changing()
        for request in group.requests:
            request.settle()
        group.settled.set()
        files = self._tx.take_unused_files()
        if files:
            self._hooks.unused(files)
        self._go_on()

    def _fail(self, group: Group, error: BaseException) -> None:
        failure = storage_error(error)
        try:
            if self._connection.in_transaction:
                self._run("ROLLBACK")
        except sqlite3.Error as worse:
            failure = StorageFailed(f"a failed transaction cannot be rolled back: {worse}")
        self._hooks.changing()
        self._tx.undo(group.mark)
        if isinstance(failure, StorageFull) and self._reserve is not None:
            self._reserve.give_up()
            self._tx.is_full = True
        if isinstance(failure, StorageFailed):
            self._failure = failure
            self._take_all(group)
            self._hooks.failed(failure)
        for request in group.requests:
            request.error = type(failure)(str(failure))
            request.error.__cause__ = error
            request.settle()
        group.settled.set()

    def _take_all(self, group: Group) -> None:
        group.requests.extend(self._queue)
        self._queue.clear()

    # what comes next

    def _go_on(self) -> None:
        if self._has_log and self._failure is None and self._log_rows() >= CHECKPOINT_ROWS:
            self._checkpoint()
        elif self._queue:
            asyncio.get_running_loop().call_soon(self._run_group)
        else:
            self._busy = False
            self._idle.set()

    def _log_rows(self) -> int:
        rows = self._connection.total_changes - self._folded_changes
        return rows + (self._tx.inline_bytes >> 10)

    def _checkpoint(self) -> None:
        """Fold the log into the database, in the thread; who wrote has been answered before."""
        loop = asyncio.get_running_loop()
        self._folded_changes = self._connection.total_changes
        self._tx.inline_bytes = 0
        folding = self._thread.submit(self._fold)
        folding.add_done_callback(lambda done: loop.call_soon_threadsafe(self._folded, done))

    def _fold(self) -> None:
        self._run("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _folded(self, done: Future[None]) -> None:
        error = done.exception()
        failure = None if error is None else storage_error(error)
        if isinstance(failure, StorageFailed):
            self._fail(Group(self._tx.mark(), 0), failure)
        self._go_on()  # no space for it now: the log grows until the next time


async def _stubbornly(event: asyncio.Event) -> None:
    """Wait for the event however often the task is cancelled meanwhile."""
    while not event.is_set():
        try:
            await event.wait()
        except asyncio.CancelledError:
            continue
