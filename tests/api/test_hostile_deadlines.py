"""Clients that are slow, silent or never read: each meets a deadline, the others notice nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.hostile import HOST, Attacker, Line, check_refused, signed_raw
from tests.support.hostile_table import answers
from tests.support.process import EmulatorProcess
from tests.support.wire import Call

HEAD_DEADLINE_S, KEEPALIVE_S = 0.5, 2.5
SLACK_S = 1.0


@pytest.fixture(autouse=True)
def others_unharmed(attacker: Attacker) -> Iterator[None]:
    """Another client, connected all the time."""
    attacker.ok(Call("GET", "src-bucket", "plain"))
    yield
    assert attacker.ok(Call("GET", "src-bucket", "plain")).body == b"0123456789"


def _closes_within(line: Line, least_s: float, most_s: float) -> None:
    started = time.monotonic()
    assert line.is_closed()
    assert least_s <= time.monotonic() - started <= most_s


@pytest.mark.parametrize(
    "begun", [b"", b"G", b"GET / HT", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n" + HOST + b"x-a"]
)
def test_headers_that_stop_half_way_end_the_connection(attacker: Attacker, begun: bytes) -> None:
    with attacker.line() as line:
        line.send(begun)
        _closes_within(line, 0.2, HEAD_DEADLINE_S + SLACK_S)


def test_headers_that_drip_end_the_connection(attacker: Attacker) -> None:
    started = time.monotonic()
    with attacker.line(0.05) as line:
        for byte in b"GET / HTTP/1.1\r\n" + HOST + b"x-a: " + b"b" * 200:
            line.send(bytes([byte]))
            try:
                if line.reply() is None:
                    break
            except TimeoutError:
                continue
        else:
            pytest.fail("the connection stayed open")
    assert time.monotonic() - started < HEAD_DEADLINE_S + SLACK_S


def test_the_second_request_of_a_connection_has_the_same_deadline(attacker: Attacker) -> None:
    with attacker.line() as line:
        line.send(b"GET /public/page HTTP/1.1\r\n" + HOST + b"\r\n")
        assert line.reply() is not None
        line.send(b"GET / HT")
        _closes_within(line, 0.2, HEAD_DEADLINE_S + SLACK_S)


def test_an_idle_connection_is_kept_and_then_closed(attacker: Attacker) -> None:
    with attacker.line() as line:
        line.send(b"GET /public/page HTTP/1.1\r\n" + HOST + b"\r\n")
        assert line.reply() is not None
        _closes_within(line, HEAD_DEADLINE_S + SLACK_S, KEEPALIVE_S + SLACK_S)


def test_an_upload_does_not_shorten_the_life_of_its_connection(attacker: Attacker) -> None:
    """The body's last bytes are no beginning of headers."""
    body = b"x" * 500_000
    put = signed_raw("PUT", "/public/up", bucket="public", key="up", length=len(body))
    with attacker.line() as line:
        line.send(put)
        line.send(body[:1000])
        line.send(body[1000:])
        reply = line.reply("PUT")
        assert reply is not None
        assert reply.status == 200
        _closes_within(line, HEAD_DEADLINE_S + SLACK_S, KEEPALIVE_S + SLACK_S)
    attacker.ok(Call("DELETE", "public", "up"))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("sent", [b"", b"x", b"x" * 100_000])
def test_a_promised_body_that_never_comes_is_a_time_out(attacker: Attacker, sent: bytes) -> None:
    with attacker.line() as line:
        line.send(signed_raw("PUT", "/src-bucket/late", key="late", length=3_000_000) + sent)
        started = time.monotonic()
        check_refused(line.reply("PUT"), 400, "RequestTimeout")
        assert line.is_closed()
        assert time.monotonic() - started < 0.5 + SLACK_S


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_drips_is_a_time_out(attacker: Attacker, chunked: bool) -> None:
    coding = [("transfer-encoding", "chunked")] if chunked else []
    length = None if chunked else 1000
    head = signed_raw("PUT", "/src-bucket/drip", key="drip", unsigned=coding, length=length)
    started = time.monotonic()
    with attacker.line(0.05) as line:
        line.send(head)
        while time.monotonic() - started < 5:
            line.send(b"1\r\nx\r\n" if chunked else b"x")
            try:
                check_refused(line.reply("PUT"), 400, "RequestTimeout")
                break
            except TimeoutError:
                continue
        else:
            pytest.fail("the server goes on waiting")
    assert time.monotonic() - started < 0.5 + SLACK_S


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("target", ["/src-bucket?delete", "/src-bucket?versioning", "/new-bucket"])
def test_a_document_that_never_comes_is_a_time_out(attacker: Attacker, target: str) -> None:
    path, _, name = target.partition("?")
    query = ((name, None),) if name else ()
    method = "POST" if name == "delete" else "PUT"
    head = signed_raw(method, target, bucket=path[1:], query=query, length=100)
    check_refused(attacker.raw(head + b"<", method), 400, "RequestTimeout")


