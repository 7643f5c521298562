"""A disk that takes no more: refused is refused, kept is kept, and it goes on once it can.

Twice: with a limit on the size of the server's files, which works everywhere, and on a small file
system of its own, where mounting one is allowed.
"""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fault.ledger import PLAIN
from tests.fault.rounds import folder_faults, put_rules, world
from tests.support.process import EmulatorProcess
from tests.support.wire import Call, Wire

pytestmark = [
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit or tmpfs"),
]

KIB, MIB = 1 << 10, 1 << 20
WRITERS = 4
FILLS_MAX = 5_000
DISK_MIB, BALLAST_MIB = 12, 4


class Client:
    """Writes to one bucket and remembers what the server said it kept."""

    def __init__(self, server: EmulatorProcess) -> None:
        self._server = server
        self._connect()
        self._chance = random.Random(1)
        self.kept: dict[str, bytes] = {}
        self.refused = 0

    def restart(self) -> None:
        """kill -9, and start on the same folder."""
        self._server.kill()
        self._server.start()
        self.close()
        self._connect()

    def _connect(self) -> None:
        self._wires = [Wire(self._server.port) for _ in range(WRITERS)]
        self._replica_wire = Wire(self._server.port, "b")

    def close(self) -> None:
        """Close the connections."""
        for wire in (*self._wires, self._replica_wire):
            wire.close()

    async def put(self, key: str, size_bytes: int, at: int = 0) -> bool:
        """Put one object: kept, or refused with the one answer there is for that."""
        data = self._chance.randbytes(size_bytes)
        reply = await self._wires[at].send(Call("PUT", PLAIN, key, body=data))
        if reply.status == 200:
            self.kept[key] = data
            return True
        assert (reply.status, reply.code) == (503, "ServiceUnavailable")
        self.refused += 1
        return False

    async def delete(self, key: str) -> int:
        """Delete one object; the status."""
        reply = await self._wires[0].send(Call("DELETE", PLAIN, key))
        if reply.status == 204:
            self.kept.pop(key, None)
        return reply.status

    async def fill(self, name: str, size_bytes: int) -> None:
        """Several writers at once put objects until each of them was refused."""

        async def work(at: int) -> None:
            for number in range(FILLS_MAX):
                if not await self.put(f"{name}/{at}/{number}", size_bytes, at):
                    return
            raise AssertionError("it never gets full")

        await asyncio.gather(*(work(at) for at in range(WRITERS)))

    async def check(self) -> None:
        """Exactly what was kept is there, byte for byte."""
        await self._check(self._wires[0], PLAIN)

    async def check_replica(self) -> None:
        """The same for the replica of everything."""
        await self._check(self._replica_wire, "dest-plain-all")

    async def _check(self, wire: Wire, bucket: str) -> None:
        listed: set[str] = set()
        after = ""
        while True:
            query: tuple[tuple[str, str | None], ...] = (
                ("list-type", "2"),
                ("max-keys", "1000"),
                ("start-after", after),
            )
            page = (await wire.ok(Call("GET", bucket, query=query))).document
            keys = [each.findtext("Key", "") for each in page.iter("Contents")]
            listed |= set(keys)
            if page.findtext("IsTruncated") != "true":
                break
            after = keys[-1]
        assert listed == set(self.kept)
        for key, data in self.kept.items():
            reply = await wire.send(Call("GET", bucket, key))
            assert (key, reply.status) == (key, 200)
            assert reply.body == data, key


def server_in(folder: Path, module: str = "emulator") -> EmulatorProcess:
    file = folder / "world.yaml"
    file.write_text(world())
    settings = ("repl.start_delay_s=0",)
    server = EmulatorProcess(data=folder / "data", world=file, clock="real", settings=settings)
    server.command[server.command.index("emulator")] = module
    return server


def left_over(folder: Path) -> list[Path]:
    """Temporary files of the server."""
    return list((folder / "data" / "blobs" / "tmp").iterdir())


def caught_up(server: EmulatorProcess) -> None:
    counts = server.settle(advance=False)
    assert (counts["pending"], counts["failed"]) == (0, 0)


# --- files may not grow -----------------------------------------------------------------------


