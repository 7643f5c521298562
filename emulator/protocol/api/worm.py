"""The retention policy of a bucket: InitiateBucketWorm and what follows it."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import worm
from emulator.domain.errors import InvalidWORMConfiguration, MalformedXML, NoSuchWORMConfiguration
from emulator.domain.objects import live_bucket
from emulator.domain.ports import MetaTx
from emulator.domain.worm import WormPolicy
from emulator.protocol.api.buckets import read_document
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date
from emulator.protocol.parameters import plain_number
from emulator.protocol.xml import XmlWriter


async def initiate_bucket_worm(call: Call) -> Answer:
    """OSS InitiateBucketWorm; documented."""
    days = await _read_days(call, "InitiateWormConfiguration")

    def work(tx: MetaTx) -> WormPolicy:
        bucket = live_bucket(tx, call.bucket)
        return worm.initiate(tx, bucket, days, call.now_ms, call.context.rng)

    policy = await call.context.store.write(work)
    return Answer(headers={"x-oss-worm-id": policy.worm_id})


async def abort_bucket_worm(call: Call) -> Answer:
    """OSS AbortBucketWorm: 204 whether or not there was a policy (inferred for none)."""
    await call.context.store.write(
        lambda tx: worm.abort(tx, live_bucket(tx, call.bucket), call.now_ms)
    )
    return Answer(status=204)


async def complete_bucket_worm(call: Call) -> Answer:
    """OSS CompleteBucketWorm; documented."""
    worm_id = call.query["wormId"]
    await call.context.store.write(
        lambda tx: worm.complete(tx, live_bucket(tx, call.bucket), worm_id, call.now_ms)
    )
    return Answer()


async def extend_bucket_worm(call: Call) -> Answer:
    """OSS ExtendBucketWorm; documented."""
    worm_id, days = call.query.get("wormId", ""), await _read_days(call, "ExtendWormConfiguration")
    await call.context.store.write(
        lambda tx: worm.extend(tx, live_bucket(tx, call.bucket), worm_id, days, call.now_ms)
    )
    return Answer()


async def get_bucket_worm(call: Call) -> Answer:
    """OSS GetBucketWorm; documented."""
    with call.context.store.read() as view:
        policy = worm.policy_of(view, call.bucket, call.now_ms)
    if policy is None:
        raise NoSuchWORMConfiguration
    document = XmlWriter("WormConfiguration")
    document.element("WormId", policy.worm_id)
    document.element("State", policy.state.value)
    document.number("RetentionPeriodInDays", policy.retention_period_in_days)
    document.element("CreationDate", iso_date(policy.created_ms))
    return xml_answer(document.to_bytes())


async def _read_days(call: Call, root: str) -> int:
    """The days of a policy. Raises MalformedXML, and InvalidWORMConfiguration for what is no
    positive number (inferred)."""
    body = await read_document(call, root)
    days = body.child("RetentionPeriodInDays") if body is not None else None
    if days is None:
        raise MalformedXML("RetentionPeriodInDays is missing")
    number = plain_number(days.text.strip())
    if number is None:
        raise InvalidWORMConfiguration
    return number


HANDLERS: Mapping[str, Handler] = {
    "InitiateBucketWorm": initiate_bucket_worm,
    "AbortBucketWorm": abort_bucket_worm,
    "CompleteBucketWorm": complete_bucket_worm,
    "ExtendBucketWorm": extend_bucket_worm,
    "GetBucketWorm": get_bucket_worm,
}