def test_the_control_api_does_not_wait_for_ever_either(attacker: Attacker) -> None:
    for path in ("settle", "clock", "world"):
        started = time.monotonic()
        head = (
            f"POST /_emulator/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{{"
        )
        reply = attacker.raw(head.encode(), "POST")
        assert reply is not None
        assert reply.status == 400
        assert time.monotonic() - started < 0.5 + SLACK_S


@answers("D10")
@pytest.mark.usefixtures("unchanged")
def test_an_endless_body_ends_at_the_limit(attacker: Attacker) -> None:
    coding = [("transfer-encoding", "chunked")]
    head = signed_raw("PUT", "/src-bucket/endless", key="endless", unsigned=coding, length=None)
    started = time.monotonic()
    with attacker.line() as line:
        line.send(head)
        try:
            while time.monotonic() - started < 10:
                line.socket.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert time.monotonic() - started < 2


def test_a_client_that_never_reads_is_dropped(attacker: Attacker, server: EmulatorProcess) -> None:
    attacker.ok(Call("PUT", "public", "big", body=bytes(4 << 20)))
    get = signed_raw("GET", "/public/big", bucket="public", key="big")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(5)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(get * 4)
        assert deaf.recv(1)  # the answer has begun
        assert _is_open(server, deaf)
        deadline = time.monotonic() + 5
        while _is_open(server, deaf):
            server.control("GET", "health/live")
            assert time.monotonic() < deadline, "the server waits for ever"
    attacker.ok(Call("DELETE", "public", "big"))
    assert server.errors() == ""


def test_a_client_that_reads_slowly_gets_everything(attacker: Attacker) -> None:
    attacker.ok(Call("PUT", "public", "big", body=bytes(4 << 20)))
    with attacker.line() as line:
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        line.send(signed_raw("GET", "/public/big", bucket="public", key="big"))
        received, started = 0, time.monotonic()
        while received < 4 << 20:
            piece = line.socket.recv(1 << 17)
            assert piece, f"cut after {received} bytes"
            received += len(piece)
            if time.monotonic() - started < 1.5:
                time.sleep(0.02)
    attacker.ok(Call("DELETE", "public", "big"))


@answers("A18")
def test_a_client_that_leaves_lets_go_of_the_file(
    attacker: Attacker, server: EmulatorProcess, data_folder: Path
) -> None:
    others = _blob_files(data_folder)  # of other tests' objects: the server is shared
    attacker.ok(Call("PUT", "public", "left", body=bytes(4 << 20)))
    assert len(_blob_files(data_folder) - others) == 1
    process = psutil.Process(server.pid)
    for _ in range(8):
        with attacker.line() as line:
            line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.send(signed_raw("GET", "/public/left", bucket="public", key="left"))
            assert line.socket.recv(1000)
    deadline = time.monotonic() + 5
    while _blobs_open(process, data_folder) and time.monotonic() < deadline:
        server.control("GET", "health/live")
    assert _blobs_open(process, data_folder) == []
    attacker.ok(Call("DELETE", "public", "left"))
    while _blob_files(data_folder) - others:
        server.control("GET", "health/live")
        assert time.monotonic() < deadline, "the blob of a deleted object stays on disk"


def _blob_files(data_folder: Path) -> set[Path]:
    return {path for path in (data_folder / "blobs").rglob("*") if path.is_file()}


def _blobs_open(process: psutil.Process, data_folder: Path) -> list[str]:
    blobs = str(data_folder / "blobs")
    return [each.path for each in process.open_files() if each.path.startswith(blobs)]


def _is_open(server: EmulatorProcess, client: socket.socket) -> bool:
    """Whether the server still holds its end of a connection."""
    port = client.getsockname()[1]
    connections = psutil.Process(server.pid).net_connections("tcp")
    return any(each.raddr and each.raddr.port == port for each in connections)