class Files:
    """A running server whose files can be kept from growing."""

    def __init__(self, folder: Path, server: EmulatorProcess) -> None:
        self.folder = folder
        self.server = server
        self.client = Client(server)

    def limit_growth(self, bytes_max: int) -> int:
        """No file grows beyond the largest one there is plus this much; returns that size."""
        sizes = [path.stat().st_size for path in self.folder.rglob("*") if path.is_file()]
        self._limit(max(sizes) + bytes_max)
        return max(sizes) + bytes_max

    def lift_limit(self) -> None:
        """Space returns."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, bytes_max: int) -> None:
        limits = (bytes_max, resource.RLIM_INFINITY)
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, limits)


@pytest.fixture(name="files")
async def running_files(tmp_path: Path) -> AsyncIterator[Files]:
    with server_in(tmp_path) as server:
        await put_rules(server.port)
        files = Files(tmp_path, server)
        yield files
        files.client.close()


async def test_content_that_does_not_fit_is_refused_and_leaves_nothing(files: Files) -> None:
    client = files.client
    for number in range(8):
        assert await client.put(f"before/{number}", 100 * KIB)
    files.limit_growth(MIB)
    assert not await client.put("new", 3 * MIB)
    assert not await client.put("before/0", 3 * MIB)  # the old content stays
    assert left_over(files.folder) == []
    assert await client.put("small", KIB)
    assert await client.put("medium", 100 * KIB)
    assert await client.delete("before/1") == 204
    await client.check()
    files.lift_limit()
    assert await client.put("new", 3 * MIB)
    assert await client.put("before/0", 3 * MIB)
    await client.check()
    caught_up(files.server)
    await client.check_replica()
    assert files.server.stop() == 0
    assert folder_faults(files.folder / "data") == []


async def test_metadata_that_does_not_fit_is_refused_and_leaves_nothing(files: Files) -> None:
    client = files.client
    for number in range(8):
        assert await client.put(f"before/{number}", 100 * KIB)
    files.limit_growth(96 * KIB)
    await client.fill("small", 5 * KIB)
    assert not await client.put("before/0", 20 * KIB)
    assert files.server.control_status("POST", "settle", {})[0] in (200, 503)
    await client.check()
    files.lift_limit()
    assert await client.put("after", 5 * KIB)
    assert await client.delete("before/1") == 204
    await client.check()
    caught_up(files.server)
    await client.check_replica()
    client.restart()
    await client.check()
    caught_up(files.server)
    await client.check_replica()
    assert left_over(files.folder) == []
    assert files.server.stop() == 0
    assert folder_faults(files.folder / "data") == []


async def test_a_server_killed_while_nothing_fits_has_what_it_kept(files: Files) -> None:
    client = files.client
    assert await client.put("before", 100 * KIB)
    files.limit_growth(96 * KIB)
    await client.fill("small", 5 * KIB)
    assert not await client.put("large", 4 * MIB)
    client.restart()
    await client.check()
    assert await client.put("after", MIB)
    caught_up(files.server)
    await client.check_replica()
    assert files.server.stop() == 0
    assert folder_faults(files.folder / "data") == []


@pytest.mark.parametrize(
    ("module", "is_right"), [("emulator", True), ("tests.fault.short_write_server", False)]
)
async def test_content_that_fits_by_half_is_not_kept_and_a_server_that_keeps_it_is_noticed(
    tmp_path: Path, module: str, is_right: bool
) -> None:
    with server_in(tmp_path, module) as server:
        files = Files(tmp_path, server)
        size_bytes = files.limit_growth(128 * KIB)
        assert await files.client.put("cut", size_bytes + 16 * KIB) is not is_right
        try:
            await files.client.check()
        except (AssertionError, ConnectionError):
            assert not is_right
        else:
            assert is_right
        files.client.close()


# --- a full file system -----------------------------------------------------------------------


class Disk:
    """A server on a small file system, part of which is taken by a file that can be removed."""

    def __init__(self, mount: Path, server: EmulatorProcess) -> None:
        self.mount = mount
        self.server = server
        self.client = Client(server)
        self._ballast = mount / "ballast"
        self._ballast.write_bytes(bytes(BALLAST_MIB * MIB))

    def give_space_back(self) -> None:
        """Somebody else tidied up."""
        self._ballast.unlink()

    async def fill(self) -> None:
        """Until not even a small object fits."""
        await self.client.fill("large", 300 * KIB)
        await self.client.fill("small", 8 * KIB)
        await self.client.fill("tiny", 10)


@pytest.fixture(name="disk")
async def mounted_disk(small_file_system: Path) -> AsyncIterator[Disk]:
    with server_in(small_file_system) as server:
        await put_rules(server.port)
        disk = Disk(small_file_system, server)
        yield disk
        disk.client.close()


@pytest.fixture(name="small_file_system")
def mounted_file_system(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(mount)]
    try:
        mounting = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounting.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounting.stderr.strip()}")
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)


async def test_a_full_disk_refuses_writes_and_serves_reads(disk: Disk) -> None:
    await disk.fill()
    client = disk.client
    assert client.refused >= 3 * WRITERS
    some = next(key for key in client.kept if key.startswith("large/"))
    assert not await client.put(some, 300 * KIB)
    await client.check()
    assert left_over(disk.mount) == []
    disk.give_space_back()
    for number in range(4):
        assert await client.put(f"after/{number}", 300 * KIB)
    assert await client.put("after/small", 10)
    await client.check()
    caught_up(disk.server)
    await client.check_replica()
    assert disk.server.stop() == 0
    assert folder_faults(disk.mount / "data") == []


async def test_a_full_disk_survives_kill_9_and_starts_again(disk: Disk) -> None:
    await disk.fill()
    disk.client.restart()
    await disk.client.check()
    disk.give_space_back()
    assert await disk.client.put("after", 300 * KIB)
    caught_up(disk.server)
    await disk.client.check_replica()


async def test_deletes_work_on_a_full_disk_and_make_room(disk: Disk) -> None:
    await disk.fill()
    client = disk.client
    large = [key for key in client.kept if key.startswith("large/")]
    assert [await client.delete(key) for key in large[:6]] == [204] * 6
    await client.check()
    caught_up(disk.server)  # the replicas' uses of the blobs go, too
    assert await client.put("after", 300 * KIB)
    await client.check()
