"""The command line: what cannot work is said in one line, and every stop is a clean one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from emulator.app import App
from emulator.clock import AdjustableClock, ClockMode
from emulator.config import MEMORY, Settings
from emulator.serve import banner
from tests.support.hostile import Line, signed_raw
from tests.support.process import FIXTURES, ROOT, EmulatorProcess

WORLD = FIXTURES / "cross-account.yaml"
STOPS_WITHIN_S = 5.0
REFUSED_WITHIN_S = 20.0


def run(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``ossemu serve`` that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "emulator", "serve", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=REFUSED_WITHIN_S,
        check=False,
    )


def check_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One clear line, an exit status, no trace."""
    assert done.returncode not in (0, -signal.SIGABRT), done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ossemu: ")
    for word in words:
        assert word in lines[0], done.stderr


IN_MEMORY = ("--data", MEMORY, "--port", "0")
WRONG_ARGUMENTS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("--set", "wire.nothing=1"), ("wire.nothing", "wire.keepalive_s")),
    (("--set", "oss.nothing=1"), ("oss.nothing", "oss.default_region")),
    (("--set", "repl.start_dely_s=1"), ("repl.start_dely_s", "repl.start_delay_s")),
    (("--set", "nothing"), ("nothing", "NAME=VALUE")),
    (("--set", "nothing=1"), ("nothing=1", "NAME=VALUE")),
    (("--set", "wire.keepalive_s=soon"), ("wire.keepalive_s", "float")),
    (("--set", "repl.start_delay_s=soon"), ("repl.start_delay_s", "number")),
    (("--clock", "sundial"), ("clock", "sundial", "real", "virtual")),
    (("--log", "loud"), ("log", "loud", "warning")),
    (("--durability", "eternal"), ("durability", "eternal", "power")),
    (("--port", "many"), ("port", "int")),
    (("--port", "65536"), ("port", "65535")),
    (("--port", "-1"), ("port",)),
    (("--seed", "x"), ("seed",)),
    (("--host", "no-such-host.invalid"), ("no-such-host.invalid", "--host")),
    (("--world", "no-such-world.yaml"), ("no-such-world.yaml", "--world")),
    (("--settings", "no-such-settings.yaml"), ("no-such-settings.yaml",)),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_ARGUMENTS)
def test_a_wrong_argument_is_named(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    check_refused(run(*IN_MEMORY, *arguments), *words)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OSSEMU_PORT", "many", ("port",)),
        ("OSSEMU_CLOCK", "sundial", ("clock", "virtual")),
        ("OSSEMU_SET", "wire.nothing=1", ("wire.nothing",)),
        ("OSSEMU_SETTINGS", "/no/such/file", ("/no/such/file",)),
        ("OSSEMU_WORLD", "/no/such/world", ("/no/such/world",)),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, words: tuple[str, ...]) -> None:
    arguments = ("--data", MEMORY) if name == "OSSEMU_PORT" else IN_MEMORY
    check_refused(run(*arguments, environment={name: value}), *words)


SETTINGS_FILES = [
    ("unknown: 1\n", ("unknown",)),
    ("port: [1\n", ("YAML", "line 1")),
    ("- port\n", ("mapping",)),
    ("wire: 5\n", ("wire",)),
    ("wire:\n  nothing: 1\n", ("wire.nothing",)),
    ("wire:\n  keepalive_s: soon\n", ("wire.keepalive_s",)),
    ("port: many\n", ("port",)),
]


@pytest.mark.parametrize(("text", "words"), SETTINGS_FILES)
def test_a_broken_settings_file_is_explained(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    check_refused(run("--data", MEMORY, "--settings", str(file)), *words)


OF_A = "accounts:\n  - uid: '1000000000000001'\n"
WORLDS = [
    (OF_A + "    nme: x\n", (":3:", "accounts[0].nme", "`name`")),
    ("accounts:\n  - name: x\n", ("accounts[0]", "uid")),
    (OF_A + "    keys: [\n", (":4:", "YAML")),
    ("accounts: 5\n", ("accounts",)),
    ("people: []\n", ("people",)),
    (OF_A + "    buckets:\n      - {name: A_b, region: cn-hangzhou}\n",
     (":4:", "buckets[0].name", "A_b")),
    (OF_A + "    roles:\n      - {name: r, policies: [none], trust: {}}\n",
     (":4:", "roles[0].trust", "Version")),
    ("accounts:\n" + "  - &a\n    uid: '1000000000000001'\n    buckets: *a\n", ("accounts[0]",)),
    ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    ), ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WORLDS)
