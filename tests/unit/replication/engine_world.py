"""Buckets, roles and rules around an engine, on a store in memory and a clock at rest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from emulator.access.identity import Account, PolicyRef, PolicyType, RamPolicy, Role
from emulator.access.policy.cache import PolicyCache
from emulator.clock import VirtualClock
from emulator.domain import buckets as bucket_operations
from emulator.domain import objects
from emulator.domain.buckets import BucketRequest
from emulator.domain.model import (
    Acl,
    Bucket,
    ObjectVersion,
    StagedBlob,
    StorageClass,
    Versioning,
    encode_strings,
)
from emulator.domain.objects import Content, Deletion, Moment, ObjectWrite
from emulator.kms.vault import Vault
from emulator.replication.attempts import Tools
from emulator.replication.counts import Counts
from emulator.replication.encrypting import KeyTools
from emulator.replication.engine import Engine
from emulator.replication.model import Rule, RuleSpec, TagFilter, Task
from emulator.replication.ports import NewRule, ReplicationTx
from emulator.replication.resealing import Resealing
from emulator.replication.rights import Rights
from emulator.replication.settings import ReplicationSettings
from emulator.replication.timing import Timings
from emulator.rng import SeededRng
from emulator.storage.memory import MemoryBlobStore
from emulator.storage.sqlite.store import SqliteStore

T = TypeVar("T")

START_MS = 1_800_000_000_000
ACCOUNT_A = "1000000000000001"
ACCOUNT_B = "2000000000000002"
ROLE = "roleNameTest"

SOURCE_ACTIONS = ("oss:ReplicateList", "oss:ReplicateGet")
DESTINATION_ACTIONS = (
    "oss:ReplicateList",
    "oss:ReplicateGet",
    "oss:ReplicatePut",
    "oss:ReplicateDelete",
)

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": ["oss.aliyuncs.com"]},
            }
        ],
    }
)


def role_policy(buckets: Iterable[str], actions: Iterable[str] = SOURCE_ACTIONS) -> str:
    """A policy for a role: these actions on these buckets and their objects."""
    resources = [f"acs:oss:*:*:{name}{tail}" for name in buckets for tail in ("", "/*")]
    return json.dumps(
        {
            "Version": "1",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resources}],
        }
    )


def bucket_policy(
    bucket: str,
    actions: Iterable[str] = DESTINATION_ACTIONS,
    *,
    owner_uid: str = ACCOUNT_B,
    role: str = ROLE.lower(),
    effect: str = "Allow",
) -> str:
    """A policy for a destination bucket: the role of account A may do these actions."""
    return json.dumps(
        {
            "Version": "1",
            "Statement": [
                {
                    "Effect": effect,
                    "Action": list(actions),
                    "Principal": [f"arn:sts::{ACCOUNT_A}:assumed-role/{role}/*"],
                    "Resource": [
                        f"acs:oss:*:{owner_uid}:{bucket}",
                        f"acs:oss:*:{owner_uid}:{bucket}/*",
                    ],
                }
            ],
        }
    )


def key_tools(rng: SeededRng, store: SqliteStore) -> KeyTools:
    """What replicas are encrypted with."""
    vault, blobs = Vault(bytes(32), os.urandom), MemoryBlobStore(rng=rng, known=store.known_files)
    return KeyTools(vault, PolicyCache(), rng, Resealing(vault, blobs))


class World:
    """Everything a test of the engine needs, with short names."""

    def __init__(
        self,
        *,
        settings: ReplicationSettings | None = None,
        folder: Path | None = None,
        clock: VirtualClock | None = None,
        seed: int = 7,
    ) -> None:
        self.settings = settings or ReplicationSettings(start_delay_s=0, close_delay_s=0)
        self.clock = clock or VirtualClock(START_MS)
        self.rng = SeededRng(seed)
        self.store = SqliteStore.open(":memory:" if folder is None else folder)
        self.tools = Tools(
            self.settings,
            Timings(self.settings, seed),
            Rights(self.store.identities, PolicyCache(), self.settings),
            self.rng,
            key_tools(self.rng, self.store),
        )
        self.engine = Engine(self.store, self.clock, self.tools)

    @property
    def moment(self) -> Moment:
        return Moment(self.clock.now_ms(), self.rng)

    async def write(self, work: Callable[[ReplicationTx], T]) -> T:
        return await self.store.write(work)

    # identities

    async def role(
        self,
        policy: str = "",
        *,
        name: str = ROLE,
        trust: str = TRUST,
        account_uid: str = ACCOUNT_A,
    ) -> None:
        """Write a role with one policy of its own (none for ``""``)."""
        ref = PolicyRef(PolicyType.CUSTOM, f"{name}-policy")

        def work(tx: object) -> None:
            identities = getattr(tx, "identities")  # noqa: B009 - not part of the port
            identities.put_account(Account(uid=account_uid))
            if policy:
                identities.put_policy(
                    RamPolicy(
                        account_uid=account_uid,
                        name=ref.name,
                        type=PolicyType.CUSTOM,
                        document=policy,
                    )
                )
            identities.put_role(
                Role(
                    account_uid=account_uid,
                    name=name,
                    role_id=f"id-{name}",
                    trust_policy=trust,
                    policies=(ref,) if policy else (),
                )
            )

        await self.store.write(work)

    # buckets

    async def bucket(
        self,
        name: str,
        *,
        owner_uid: str = ACCOUNT_A,
        region: str = "cn-hangzhou",
        versioned: bool = True,
        policy: str = "",
    ) -> Bucket:
        def work(tx: ReplicationTx) -> Bucket:
            made = bucket_operations.put_bucket(
                tx,
                BucketRequest(name=name, owner_uid=owner_uid, region=region),
                self.clock.now_ms(),
                buckets_max=100,
            )
            if versioned:
                bucket_operations.set_versioning(tx, made, Versioning.ENABLED)
            if policy:
                bucket_operations.set_policy(tx, made, policy)
            return objects.live_bucket(tx, made)

        return await self.write(work)

    async def set_policy(self, bucket: str, policy: str) -> None:
        await self.write(
            lambda tx: bucket_operations.set_policy(tx, self._bucket(tx, bucket), policy)
        )

    async def delete_bucket(self, bucket: str) -> None:
        await self.write(lambda tx: bucket_operations.delete_bucket(tx, self._bucket(tx, bucket)))

    # rules

    async def rule(
        self,
        source: str,
        destination: str,
        *,
        action: str = "ALL",
        prefixes: tuple[str, ...] = (),
        tag_filter: TagFilter | None = None,
        historical: bool = False,
        sync_role: str = "",
        rule_id: str = "",
    ) -> Rule:
        """Store a rule that starts as soon as the engine looks, unless the settings delay it."""

        def work(tx: ReplicationTx) -> Rule:
            now_ms = self.clock.now_ms()
            return tx.insert_rule(
                NewRule(
                    source_bucket_id=self._bucket(tx, source).id,
                    spec=RuleSpec(
                        rule_id=rule_id or f"{source}-to-{destination}",
                        destination_bucket=destination,
                        destination_location=self._bucket(tx, destination).location,
                        prefixes=prefixes,
                        tag_filter=tag_filter,
                        action=action,
                        historical=historical,
                        sync_role=sync_role,
                    ),
                    created_ms=now_ms,
                    starts_ms=now_ms + self.settings.start_delay_ms,
                    cursor_seq=tx.last_change_seq(),
                    bound_seq=tx.next_seq(),
                )
            )

        return await self.write(work)

    async def close_rule(self, rule: Rule) -> None:
        closes_ms = self.clock.now_ms() + self.settings.close_delay_ms
        await self.write(
            lambda tx: tx.close_rule(rule.uid, closes_ms=closes_ms, last_seq=tx.last_change_seq())
        )

    # objects

    async def put(
        self,
        bucket: str,
        key: str,
        data: bytes = b"data",
        *,
        tags: dict[str, str] | None = None,
        storage_class: StorageClass = StorageClass.STANDARD,
    ) -> ObjectVersion:
        return await self.write(
            lambda tx: self.put_in(
                tx, self._bucket(tx, bucket), key, data, tags=tags, storage_class=storage_class
            )
        )

    def put_in(
        self,
        tx: ReplicationTx,
        bucket: Bucket,
        key: str,
        data: bytes,
        *,
        tags: dict[str, str] | None = None,
        storage_class: StorageClass = StorageClass.STANDARD,
    ) -> ObjectVersion:
        content = Content(
            staged=StagedBlob(size_bytes=len(data), data=data) if data else None,
            size_bytes=len(data),
            etag=hashlib.md5(data).hexdigest().upper(),
            crc64=len(data) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF,
        )
        write = ObjectWrite(
            key=key,
            acl=Acl.DEFAULT,
            storage_class=storage_class,
            headers_json='{"content-type":"text/plain","x-oss-meta-a":"b"}',
            tags_json=encode_strings(tags) if tags else "",
        )
        return objects.put_object(tx, bucket, write, content, self.moment)

    async def delete(self, bucket: str, key: str) -> Deletion:
        return await self.write(
            lambda tx: objects.delete_object(tx, self._bucket(tx, bucket), key, self.moment)
        )

    async def delete_version(self, bucket: str, key: str, version_id: str) -> Deletion:
        return await self.write(
            lambda tx: objects.delete_version(
                tx, self._bucket(tx, bucket), key, version_id, self.moment
            )
        )

    async def update(
        self,
        bucket: str,
        version: ObjectVersion,
        *,
        acl: Acl | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        tags_json = None if tags is None else encode_strings(tags)
        await self.write(
            lambda tx: objects.update_attributes(
                tx, self._bucket(tx, bucket), version, self.moment, acl=acl, tags_json=tags_json
            )
        )

    # looking

    def stack(self, bucket: str, key: str) -> list[ObjectVersion]:
        """The key's stack, oldest first."""
        with self.store.read() as view:
            found = view.bucket(bucket)
            assert found is not None
            return view.versions_of(found.id, key)[::-1]

    def ids(self, bucket: str, key: str) -> list[str]:
        """The version ids of the key's stack, oldest first."""
        return [entry.version_id for entry in self.stack(bucket, key)]

    def contents(self, bucket: str, key: str) -> list[bytes | None]:
        """The bytes of the key's stack, oldest first; None for a delete marker."""
        with self.store.read() as view:
            return [
                None
                if entry.is_delete_marker
                else b"".join(view.inline_data(e.blob_id) or b"" for e in entry.extents)
                for entry in self.stack(bucket, key)
            ]

    def listed(self, bucket: str) -> list[str]:
        """The keys that ListObjects shows."""
        with self.store.read() as view:
            found = view.bucket(bucket)
            assert found is not None
            entries = view.listed_objects(
                found.id, start="", inclusive=True, end=None, limit=10_000
            )
            return [entry.key for entry in entries]

    def tasks(self, rule: Rule, key: str) -> list[Task]:
        with self.store.read() as view:
            return view.tasks_of_key(rule.uid, key)

    async def due(self) -> Counts:
        """Everything that is due now."""
        return await self.engine.run_due()

    async def settle(self) -> Counts:
        """Everything there will ever be."""
        return await self.engine.settle(self.clock)

    @staticmethod
    def _bucket(tx: ReplicationTx, name: str) -> Bucket:
        found = tx.bucket(name)
        assert found is not None, name
        return found
