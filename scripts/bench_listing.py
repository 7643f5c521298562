#!/usr/bin/env python3
"""What a page of a listing costs in a bucket of a million objects: time, statements and rows.

The bucket has ten common prefixes; the store is filled without HTTP. Each listing is asked for
several times and the median is shown, beside the same listing of a bucket of ten objects.

    scripts/bench_listing.py [--objects N] [--rounds N] [--folder DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from emulator.config import Durability  # noqa: E402
from emulator.domain.listing import (  # noqa: E402
    ListQuery,
    VersionsQuery,
    list_objects,
    list_versions,
)
from emulator.domain.model import (  # noqa: E402
    Acl,
    Bucket,
    ObjectVersion,
    StorageClass,
    VersionKind,
)
from emulator.domain.ports import NewBucket  # noqa: E402
from emulator.storage.sqlite.store import SqliteStore  # noqa: E402
from emulator.storage.sqlite.view import SqliteTx, SqliteView  # noqa: E402

PREFIXES = 10
SMALL = 10
PAGE = 1000
_BATCH = 5_000
_BAR = 40


class Listing(NamedTuple):
    """One way to list, and what it takes."""

    name: str
    list_page: Callable[[SqliteView, Bucket], int]  # returns how many items it shows


class Cost(NamedTuple):
    """What one page took."""

    seconds: float
    items: int
    statements: int


def key_of(number: int, objects: int) -> str:
    """The key of a number: every prefix holds as many."""
    return f"p{number * PREFIXES // objects}/{number:09d}"


def listings(objects: int) -> list[Listing]:
    """Every listing that is measured."""

    def flat(after: str) -> Callable[[SqliteView, Bucket], int]:
        query = ListQuery(after=after, max_keys=PAGE)
        return lambda view, bucket: len(list_objects(view, bucket.id, query).objects)

    def grouped(view: SqliteView, bucket: Bucket) -> int:
        page = list_objects(view, bucket.id, ListQuery(delimiter="/", max_keys=PAGE))
        return len(page.common_prefixes)

    def inside(view: SqliteView, bucket: Bucket) -> int:
        query = ListQuery(prefix="p5/", delimiter="/", max_keys=PAGE)
        return len(list_objects(view, bucket.id, query).objects)

    def versions(**fields: str) -> Callable[[SqliteView, Bucket], int]:
        def page(view: SqliteView, bucket: Bucket) -> int:
            query = VersionsQuery(max_keys=PAGE, **fields)  # type: ignore[arg-type] # texts only
            found = list_versions(view, bucket.id, query)
            return len(found.entries) + len(found.common_prefixes)

        return page

    middle = key_of(objects // 2, objects)
    end = key_of(max(0, objects - PAGE - 1), objects)
    return [
        Listing("delimiter /", grouped),
        Listing("delimiter / inside one prefix", inside),
        Listing("page of 1,000 at the start", flat("")),
        Listing("page of 1,000 in the middle", flat(middle)),
        Listing("page of 1,000 at the end", flat(end)),
        Listing("versions, delimiter /", versions(delimiter="/")),
        Listing("versions at the start", versions()),
        Listing("versions in the middle", versions(after_key=middle)),
        Listing("versions at the end", versions(after_key=end)),
    ]


def entry(bucket: Bucket, key: str, seq: int) -> ObjectVersion:
    """An empty object."""
    return ObjectVersion(
        bucket_id=bucket.id,
        key=key,
        seq=seq,
        version_id="null",
        kind=VersionKind.NORMAL,
        size_bytes=0,
        etag="D41D8CD98F00B204E9800998ECF8427E",
        crc64=0,
        modified_ms=1_700_000_000_000,
        storage_class=StorageClass.STANDARD,
        acl=Acl.DEFAULT,
        owner_uid=bucket.owner_uid,
        headers_json='{"content-type":"application/octet-stream"}',
    )


def new_bucket(name: str) -> NewBucket:
    """A bucket's fields."""
    return NewBucket(
        name=name,
        owner_uid="1000000000000001",
        region="cn-hangzhou",
        created_ms=0,
        acl=Acl.PRIVATE,
        storage_class=StorageClass.STANDARD,
        redundancy="LRS",
    )


async def fill(store: SqliteStore, name: str, objects: int) -> Bucket:
    """A bucket with so many objects."""
    bucket = await store.write(lambda tx: tx.insert_bucket(new_bucket(name)))
    began = time.perf_counter()
    for batch in _batches(objects):

        def work(tx: SqliteTx, batch: range = batch) -> None:
            for number in batch:
                version = entry(bucket, key_of(number, objects), tx.next_seq())
                tx.insert_version(version, shares_blobs=False, listed=True)

        await store.write(work)
        _show_progress(batch.stop, objects, time.perf_counter() - began)
    return bucket


def _batches(objects: int) -> Iterator[range]:
    for start in range(0, objects, _BATCH):
        yield range(start, min(objects, start + _BATCH))


def _show_progress(done: int, objects: int, seconds: float) -> None:
    """A bar that is written over; nothing where nobody looks."""
    if not sys.stderr.isatty():
        return
    filled = _BAR * done // objects
    left_s = seconds * (objects - done) / done
    bar = "#" * filled + "." * (_BAR - filled)
    end = "\n" if done == objects else ""
    text = f"\r\x1b[Kfilling [{bar}] {done:,} of {objects:,}, {left_s:.0f} s left"
    print(text, end=end, file=sys.stderr, flush=True)


def cost_of(store: SqliteStore, bucket: Bucket, listing: Listing, rounds: int) -> Cost:
    """The median of several rounds after one that does not count."""
    statements: list[str] = []
    with store.read() as view:
        store._reading.set_trace_callback(statements.append)
        items = listing.list_page(view, bucket)
        store._reading.set_trace_callback(None)
        seconds = []
        for _ in range(rounds):
            began = time.perf_counter()
            listing.list_page(view, bucket)
            seconds.append(time.perf_counter() - began)
    return Cost(statistics.median(seconds), items, len(statements))


async def measure(options: argparse.Namespace, folder: Path) -> None:
    """Fill both buckets and print the table."""
    store = SqliteStore.open(folder, Durability.NONE)
    try:
        began = time.perf_counter()
        large = await fill(store, "large", options.objects)
        small = await fill(store, "small", SMALL)
        rate = options.objects / (time.perf_counter() - began)
        print(f"{options.objects:,} objects in {PREFIXES} prefixes, filled at {rate:,.0f} /s\n")
        print(f"{'':<32}{'items':>7}{'statements':>12}{'ms':>10}{'ms of 10':>10}{'ratio':>8}")
        for listing, same in zip(listings(options.objects), listings(SMALL), strict=True):
            cost = cost_of(store, large, listing, options.rounds)
            least = cost_of(store, small, same, options.rounds)
            print(
                f"{listing.name:<32}{cost.items:>7}{cost.statements:>12}"
                f"{cost.seconds * 1000:>10.3f}{least.seconds * 1000:>10.3f}"
                f"{cost.seconds / least.seconds:>8.1f}"
            )
    finally:
        await store.close()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=51)
    parser.add_argument("--folder", type=Path, help="an empty one, kept; else a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as temporary:
        asyncio.run(measure(options, options.folder or Path(temporary) / "data"))


if __name__ == "__main__":
    main()
