"""Reading buckets back and comparing them with the ledger."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tests.fault.history import NULL, Expected, Tags
from tests.fault.ledger import (
    PLAIN,
    PUT_PREFIX,
    VERSIONED,
    Fault,
    FaultKind,
    Ledger,
    Operation,
)
from tests.support.wire import Call, Wire

_READERS = 8
_PAGE = "1000"
Query = tuple[tuple[str, str | None], ...]


class Replica(NamedTuple):
    """A destination bucket and the rule that fills it."""

    bucket: str
    source: str
    copies_deletes: bool  # Action ALL for the whole bucket, or PUT below PUT_PREFIX


REPLICAS = (
    Replica("dest-versioned-all", VERSIONED, copies_deletes=True),
    Replica("dest-versioned-put", VERSIONED, copies_deletes=False),
    Replica("dest-plain-all", PLAIN, copies_deletes=True),
    Replica("dest-plain-put", PLAIN, copies_deletes=False),
)


@dataclass(slots=True)
class Seen:
    """One entry as a listing shows it."""

    version_id: str
    is_marker: bool
    is_latest: bool
    etag: str
    size_bytes: int


class Pair(NamedTuple):
    """A listed entry, and what it must be."""

    bucket: str
    key: str
    seen: Seen
    expected: Expected
    is_replica: bool


class BucketReader:
    """Reads over several connections. The source is the account's own, replicas account B's."""

    def __init__(self, port: int, account: str) -> None:
        self._wires = [Wire(port, account) for _ in range(_READERS)]

    def close(self) -> None:
        """Close the connections."""
        for wire in self._wires:
            wire.close()

    async def stacks(self, bucket: str, prefix: str = "") -> dict[str, list[Seen]]:
        """Every key's entries, oldest first, from ListObjectVersions."""
        found: dict[str, list[Seen]] = {}
        base: Query = (("max-keys", _PAGE), ("prefix", prefix), ("versions", None))
        query = base
        while True:
            page = (await self._wires[0].ok(Call("GET", bucket, query=query))).document
            for element in page:
                if element.tag in ("Version", "DeleteMarker"):
                    seen = Seen(
                        version_id=element.findtext("VersionId", ""),
                        is_marker=element.tag == "DeleteMarker",
                        is_latest=element.findtext("IsLatest") == "true",
                        etag=element.findtext("ETag", ""),
                        size_bytes=int(element.findtext("Size", "0")),
                    )
                    found.setdefault(element.findtext("Key", ""), []).insert(0, seen)
            if page.findtext("IsTruncated") != "true":
                return found
            markers: list[tuple[str, str | None]] = [
                ("key-marker", page.findtext("NextKeyMarker", ""))
            ]
            version_marker = page.findtext("NextVersionIdMarker")
            if version_marker:
                markers.append(("version-id-marker", version_marker))
            query = (*base, *markers)

    async def objects(self, bucket: str) -> set[str]:
        """The keys that ListObjectsV2 shows."""
        found: set[str] = set()
        base: Query = (("list-type", "2"), ("max-keys", _PAGE))
        query = base
        while True:
            page = (await self._wires[0].ok(Call("GET", bucket, query=query))).document
            found |= {each.findtext("Key", "") for each in page.iter("Contents")}
            if page.findtext("IsTruncated") != "true":
                return found
            query = (*base, ("continuation-token", page.findtext("NextContinuationToken", "")))

    async def read_all(self, pairs: Iterable[Pair]) -> list[Fault]:
        """Read the content, metadata and tags of each object version."""
        waiting = iter(pairs)
        faults: list[Fault] = []

        async def work(wire: Wire) -> None:
            for pair in waiting:
                if not pair.seen.is_marker:
                    faults.extend(await read_pair(wire, pair))

        await asyncio.gather(*(work(wire) for wire in self._wires))
        return faults

    async def number_of(self, bucket: str, key: str) -> int:
        """The number in the metadata of the current object, -1 without one."""
        reply = await self._wires[0].send(Call("HEAD", bucket, key))
        return int(reply.headers.get("x-oss-meta-number", "-1")) if reply.status == 200 else -1


