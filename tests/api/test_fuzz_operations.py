"""Requests generated from the operation table, with wrong, missing, doubled, huge and odd values.

Whatever comes: an answer, never the server's fault, an error body that clients can read, and no
change of state behind a refusal. The last test plants a handler that fails and wants it found.
"""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import hypothesis
import pytest
from hypothesis import strategies as st

from emulator.app import App
from emulator.clock import ClockMode
from emulator.config import MEMORY, LogLevel, Settings
from emulator.protocol.call import Answer
from emulator.protocol.call import Call as ServerCall
from emulator.protocol.handlers import handlers
from emulator.protocol.operations.find import OPERATIONS
from emulator.protocol.operations.model import Operation
from emulator.protocol.operations.names import PARAMETERS, QUALIFIERS
from emulator.protocol.server import OssServer
from emulator.protocol.signing import Scheme
from tests.api.conftest import prepare
from tests.support.hostile import (
    QUICK_SETTINGS,
    Attacker,
    Line,
    check_clean,
    check_error_body,
    signed_raw,
    unsigned_head,
)
from tests.support.operations import request_of
from tests.support.process import FIXTURES, EmulatorProcess
from tests.support.wire import Call

Pairs = tuple[tuple[str, str], ...]
Query = tuple[tuple[str, str | None], ...]
REQUESTS = 2000
FINDS_WITHIN = 1000
METADATA = "meta.db"


class Shot(NamedTuple):
    """One generated request."""

    method: str
    bucket: str
    key: str
    query: Query
    headers: Pairs
    body: bytes
    account: str
    scheme: Scheme
    chunked: bool