def test_a_broken_world_file_names_its_line_and_field(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    file = tmp_path / "world.yaml"
    file.write_text(text)
    check_refused(run(*IN_MEMORY, "--world", str(file)), str(file), *words)


def test_a_world_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    check_refused(run(*IN_MEMORY, "--world", str(file)), str(file))


def test_a_world_that_is_refused_leaves_nothing_in_the_data_folder(tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    good = OF_A + "    buckets: [{name: half-way, region: cn-hangzhou}]\n"
    file.write_text(good + "  - {uid: '2000000000000002', buckets: [{name: A_b, region: x}]}\n")
    data = tmp_path / "data"
    check_refused(run("--data", str(data), "--port", "0", "--world", str(file)), "A_b")
    with EmulatorProcess(data=data, world=None) as server:
        ready = server.control("GET", "health/ready")
    assert (ready["accounts"], ready["buckets"]) == (0, 0)


def test_an_occupied_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        check_refused(run("--data", MEMORY, "--port", port), port, "--port")


def test_a_second_server_on_a_folder_names_the_first(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmulatorProcess(data=data) as first:
        check_refused(run("--data", str(data), "--port", "0"), str(data), str(first.pid))
        assert first.control("GET", "health/ready")["ready"]


@pytest.mark.parametrize("kind", ["a file", "below a file", "a damaged database"])
def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    match kind:
        case "a file":
            data.write_text("no folder")
        case "below a file":
            data.write_text("no folder")
            data = data / "below"
        case _:
            data.mkdir()
            (data / "meta.db").write_bytes(b"no database" * 1000)
    check_refused(run("--data", str(data), "--port", "0"), str(data))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_without_permission_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o500)
    check_refused(run("--data", str(data), "--port", "0"), str(data))


@pytest.fixture
def server() -> Iterator[EmulatorProcess]:
    """A server to be stopped."""
    with EmulatorProcess() as process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("clients", ["none", "idle", "half a header", "half a body", "no reader"])
def test_a_signal_stops_cleanly_whoever_is_connected(
    server: EmulatorProcess, clients: str, number: signal.Signals
) -> None:
    lines: list[Line] = []
    for _ in range(0 if clients == "none" else 5):
        line = Line(server.port)
        lines.append(line)
        match clients:
            case "idle":
                line.send(b"GET /_emulator/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert line.reply() is not None
            case "half a header":
                line.send(b"GET / HT")
            case "half a body":
                line.send(signed_raw("PUT", "/src-bucket/k", key="k", length=1 << 20) + b"x" * 9000)
            case _:
                whole = signed_raw("PUT", "/src-bucket/k", key="k", length=1 << 21) + bytes(1 << 21)
                line.send(whole)
                assert line.reply("PUT") is not None
                line.send(signed_raw("GET", "/src-bucket/k", key="k") * 8)
    server.control("GET", "health/live")
    started = time.monotonic()
    os.kill(server.pid, number)
    assert server._process is not None
    assert server._process.wait(STOPS_WITHIN_S + 5) == 0
    assert time.monotonic() - started < STOPS_WITHIN_S
    assert server.errors() == ""
    for line in lines:
        line.socket.close()


def test_port_0_picks_a_free_port_and_says_which(server: EmulatorProcess) -> None:
    assert server.port not in (0, 9480)
    with EmulatorProcess() as second:
        assert second.port != server.port


def test_variables_and_a_settings_file_say_what_flags_would(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"port: 1\nworld: {WORLD}\nclock: real\noss:\n  default_region: cn-beijing\n")
    environment = {
        "OSSEMU_SETTINGS": str(file),
        "OSSEMU_CLOCK": "virtual",
        "OSSEMU_SET": "oss.endpoint_suffix=example.com",
    }
    process = EmulatorProcess(world=None, environment=environment)
    clock = process.command.index("--clock")
    del process.command[clock : clock + 2]
    with process as server:  # the flag's port, the variable's clock, the file's world
        ready = server.control("GET", "health/ready")
        assert ready["accounts"] == 2
        assert server.control("GET", "clock")["mode"] == "virtual"
        with Line(server.port) as line:
            line.send(signed_raw("GET", "/", bucket=""))
            reply = line.reply()
            assert reply is not None
            assert b"oss-cn-hangzhou.example.com" in reply.body


async def test_nobody_is_told_ready_before_the_world_is_loaded() -> None:
    settings = Settings(port=0, data=MEMORY, clock=ClockMode.VIRTUAL)
    app = App(settings, AdjustableClock(ClockMode.VIRTUAL))
    try:
        before = app.readiness()
        assert not before.ready
        assert (before.accounts, before.buckets) == (0, 0)
        await app.load_world(WORLD.read_text(), "world")
        assert app.readiness().accounts == 2
        assert not app.readiness().ready  # loading is for start() to declare finished
    finally:
        await app.stop()
    started = await App.start(
        Settings(port=0, data=MEMORY, clock=ClockMode.VIRTUAL, world=str(WORLD))
    )
    try:
        assert started.readiness().ready
        started.failed.set()
        assert not started.readiness().ready  # a disk that fails is no place to send work to
    finally:
        await started.stop()


def test_a_world_that_lost_its_line_breaks_is_recognised(quick_server: EmulatorProcess) -> None:
    text = WORLD.read_text()
    for whole in (text, text[text.index("accounts:") :]):  # the first begins with a comment
        status, said = quick_server.control_status(
            "POST", "world", whole.replace("\n", "").encode()
        )
        assert status == 400
        assert "curl --data-binary @" in said["hint"], said


@pytest.mark.parametrize(
    "body", [b"accounts:\n  - nme: x\n", b'{"accounts": 5}', b'accounts: [{uid: "x"}]', b""]
)
def test_other_broken_worlds_are_not_taken_for_one(
    quick_server: EmulatorProcess, body: bytes
) -> None:
    status, said = quick_server.control_status("POST", "world", body)
    assert status == 400
    assert "hint" not in said


async def shown_at_start(settings: Settings) -> list[str]:
    app = await App.start(settings)
    try:
        return [line.strip() for line in banner(app).splitlines()]
    finally:
        await app.stop()


async def test_the_start_message_says_what_there_is() -> None:
    world = str(FIXTURES / "every-field.yaml")
    lines = await shown_at_start(
        Settings(port=0, data=MEMORY, clock=ClockMode.VIRTUAL, world=world)
    )
    assert re.fullmatch(r"OSS Replication Emulator at http://127\.0\.0\.1:\d+", lines[0])
    assert lines[1:7] == [
        "data in memory, clock virtual",
        "",
        "account 1000000000000001 account-a",
        "key LTAIemulatorA / emulatorSecretA",
        "role roleNameTest",
        "bucket src-bucket (oss-cn-hangzhou, versioning Enabled)",
    ]
    assert "auth = oss2.Auth('LTAIemulatorA', 'emulatorSecretA')" in lines


async def test_the_start_message_of_an_empty_folder_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = await shown_at_start(Settings(port=0, data="here", clock=ClockMode.VIRTUAL))
    assert lines[1] == f"data {tmp_path}/here (durability power), clock virtual"
    assert lines[3] == "no accounts yet: give --world FILE or POST one to /_emulator/world"


async def test_the_start_message_leaves_out_versioning_that_was_never_set() -> None:
    settings = Settings(port=0, data=MEMORY, clock=ClockMode.VIRTUAL, world=str(WORLD))
    assert "bucket dest-bucket (oss-cn-shanghai)" in await shown_at_start(settings)


@pytest.fixture
def run_script(tmp_path: Path) -> Path:
    """``scripts/run`` in a tree of its own, whose ``ossemu`` prints its arguments."""
    scripts, bin_folder = tmp_path / "scripts", tmp_path / "bin"
    (scripts / "lib").mkdir(parents=True)
    bin_folder.mkdir()
    shutil.copy(ROOT / "scripts" / "run", scripts / "run")
    (scripts / "lib" / "venv.sh").write_text(
        f"ROOT={tmp_path}\nVENV={tmp_path}\nPY={sys.executable}\nensure_venv() {{ :; }}\n"
    )
    (bin_folder / "ossemu").write_text('#!/bin/sh\necho "$@"\n')
    (bin_folder / "ossemu").chmod(0o755)
    (tmp_path / "plain.yaml").write_text("port: 1\n# world: no\noss: {default_region: x}\n")
    (tmp_path / "named.yaml").write_text("{port: 1, world: w.yaml}\n")
    (tmp_path / "empty.yaml").write_text("")
    return scripts / "run"


KEPT, LEFT = True, False


@pytest.mark.parametrize(
    ("arguments", "variables", "default_world"),
    [
        ("--port 0", {}, KEPT),
        ("--world w.yaml", {}, LEFT),
        ("--world=w.yaml", {}, LEFT),
        ("", {"OSSEMU_WORLD": "w.yaml"}, LEFT),
        ("--settings plain.yaml", {}, KEPT),
        ("--settings=plain.yaml --port 0", {}, KEPT),
        ("--settings empty.yaml", {}, KEPT),
        ("--settings missing.yaml", {}, KEPT),
        ("--settings named.yaml", {}, LEFT),
        ("--port 0 --settings=named.yaml", {}, LEFT),
        ("", {"OSSEMU_SETTINGS": "plain.yaml"}, KEPT),
        ("", {"OSSEMU_SETTINGS": "named.yaml"}, LEFT),
        ("--settings plain.yaml", {"OSSEMU_SETTINGS": "named.yaml"}, KEPT),
        ("--help", {}, KEPT),
    ],
)
def test_the_run_script_gives_a_world_unless_one_is_named(
    run_script: Path, arguments: str, variables: dict[str, str], default_world: bool
) -> None:
    folder = run_script.parents[1]
    given = f"--world {folder}/fixtures/cross-account.yaml " if default_world else ""
    assert script_output(run_script, arguments, variables) == f"serve {given}{arguments}".strip()


def test_the_run_script_says_the_version(run_script: Path) -> None:
    assert script_output(run_script, "--version", {}) == "--version"


def script_output(script: Path, arguments: str, variables: Mapping[str, str]) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSSEMU_")}
    return subprocess.run(
        [str(script), *arguments.split()],
        cwd=script.parents[1],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        timeout=REFUSED_WITHIN_S,
        check=True,
    ).stdout.strip()


def test_health_answers_over_http(server: EmulatorProcess) -> None:
    assert server.control_status("GET", "health/live") == (200, {"live": True})
    status, ready = server.control_status("GET", "health/ready")
    assert (status, ready["ready"], ready["buckets"]) == (200, True, 2)


CONTROL_REQUESTS = [
    ("GET", "nothing", b"", 404),
    ("GET", "", b"", 404),
    ("GET", "../../etc/passwd", b"", 404),
    ("DELETE", "clock", b"", 405),
    ("POST", "clock", b"{", 400),
    ("POST", "clock", b"[]", 400),
    ("POST", "clock", b'{"mode": "sundial"}', 400),
    ("POST", "clock", b'{"pace": 2}', 400),
    ("POST", "clock", b'{"advance_s": -1}', 400),
    ("POST", "clock", b'{"advance_s": 1e300}', 400),
    ("POST", "clock", b'{"set": "yesterday"}', 400),
    ("POST", "clock", b'{"set": "2026-01-02T03:04:05"}', 400),
    ("POST", "clock", b'{"set": "0001-01-01T00:00:00Z"}', 400),
    ("POST", "clock", b'{"set": "9999-12-31T23:59:59Z", "advance_s": 5}', 400),
    ("POST", "clock", b'{"mode": "real", "advance_s": 5}', 409),
    ("POST", "settle", b'{"advance": "yes"}', 400),
    ("POST", "settle", b"\xff", 400),
    ("POST", "settle", b"[" * 100_000, 400),
    ("POST", "world", b"\xff", 400),
    ("POST", "world", b"accounts: 5", 400),
    ("POST", "world", b"[" * 5_000, 400),
    ("POST", "world", b"x" * (9 << 20), 413),
    ("GET", "explain", b"", 400),
    ("GET", "explain?bucket=none&key=k", b"", 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), CONTROL_REQUESTS)
def test_the_control_api_refuses_in_words_and_changes_nothing(
    quick_server: EmulatorProcess, method: str, path: str, body: bytes, status: int
) -> None:
    before = quick_server.control("GET", "clock")
    url = f"{quick_server.endpoint}/_emulator/{path}"
    request = urllib.request.Request(url, data=body or None, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as error:
        text = error.read()
    assert error.code == status, text
    assert b'"error"' in text
    assert b"Traceback" not in text
    assert quick_server.control("GET", "clock") == before
    assert quick_server.errors() == ""


@pytest.fixture(scope="module")
def quick_server() -> Iterator[EmulatorProcess]:
    """A server for refusals."""
    with EmulatorProcess() as process:
        yield process


def test_a_world_that_is_shipped_is_found_by_its_name() -> None:
    with EmulatorProcess(world=Path("same-account")) as process:
        assert process.control("GET", "health/ready")["buckets"] == 2
    check_refused(run(*IN_MEMORY, "--world", "no-such"), "no-such", "--world")