async def read_pair(wire: Wire, pair: Pair) -> list[Fault]:
    """Read one object version and compare it with what was put."""
    entry, allowed_tags = pair.expected
    versioned = pair.seen.version_id != NULL
    query: Query = (("versionId", pair.seen.version_id),) if versioned else ()
    where = f"{pair.bucket}/{pair.key} {pair.seen.version_id}"
    try:
        reply = await wire.send(Call("GET", pair.bucket, pair.key, query=query))
    except ConnectionError:
        return [Fault(FaultKind.FILE, where, "the answer was cut")]
    if reply.status != 200:
        return [Fault(FaultKind.FILE, where, f"listed, and answered {reply.status} {reply.code}")]
    headers = reply.headers
    tags: Tags = ()
    if "x-oss-tagging-count" in headers:
        call = Call("GET", pair.bucket, pair.key, query=(("tagging", None), *query))
        document = (await wire.ok(call)).document
        tags = tuple(
            (tag.findtext("Key", ""), tag.findtext("Value", "")) for tag in document.iter("Tag")
        )
    wrong = [
        name
        for name, right in (
            ("bytes", reply.body == entry.data),
            ("ETag", headers.get("etag") == pair.seen.etag and entry.etag in ("", pair.seen.etag)),
            ("size in the listing", pair.seen.size_bytes == entry.size_bytes),
            ("metadata", headers.get("x-oss-meta-number") == str(entry.number)),
            ("content type", headers.get("content-type") == f"text/x-{entry.number % 7}"),
            ("tags", sorted(tags) in [sorted(each) for each in allowed_tags]),
            ("time", not entry.modified or headers.get("last-modified") == entry.modified),
        )
        if not right
    ]
    if not pair.is_replica:
        entry.modified = headers.get("last-modified", "")
    return [Fault(FaultKind.WRONG, where, f"put {entry.number}: {', '.join(wrong)}")] * bool(wrong)


def match_stack(
    where: str, expected: list[Expected], seen: list[Seen]
) -> tuple[list[Fault], list[tuple[Seen, Expected]]]:
    """Compare a stack, oldest first. An entry whose id is not known matches any new one.

    Returns what is not as expected, and what belongs together.
    """
    by_id = {each.version_id: each for each in seen}
    known = {entry.version_id for entry, _ in expected}
    newcomers = [each for each in seen if each.version_id not in known]
    together: list[tuple[Seen, Expected]] = []
    faults: list[Fault] = []
    for item in expected:
        entry = item[0]
        found = by_id.get(entry.version_id)
        if not entry.version_id and newcomers:
            found = newcomers.pop(0)
        if found is None:
            what = f"marker {entry.number}" if entry.is_marker else f"put {entry.number}"
            faults.append(Fault(FaultKind.LOST, where, f"{what} {entry.version_id}"))
        elif found.is_marker is not entry.is_marker:
            faults.append(Fault(FaultKind.WRONG, where, f"{found.version_id} is of another kind"))
        else:
            together.append((found, item))
    faults += [Fault(FaultKind.EXTRA, where, each.version_id) for each in newcomers]
    if not faults and [each for each, _ in together] != seen:
        faults.append(Fault(FaultKind.WRONG, where, "the versions are in another order"))
    if [each.is_latest for each in seen] != [False] * (len(seen) - 1) + [True] * bool(seen):
        faults.append(Fault(FaultKind.WRONG, where, "IsLatest is not at the newest entry"))
    return faults, together


def named(expected: list[Expected], *, versioned: bool) -> list[Expected]:
    """Without versions every object is the null version."""
    if not versioned:
        for entry, _ in expected:
            entry.version_id = NULL
    return expected


