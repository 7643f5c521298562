"""Records for the contract tests of the stores."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from emulator.domain.model import (
    Acl,
    Bucket,
    Extent,
    ObjectVersion,
    Origin,
    StagedBlob,
    StorageClass,
    VersionKind,
)
from emulator.domain.ports import MetaTx, NewBucket
from emulator.domain.versions import new_version_id
from emulator.rng import SeededRng
from emulator.storage.sqlite.store import SqliteStore


def new_bucket(name: str, *, owner_uid: str = "1", region: str = "cn-hangzhou") -> NewBucket:
    """A private bucket."""
    return NewBucket(
        name=name,
        owner_uid=owner_uid,
        region=region,
        created_ms=1_000,
        acl=Acl.PRIVATE,
        storage_class=StorageClass.STANDARD,
        redundancy="LRS",
    )


async def make_bucket(store: SqliteStore, name: str = "bucket") -> Bucket:
    """A bucket in the store."""
    return await store.write(lambda tx: tx.insert_bucket(new_bucket(name)))


def entry(
    bucket_id: int,
    key: str,
    seq: int,
    *,
    version_id: str = "null",
    kind: VersionKind = VersionKind.NORMAL,
    extents: tuple[Extent, ...] = (),
    origin: Origin | None = None,
) -> ObjectVersion:
    """An entry of a stack."""
    return ObjectVersion(
        bucket_id=bucket_id,
        key=key,
        seq=seq,
        version_id=version_id,
        kind=kind,
        size_bytes=sum(extent.length_bytes for extent in extents),
        etag="0123456789ABCDEF" * 2,
        crc64=0xFFFF_FFFF_FFFF_FFF0 + seq % 16,
        modified_ms=2_000 + seq,
        storage_class=StorageClass.STANDARD,
        acl=Acl.DEFAULT,
        owner_uid="1",
        headers_json='{"content-type":"text/plain"}',
        tags_json='{"a":"b"}',
        extents=extents,
        origin=origin,
    )


def id_of(seq: int) -> str:
    """A version id that carries ``seq``."""
    return new_version_id(seq, SeededRng(seq))


def inline(data: bytes) -> StagedBlob:
    """Small content."""
    return StagedBlob(size_bytes=len(data), data=data)


def put(tx: MetaTx, bucket_id: int, key: str, data: bytes = b"", *, listed: bool = True) -> int:
    """A new entry with content of its own on top of the stack; returns its ``seq``."""
    extents = (tx.add_blob(inline(data)),) if data else ()
    seq = tx.next_seq()
    version = entry(bucket_id, key, seq, extents=extents)
    tx.insert_version(version, shares_blobs=False, listed=listed)
    return seq


async def put_each(store: SqliteStore, bucket_id: int, keys: Iterable[str]) -> None:
    """An empty object under each key, one transaction each."""
    for key in keys:
        await store.write(partial(put, bucket_id=bucket_id, key=key))
