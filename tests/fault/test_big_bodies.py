"""Large objects go through in pieces: memory does not grow with them, nor with their number."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.process import EmulatorProcess
from tests.support.streams import MIB, MemoryWatch, PatternedContent, Transfer, download, upload

pytestmark = [
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]

MEMORY_MIB_MAX = 150.0
BIG_BYTES = 256 * MIB
COUNT, EACH_BYTES = 6, 48 * MIB + 12_345
BUCKET = "src-bucket"


def start(folder: Path, module: str = "emulator") -> EmulatorProcess:
    """A server on disk. Without syncs: what the disk does then is not the question here."""
    server = EmulatorProcess(data=folder, clock="real", arguments=("--durability", "process"))
    server.command[server.command.index("emulator")] = module
    return server


@pytest.fixture(name="server")
def running_server(tmp_path: Path) -> Iterator[EmulatorProcess]:
    with start(tmp_path / "data") as server:
        yield server


def test_a_large_object_goes_up_and_down_in_little_memory(server: EmulatorProcess) -> None:
    with MemoryWatch(server.pid) as memory:
        sent = upload(server.port, BUCKET, "big", PatternedContent(BIG_BYTES))
        received = download(server.port, BUCKET, "big")
    assert sent.agrees
    assert received.agrees
    assert received.here.shown == sent.here.shown
    assert received.here.size_bytes == BIG_BYTES
    assert memory.most_mib < MEMORY_MIB_MAX


def test_several_large_objects_at_once_take_little_memory(server: EmulatorProcess) -> None:
    def send(number: int) -> Transfer:
        return upload(server.port, BUCKET, f"{number}", PatternedContent(EACH_BYTES, number))

    def receive(number: int) -> Transfer:
        return download(server.port, BUCKET, f"{number}")

    with MemoryWatch(server.pid) as memory, ThreadPoolExecutor(COUNT) as threads:
        sent = list(threads.map(send, range(COUNT)))
        received = list(threads.map(receive, range(COUNT)))
    assert all(each.agrees for each in sent + received)
    assert [each.here.shown for each in sent] == [each.here.shown for each in received]
    assert memory.most_mib < MEMORY_MIB_MAX


def test_a_body_held_in_memory_is_noticed(tmp_path: Path) -> None:
    with (
        start(tmp_path / "data", "tests.fault.greedy_server") as server,
        MemoryWatch(server.pid) as memory,
    ):
        sent = upload(server.port, BUCKET, "big", PatternedContent(BIG_BYTES))
    assert sent.agrees
    assert memory.most_mib > MEMORY_MIB_MAX


def test_content_changes_its_hashes_with_every_piece() -> None:
    pieces = list(PatternedContent(2 * MIB + 5, 3).pieces())
    assert [len(piece) for piece in pieces] == [MIB, MIB, 5]
    assert pieces[0] != pieces[1]
    assert next(PatternedContent(MIB, 4).pieces()) != pieces[0]
