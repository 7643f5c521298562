"""The crash loop's record of what was asked, and the writers that fill it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.fault.history import Change, Entry, KeyHistory, Kind, Origin, Tags
from tests.fault.uploads import Step, Upload, UploadStep
from tests.support.wire import Call, Reply, Wire

VERSIONED, PLAIN = "src-versioned", "src-plain"
PUT_PREFIX = "p/"  # the rules with Action PUT copy only what is below it
_KEYS_EACH = 10
_SIZES = ((0.55, 1, 4 << 10), (0.85, 4 << 10, 64 << 10), (1.0, 64 << 10, 200 << 10))
_BATCH_MAX = 4


class FaultKind(StrEnum):
    """What is not as promised."""

    LOST = "lost"  # acknowledged and not there
    EXTRA = "extra"  # there and asked for by nobody
    WRONG = "wrong"  # there with other bytes, metadata, tags or place
    HALF = "half"  # an unanswered change neither done nor undone
    ANSWER = "answer"  # an answer nobody expected
    FILE = "file"  # a file without a row, a row without a file, a damaged database


class Fault(NamedTuple):
    """Something that is not as promised, and where."""

    kind: FaultKind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}"


class KeyChange(NamedTuple):
    """A change and the key it is about."""

    key: str
    change: Change


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of a writer: done wholly or not at all.

    ``refused``: the server must refuse it, and nothing may come of it.
    """

    name: str
    bucket: str
    changes: list[KeyChange]
    call: Call
    upload: UploadStep | None = None
    refused: bool = False


