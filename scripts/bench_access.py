#!/usr/bin/env python3
"""What the permission of one request costs, on the path that every request takes.

`protocol.authorisation.authorise` is called for a GetObject of an object in a store in memory:
reading the object, making the context, evaluating, and noting the answer in the audit log. Parsed
policies are cached, as in a server. Shown is the median of several rounds, in processor time: what
else the machine does is left out.

    scripts/bench_access.py [--calls N] [--rounds N] [--check]

With `--check` the status is 1 where a figure is above its limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from emulator.access.audit import Audit, Origin  # noqa: E402
from emulator.access.decision import Decision, DecisionReason  # noqa: E402
from emulator.access.identity import (  # noqa: E402
    Principal,
    User,
    root_principal,
    user_principal,
)
from emulator.access.policy.cache import PolicyCache  # noqa: E402
from emulator.access.policy.records import NamedPolicy, PolicyKind  # noqa: E402
from emulator.config import Durability, OssSettings  # noqa: E402
from emulator.domain.model import (  # noqa: E402
    Acl,
    Bucket,
    ObjectVersion,
    StorageClass,
    VersionKind,
)
from emulator.domain.ports import NewBucket  # noqa: E402
from emulator.protocol.authorisation import authorise  # noqa: E402
from emulator.protocol.call import Call  # noqa: E402
from emulator.protocol.operations import operation_named  # noqa: E402
from emulator.storage.sqlite.store import SqliteStore  # noqa: E402

OWNER, OTHER = "1000000000000001", "2000000000000002"
KEY = "photos/2026/01/picture.jpg"
OWNER_US_MAX, POLICY_US_MAX, RECORD_US_MAX = 25.0, 60.0, 1.0
_HEADERS = {
    "host": "127.0.0.1:9480",
    "user-agent": "aliyun-sdk-python/2.19.1(Linux/6.1/x86_64;3.11)",
    "accept": "*/*",
    "authorization": "OSS4-HMAC-SHA256 Credential=LTAI/20260101/cn-hangzhou/oss/aliyun_v4_request",
    "x-oss-date": "20260101T000000Z",
}


class Measure(NamedTuple):
    """One line of the table; no limit is 0."""

    name: str
    run: Callable[[], None]
    us_max: float


def policy_of_ten() -> str:
    """A bucket policy of ten statements that all concern the request; the last one allows."""
    narrow = [
        {
            "Effect": "Deny",
            "Action": ["oss:GetObject", "oss:PutObject"],
            "Principal": ["*"],
            "Resource": [f"acs:oss:*:{OWNER}:bench/private-{number}/*"],
        }
        for number in range(4)
    ]
    conditional = [
        {
            "Effect": "Allow",
            "Action": ["oss:Get*"],
            "Principal": [OTHER, f"20{number}"],
            "Resource": [f"acs:oss:*:{OWNER}:bench/*"],
            "Condition": {
                "IpAddress": {"acs:SourceIp": [f"10.{number}.0.0/16"]},
                "StringLike": {"oss:Prefix": ["a/*"]},
            },
        }
        for number in range(5)
    ]
    last = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": [OTHER],
        "Resource": [f"acs:oss:*:{OWNER}:bench/*"],
        "Condition": {"Bool": {"acs:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "1", "Statement": [*narrow, *conditional, last]})


def a_user(cache: PolicyCache) -> Principal:
    """A user of the owner's account who may read this prefix."""
    statement = {
        "Effect": "Allow",
        "Action": "oss:Get*",
        "Resource": [f"acs:oss:*:{OWNER}:bench/photos/*"],
    }
    text = json.dumps({"Version": "1", "Statement": [statement]})
    named = NamedPolicy("reads", cache.get(PolicyKind.RAM, text))
    return user_principal(User(account_uid=OWNER, name="ann", user_id="2077"), (named,), "LTAIann")