ODD = (
    *("", "0", "-1", "1", "1000", "1001", "2147483648", "9" * 25, "9" * 400, "null", "url"),
    *("true", "false", "TRUE", "private", "public-read", "default", "Standard", "IA", "*", "{}"),
    *("../..", "%00", "%zz", "a/b", "é", "🦀", "x" * 1024, "' OR 1=1", "<a>&amp;", "=&="),
    *("bytes=0-4", "bytes=-1", "bytes=5-2", "Tue, 02 Jan 2024 03:04:05 GMT", "/public/page"),
    *("/versioned/key?versionId=null", "k=v&k2=v2", "kAFQmDzST7DWlj99KOF/cg==", "start-after"),
)
ODD_TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=20),
)
HEADER_NAMES = (
    *("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
    *("content-md5", "content-type", "content-encoding", "cache-control", "expires", "expect"),
    *("x-oss-acl", "x-oss-object-acl", "x-oss-storage-class", "x-oss-tagging", "x-oss-meta-a"),
    *("x-oss-meta-a_b", "x-oss-forbid-overwrite", "x-oss-copy-source", "x-oss-range-behavior"),
    *("x-oss-metadata-directive", "x-oss-tagging-directive", "x-oss-hash-crc64ecma", "origin"),
    *("x-oss-copy-source-if-match", "x-oss-server-side-encryption", "x-oss-callback", "x-oss-x"),
    *("x-oss-security-token", "security-token", "x-oss-date", "date", "user-agent", "upgrade"),
)
HEADER_VALUES = ODD_TEXTS.map(lambda text: "".join(c for c in text if c >= " " and c != "\x7f"))
BUCKETS = ("src-bucket", "public", "versioned", "locked", "dest-bucket", "brand-new", "no-such-b")
BUCKET_NAMES = st.sampled_from([*["src-bucket"] * 20, *BUCKETS, "a", "A_b", "..", "x" * 64])
BUILT = sorted(handlers(), key=lambda operation: operation.name)
OBJECT_KEYS = st.one_of(
    st.sampled_from([*["plain"] * 10, "key", "gone", "page", "secret", "no such key", "k" * 1024]),
    ODD_TEXTS.filter(bool),
)
HOW_MANY = st.sampled_from([0, 0, 0, 1, 1, 2])
QUERY_NAMES = st.one_of(
    st.sampled_from(sorted(PARAMETERS | QUALIFIERS)),
    st.sampled_from(sorted({each.sub_resource for each in OPERATIONS if each.sub_resource})),
    st.sampled_from(["vip", "udf", "x-oss-process", "unknown", "x-oss-unknown"]),
)
DOCUMENTS = (
    b"",
    b"<CreateBucketConfiguration><StorageClass>IA</StorageClass></CreateBucketConfiguration>",
    b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    b"<Delete><Object><Key>plain</Key></Object><Object><Key>key</Key></Object></Delete>",
    b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    b"<ReplicationConfiguration><Rule><Destination><Bucket>dest-bucket</Bucket><Location>"
    b"oss-cn-shanghai</Location></Destination><SyncRole>roleNameTest</SyncRole></Rule>"
    b"</ReplicationConfiguration>",
    b"<ReplicationRules><ID>x</ID></ReplicationRules>",
    b"<ReplicationRule><RTC><Status>enabled</Status></RTC><ID>x</ID></ReplicationRule>",
    b'{"Version": "1", "Statement": [{"Effect": "Deny", "Action": ["oss:GetObject"], '
    b'"Principal": ["*"], "Resource": ["acs:oss:*:*:public/*"]}]}',
    b"\x1f\x8b\x08\xff",
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A document, whole or with some of its bytes replaced, cut or doubled."""
    body = draw(st.sampled_from(DOCUMENTS))
    if not body or draw(st.booleans()):
        return body
    place = draw(st.integers(0, len(body)))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return body[:place]
    if kind == 1:
        return body[:place] + draw(st.binary(min_size=1, max_size=4)) + body[place + 1 :]
    if kind == 2:
        return body + body[place:]
    return body[:place] + b"A" * draw(st.sampled_from([10, 1030, 70_000])) + body[place:]


@st.composite
def shots(draw: st.DrawFn) -> Shot:
    """One row of the table, asked in a way nobody should."""
    operation = draw(st.sampled_from(BUILT * 8 + list(OPERATIONS)))
    bucket = "brand-new" if operation.name == "DeleteBucket" else draw(BUCKET_NAMES)
    asked = request_of(operation, bucket, draw(OBJECT_KEYS))
    query = list(asked.query)
    for _ in range(draw(HOW_MANY)):
        value = draw(st.one_of(st.none(), ODD_TEXTS))
        query.append((draw(QUERY_NAMES), value))
    if query and draw(st.integers(0, 9)) == 0:
        query.append(draw(st.sampled_from(query)))
    if query and draw(st.integers(0, 9)) == 0:
        query.pop(draw(st.integers(0, len(query) - 1)))
    headers = list(asked.headers)
    for _ in range(draw(HOW_MANY)):
        headers.append((draw(st.sampled_from(HEADER_NAMES)), draw(HEADER_VALUES)))
    return Shot(
        method=draw(st.sampled_from([asked.method] * 20 + ["PATCH", "OPTIONS", "POST", "HEAD"])),
        bucket=asked.bucket,
        key=asked.key,
        query=tuple(query),
        headers=tuple(headers),
        body=draw(bodies()),
        account=draw(st.sampled_from(["a", "a", "a", "a", "a", "b", ""])),
        scheme=draw(st.sampled_from([Scheme.V4, Scheme.V4, Scheme.V1, Scheme.V2])),
        chunked=draw(st.integers(0, 9)) == 0,
    )


def written(shot: Shot) -> bytes:
    """The request as it goes over the wire."""
    asked = Call(shot.method, shot.bucket, shot.key, shot.query, shot.headers, shot.body)
    if not shot.account:
        return unsigned_head(asked) + shot.body
    framing = [("transfer-encoding", "chunked")] if shot.chunked else []
    body = shot.body
    if shot.chunked:
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    target = unsigned_head(asked).split(b" ", 2)[1].decode()
    head = signed_raw(
        shot.method,
        target,
        bucket=shot.bucket,
        key=shot.key,
        query=shot.query,
        headers=shot.headers,
        unsigned=framing,
        account=shot.account,
        scheme=shot.scheme,
        length=None if shot.chunked else len(shot.body),
    )
    return head + body


class Range:
    """Where shots are fired: one connection, and what is behind it."""

    def __init__(self, port: int, revision: Callable[[], int], settle: Callable[[], None]) -> None:
        self._port = port
        self._revision = revision
        self._settle = settle
        self._line: Line | None = None
        self._before = revision()

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.socket.close()
            self._line = None

    def fire(self, shot: Shot) -> None:
        """Send one request and check everything that must hold after it."""
        self._line = self._line or Line(self._port)
        self._line.send(written(shot))
        reply = self._line.reply(shot.method)
        while reply is not None and reply.status == 100:
            reply = self._line.reply(shot.method)
        assert reply is not None, "closed without an answer"
        is_plain = reply.raw.startswith(b"HTTP/1.0")  # of the HTTP layer, which hangs up then
        if is_plain or reply.header("connection") == "close":
            self.close()
        check_clean(reply)
        if reply.status < 400:
            self._settle()
            self._before = self._revision()
            return
        if is_plain:
            assert reply.status in (400, 417)
        elif shot.method == "HEAD":
            error = base64.b64decode(reply.header("x-oss-err"))
            assert ElementTree.fromstring(error).findtext("Code")  # noqa: S314
        else:
            check_error_body(reply)
            assert reply.code != "RequestTimeout", "the server waited for what was sent"
        assert self._revision() == self._before, "a refused request was written"


@pytest.fixture(scope="module")
def firing_range(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    """A server of its own, and the number of its commits as another reader sees it."""
    data = tmp_path_factory.mktemp("fuzz") / "data"
    arguments = ("--durability", "process")
    with EmulatorProcess(data=data, settings=QUICK_SETTINGS, arguments=arguments) as process:
        first = Attacker(process)
        prepare(first)
        first.close()
        reader = sqlite3.connect(f"file:{data / METADATA}?mode=ro", uri=True)
        made = Range(
            process.port,
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


@hypothesis.settings(max_examples=REQUESTS)
@hypothesis.given(shot=shots())
def test_no_request_breaks_the_server(firing_range: Range, shot: Shot) -> None:
    firing_range.fire(shot)


async def fails(_call: ServerCall) -> Answer:
    """A handler with a mistake in it."""
    raise KeyError("planted")


@contextmanager
def serving(table: dict[Operation, Callable[..., object]], folder: Path) -> Iterator[int]:
    """An emulator in a thread of this process, with a handler table of the test's own."""
    started, stop = threading.Event(), threading.Event()
    ports: list[int] = []

    async def run() -> None:
        world = str(FIXTURES / "cross-account.yaml")
        app = await App.start(
            Settings(port=0, data=MEMORY, world=world, clock=ClockMode.VIRTUAL, log=LogLevel.ERROR)
        )
        app._oss = OssServer(app._context, table)  # type: ignore[arg-type] # a planted table
        ports.append(app.port)
        started.set()
        await asyncio.get_running_loop().run_in_executor(None, stop.wait)
        await app.stop()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert started.wait(10)
    try:
        yield ports[0]
    finally:
        stop.set()
        thread.join(10)


@pytest.mark.parametrize("name", ["PutObject", "GetBucketInfo", "ListObjectsV2"])
def test_a_handler_that_fails_is_found(tmp_path: Path, name: str) -> None:
    table = dict(handlers())
    table[next(each for each in table if each.name == name)] = fails

    @hypothesis.settings(max_examples=FINDS_WITHIN, phases=[hypothesis.Phase.generate])
    @hypothesis.given(shot=shots())
    def fuzz(shot: Shot) -> None:
        planted.fire(shot)

    with serving(table, tmp_path) as port:  # type: ignore[arg-type] # handlers by operation
        planted = Range(port, lambda: 0, lambda: None)
        try:
            with pytest.raises(AssertionError, match="InternalError"):
                fuzz()
        finally:
            planted.close()