class Ledger:
    """Everything the writers did in all lives of the server."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, KeyHistory]] = {VERSIONED: {}, PLAIN: {}}
        self.uploads: list[Upload] = []
        self.aborted: set[str] = set()  # their ids
        self.ruled_number = 0  # what has a larger one came after the rules
        self.open: list[Operation] = []  # sent and not answered
        self.acknowledged: Counter[str] = Counter()
        self.unknown = 0
        self.faults: list[Fault] = []
        self._last_number = 0

    def next_number(self) -> int:
        """A number for a put; it is never used again."""
        self._last_number += 1
        return self._last_number

    def history(self, bucket: str, key: str) -> KeyHistory:
        """The history of a key."""
        return self.keys[bucket].setdefault(key, KeyHistory(versioned=bucket == VERSIONED))

    def apply(self, operation: Operation) -> None:
        """The operation was done."""
        for key, change in operation.changes:
            self.history(operation.bucket, key).apply(change)
        if operation.upload is not None:
            operation.upload.apply(self.uploads)
            if operation.upload.step is Step.ABORT:
                self.aborted.add(operation.upload.upload.upload_id)

    def report(self, kind: FaultKind, where: str, what: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(kind, where, what))


class Writer:
    """One client that changes its own keys, one request after the other."""

    def __init__(self, name: str, port: int, ledger: Ledger, chance: random.Random) -> None:
        self._wire = Wire(port)
        self._ledger = ledger
        self._chance = chance
        self._name = name
        self._keys = [
            f"{PUT_PREFIX if number % 3 else 'other/'}{name}/{number:02d}"
            for number in range(_KEYS_EACH)
        ]

    async def run(self) -> None:
        """Write until the server goes away."""
        try:
            while True:
                await self.step()
        except ConnectionError:
            return  # what was under way stays open in the ledger
        finally:
            self._wire.close()

    async def step(self) -> None:
        """Send one operation and record how it went. Raises ConnectionError."""
        ledger, operation = self._ledger, self._choose()
        ledger.open.append(operation)
        reply = await self._wire.send(operation.call)
        ledger.open.remove(operation)
        if not (400 <= reply.status < 500 if operation.refused else 200 <= reply.status < 300):
            what = f"{operation.call[:4]} {reply.status} {reply.code}"
            ledger.report(FaultKind.ANSWER, operation.bucket, what)
            return
        if not operation.refused:
            _take_ids(operation, reply, ledger)
        ledger.apply(operation)
        ledger.acknowledged[operation.name] += 1

    # choosing

    def _choose(self) -> Operation:
        chance = self._chance
        bucket = chance.choice((VERSIONED, PLAIN))
        key = chance.choice(self._keys)
        history = self._ledger.history(bucket, key)
        dice = chance.random()
        if dice < 0.12:
            return self._delete(bucket, key)
        if dice < 0.20:
            return self._delete_batch(bucket)
        if dice < 0.30 and bucket == VERSIONED and history.live:
            return self._delete_version(key, chance.choice(history.live[-4:]))
        if dice < 0.42 and history.current is not None:
            return self._tag(bucket, key, history.current)
        if dice < 0.52 and history.current is not None:
            return self._copy(bucket, key, history.current)
        return self._put(bucket, key)

    def _put(self, bucket: str, key: str) -> Operation:
        number = self._ledger.next_number()
        entry = Entry(number, number, self._size_bytes())
        headers = [("content-type", f"text/x-{number % 7}"), ("x-oss-meta-number", str(number))]
        if self._chance.random() < 0.2:
            tags = (("made", str(number)),)
            entry.tags = [tags]
            headers.append(("x-oss-tagging", f"made={number}"))
        call = Call("PUT", bucket, key, headers=tuple(headers), body=entry.data)
        return Operation("put", bucket, [KeyChange(key, Change(Kind.PUT, entry))], call)

    def _size_bytes(self) -> int:
        dice = self._chance.random()
        least, most = next((least, most) for share, least, most in _SIZES if dice < share)
        return self._chance.randint(max(1, least), most)

    def _copy(self, bucket: str, key: str, source: Entry) -> Operation:
        """From a key of the writer to one of its keys, with metadata of its own."""
        number = self._ledger.next_number()
        target = self._chance.choice(self._keys)
        entry = Entry(
            number,
            source.content_number,
            source.size_bytes,
            pieces=source.pieces,
            origin=Origin.PUT if source.origin is Origin.PUT else Origin.OTHER,
            tags=[source.tags[-1]],
        )
        where = f"/{bucket}/{key}"
        if bucket == VERSIONED:
            where += f"?versionId={source.version_id}"
        headers = (
            ("content-type", f"text/x-{number % 7}"),
            ("x-oss-copy-source", where),
            ("x-oss-meta-number", str(number)),
            ("x-oss-metadata-directive", "REPLACE"),
        )
        call = Call("PUT", bucket, target, headers=headers)
        return Operation("copy", bucket, [KeyChange(target, Change(Kind.PUT, entry))], call)

    def _delete_change(self, bucket: str) -> Change:
        marker = Entry(self._ledger.next_number(), is_marker=True)
        return Change(Kind.DELETE, marker if bucket == VERSIONED else None)

    def _delete(self, bucket: str, key: str) -> Operation:
        changes = [KeyChange(key, self._delete_change(bucket))]
        return Operation("delete", bucket, changes, Call("DELETE", bucket, key))

    def _delete_version(self, key: str, victim: Entry) -> Operation:
        call = Call("DELETE", VERSIONED, key, query=(("versionId", victim.version_id),))
        changes = [KeyChange(key, Change(Kind.DELETE_VERSION, victim=victim))]
        return Operation("delete version", VERSIONED, changes, call)

    def _delete_batch(self, bucket: str) -> Operation:
        """Several keys at once, some of them by version id."""
        changes: list[KeyChange] = []
        for key in self._chance.sample(self._keys, self._chance.randint(2, _BATCH_MAX)):
            live = self._ledger.history(bucket, key).live
            if bucket == VERSIONED and live and self._chance.random() < 0.4:
                change = Change(Kind.DELETE_VERSION, victim=self._chance.choice(live))
            else:
                change = self._delete_change(bucket)
            changes.append(KeyChange(key, change))
        items = "".join(
            f"<Object><Key>{escape(key)}</Key>"
            + (f"<VersionId>{change.victim.version_id}</VersionId>" if change.victim else "")
            + "</Object>"
            for key, change in changes
        )
        body = f"<Delete><Quiet>false</Quiet>{items}</Delete>".encode()
        call = Call("POST", bucket, query=(("delete", None),), body=body)
        return Operation("delete batch", bucket, changes, call)

    def _tag(self, bucket: str, key: str, current: Entry) -> Operation:
        number = str(self._ledger.next_number())
        tags: Tags = () if self._chance.random() < 0.1 else (("changed", number), ("by", key))
        query: tuple[tuple[str, str | None], ...] = (("tagging", None),)
        if bucket == VERSIONED:
            query = (*query, ("versionId", current.version_id))
        changes = [KeyChange(key, Change(Kind.TAG, victim=current, tags=tags))]
        if not tags:
            return Operation("tag", bucket, changes, Call("DELETE", bucket, key, query=query))
        items = "".join(f"<Tag><Key>{k}</Key><Value>{v}</Value></Tag>" for k, v in tags)
        body = f"<Tagging><TagSet>{items}</TagSet></Tagging>".encode()
        return Operation("tag", bucket, changes, Call("PUT", bucket, key, query=query, body=body))


def _take_ids(operation: Operation, reply: Reply, ledger: Ledger) -> None:
    """Ids of what the operation made, and whether the answer says what it should."""
    if operation.upload is not None and operation.upload.step is Step.INITIATE:
        operation.upload.upload.upload_id = reply.document.findtext("UploadId", "")
        return
    made = [change.entry for _, change in operation.changes if change.entry is not None]
    if operation.name == "delete batch":
        ids = [
            element.findtext("DeleteMarkerVersionId", "")
            for element in reply.document.iter("Deleted")
            if element.findtext("DeleteMarker") == "true" and element.find("VersionId") is None
        ]
    else:
        ids = [reply.headers.get("x-oss-version-id", "")]
    if operation.bucket == VERSIONED and made:
        if len(ids) != len(made) or not all(ids):
            what = f"{operation.name}: {len(made)} entries made, version ids {ids}"
            ledger.report(FaultKind.ANSWER, operation.bucket, what)
            return
        for entry, version_id in zip(made, ids, strict=True):
            entry.version_id = version_id
    etag = reply.headers.get("etag", "")
    if etag and made and made[0].etag not in ("", etag):
        ledger.report(FaultKind.ANSWER, operation.bucket, f"{operation.name}: ETag {etag}")