class Checker:
    """Compares sources and replicas with the ledger."""

    def __init__(self, port: int, ledger: Ledger, chance: random.Random) -> None:
        self._ledger = ledger
        self._chance = chance
        self._sources = BucketReader(port, "a")
        self._replicas = BucketReader(port, "b")

    def close(self) -> None:
        """Close the connections."""
        self._sources.close()
        self._replicas.close()

    async def resolve(self) -> None:
        """Find out which unanswered operations were done, and note those done by half."""
        for operation in self._ledger.open:
            self._ledger.unknown += 1
            before, after = await self._as_before(operation), await self._as_after(operation)
            if before and after:
                text = f"{operation.call[:3]}: not undone: {before[0]}; not done: {after[0]}"
                self._ledger.report(FaultKind.HALF, operation.bucket, text)
            elif before:
                self._ledger.apply(operation)
        self._ledger.open.clear()

    async def _as_before(self, operation: Operation) -> list[Fault]:
        """Why it cannot be that an operation was not done."""
        bucket = operation.bucket
        faults: list[Fault] = []
        for key, _ in operation.changes:
            expected = self._ledger.history(bucket, key).expected()
            faults += await self._compare(bucket, key, expected)
        return faults

    async def _as_after(self, operation: Operation) -> list[Fault]:
        """Why it cannot be that an operation was done; notes the version ids if it can."""
        bucket = operation.bucket
        faults: list[Fault] = []
        for key, change in operation.changes:
            expected = self._ledger.history(bucket, key).expected_after(change)
            faults += await self._compare(bucket, key, expected)
        return faults

    async def _compare(self, bucket: str, key: str, expected: list[Expected]) -> list[Fault]:
        """A whole stack; content, metadata and tags of the newest few entries."""
        versioned = bucket == VERSIONED
        stack = (await self._sources.stacks(bucket, key)).get(key, [])
        named(expected, versioned=versioned)
        faults, together = match_stack(f"{bucket}/{key}", expected, stack)
        if faults:
            return faults
        pairs = [Pair(bucket, key, *each, is_replica=False) for each in together[-4:]]
        faults = await self._sources.read_all(pairs)
        if not faults:
            for seen, (entry, _) in together:
                entry.version_id = seen.version_id
        return faults

    async def check_sources(self, sample: int | None) -> None:
        """All listings of the sources; the content of all objects or of a sample."""
        for bucket, keys in self._ledger.keys.items():
            expected = {key: history.expected() for key, history in keys.items()}
            await self._check_bucket(self._sources, bucket, expected, sample, is_replica=False)

    async def check_replicas(self, sample: int | None) -> Counter[str]:
        """The same for the replicas; replication must have caught up. Entries by bucket."""
        entries: Counter[str] = Counter()
        for replica in REPLICAS:
            expected = await self._expected_replica(replica)
            entries[replica.bucket] = sum(len(each) for each in expected.values())
            await self._check_bucket(
                self._replicas, replica.bucket, expected, sample, is_replica=True
            )
        return entries

    async def _expected_replica(self, replica: Replica) -> dict[str, list[Expected]]:
        keys = self._ledger.keys[replica.source]
        if replica.copies_deletes:
            return {key: history.expected_under_all() for key, history in keys.items()}
        stacks = await self._replicas.stacks(replica.bucket)
        expected: dict[str, list[Expected]] = {}
        for key, history in keys.items():
            if not key.startswith(PUT_PREFIX):
                continue
            ids = [each.version_id for each in stacks.get(key, [])]
            number = -1
            if not history.versioned and key in stacks:
                number = await self._replicas.number_of(replica.bucket, key)
            expected[key] = history.expected_under_put(ids, number)
            history.settle(ids, number)
        return expected

    async def _check_bucket(
        self,
        reader: BucketReader,
        bucket: str,
        expected: dict[str, list[Expected]],
        sample: int | None,
        *,
        is_replica: bool,
    ) -> None:
        stacks = await reader.stacks(bucket)
        versioned = "versioned" in bucket
        pairs: list[Pair] = []
        for key in sorted({*stacks, *expected}):
            wanted = named(expected.get(key, []), versioned=versioned)
            faults, together = match_stack(f"{bucket}/{key}", wanted, stacks.get(key, []))
            self._ledger.faults += faults
            pairs += [Pair(bucket, key, *each, is_replica=is_replica) for each in together]
        if sample is not None and len(pairs) > sample:
            pairs = self._chance.sample(pairs, sample)
        self._ledger.faults += await reader.read_all(pairs)
        shown = await reader.objects(bucket)
        readable = {key for key, stack in stacks.items() if not stack[-1].is_marker}
        for key in shown ^ readable:
            kind = FaultKind.EXTRA if key in shown else FaultKind.LOST
            self._ledger.report(kind, f"{bucket}/{key}", "in the listing of objects")