class Bench:
    """A store with an object, and requests for it."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.cache = PolicyCache()
        self.audit = Audit()
        self.bucket: Any = None
        self.context: Any = SimpleNamespace(
            policies=self.cache, audit=self.audit, oss=OssSettings()
        )

    async def fill(self) -> None:
        """The bucket and its object."""
        new = NewBucket(
            name="bench",
            owner_uid=OWNER,
            region="cn-hangzhou",
            created_ms=0,
            acl=Acl.PRIVATE,
            storage_class=StorageClass.STANDARD,
            redundancy="LRS",
        )
        bucket = self.bucket = await self.store.write(lambda tx: tx.insert_bucket(new))
        await self.store.write(
            lambda tx: tx.insert_version(
                entry(bucket, tx.next_seq()), shares_blobs=False, listed=True
            )
        )

    def call(self, principal: Principal, policy: str = "") -> Callable[[], None]:
        """The permission of one request; it must be given."""
        bucket: Bucket = msgspec.structs.replace(self.bucket, policy=policy)
        call = Call(
            operation=operation_named("GetObject"),
            context=self.context,
            principal=principal,
            bucket=bucket,
            bucket_name=bucket.name,
            key=KEY,
            query={},
            headers=_HEADERS,
            body=None,  # type: ignore[arg-type] # nobody reads it
            host="127.0.0.1:9480",
            region="",
            signing_region="cn-hangzhou",
            peer="127.0.0.1",
            now_ms=1_767_225_600_000,
            request_id="6548B2D4F5E1C43935C0A1B2",
        )

        def run() -> None:
            with self.store.read() as view:
                authorise(call, view)

        return run

    def measures(self) -> list[Measure]:
        """Every line."""
        root, other = root_principal(OWNER, "LTAIowner"), root_principal(OTHER, "LTAIother")
        ten = policy_of_ten()
        decision = Decision(allowed=True, reason=DecisionReason.OWNER)

        def record() -> None:
            origin = Origin(1_767_225_600_000, root, "GetObject", "6548B2D4", "127.0.0.1")
            self.audit.record(origin, "oss:GetObject", "acs:oss:*:1:bench/k", decision)

        return [
            Measure("owner, no bucket policy", self.call(root), OWNER_US_MAX),
            Measure("owner, ten statements", self.call(root, ten), POLICY_US_MAX),
            Measure("another account, ten statements", self.call(other, ten), POLICY_US_MAX),
            Measure("user, one RAM policy", self.call(a_user(self.cache)), 0),
            Measure("user, RAM policy and ten statements", self.call(a_user(self.cache), ten), 0),
            Measure("one entry of the audit log", record, RECORD_US_MAX),
        ]


def entry(bucket: Bucket, seq: int) -> ObjectVersion:
    """The object: private by its bucket, with two tags."""
    return ObjectVersion(
        bucket_id=bucket.id,
        key=KEY,
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
        tags_json='{"class":"holiday","year":"2026"}',
    )


def cost_us(run: Callable[[], None], calls: int, rounds: int) -> float:
    """The median over rounds of what one call takes, after a round that does not count."""
    seconds = []
    for _ in range(rounds + 1):
        began = time.thread_time()
        for _ in range(calls):
            run()
        seconds.append(time.thread_time() - began)
    return statistics.median(seconds[1:]) / calls * 1e6


async def measure(options: argparse.Namespace) -> bool:
    """Print the table; whether every figure is within its limit."""
    store = SqliteStore.open(":memory:", Durability.NONE)
    good = True
    try:
        bench = Bench(store)
        await bench.fill()
        print(f"{'':<40}{'µs':>8}{'limit':>8}")
        for line in bench.measures():
            took_us = cost_us(line.run, options.calls, options.rounds)
            good = good and not (line.us_max and took_us > line.us_max)
            print(f"{line.name:<40}{took_us:>8.2f}{line.us_max or '':>8}")
    finally:
        await store.close()
    return good


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--check", action="store_true", help="fail above a limit")
    options = parser.parse_args()
    good = asyncio.run(measure(options))
    sys.exit(0 if good or not options.check else 1)


if __name__ == "__main__":
    main()
