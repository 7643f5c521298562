"""Retention and legal hold of single objects, and the setting of the bucket that allows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from emulator.domain import retention, worm
from emulator.domain.errors import (
    InvalidArgument,
    InvalidBucketStatus,
    MalformedXML,
    NoSuchWORMConfiguration,
    WORMConfigurationAlreadyExists,
)
from emulator.domain.model import ObjectState, ObjectVersion, Versioning
from emulator.domain.objects import live_bucket
from emulator.domain.ports import MetaTx
from emulator.domain.retention import DefaultRetention, LegalHold, RetentionMode
from emulator.protocol.api.buckets import read_document
from emulator.protocol.api.objects import find_version, version_header
from emulator.protocol.authorisation import authorise_body
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import iso_date, parse_iso_date
from emulator.protocol.object_headers.states import bypasses_governance
from emulator.protocol.parameters import plain_number
from emulator.protocol.request_context import retention_facts
from emulator.protocol.xml import Element, XmlWriter

_MALFORMED = "0015-00000231"
_DAYS_MAX, _YEARS_MAX = 36_500, 100


async def put_bucket_object_worm_configuration(call: Call) -> Answer:
    """OSS PutBucketObjectWormConfiguration: cannot be taken back; documented.

    Refused unless versioning is enabled, and under a retention policy of the bucket; the codes,
    InvalidBucketStatus and WORMConfigurationAlreadyExists, are inferred.
    """
    setting = _read_object_worm(await read_document(call, "ObjectWormConfiguration"))

    def work(tx: MetaTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        if bucket.versioning is not Versioning.ENABLED:
            raise InvalidBucketStatus(bucket.name)
        if worm.policy_of(tx, bucket, call.now_ms) is not None:
            raise WORMConfigurationAlreadyExists
        tx.put_bucket_setting(bucket.id, retention.SETTING, setting.to_json())

    await call.context.store.write(work)
    return Answer()


def _read_object_worm(body: Element | None) -> retention.ObjectWorm:
    if body is None or body.text_of("ObjectWormEnabled") != "Enabled":
        raise MalformedXML("ObjectWormEnabled must be Enabled", ec=_MALFORMED)
    rule = body.child("Rule")
    if rule is None:
        return retention.object_worm(None)
    default = rule.child("DefaultRetention")
    if default is None:
        raise MalformedXML("DefaultRetention is missing", ec=_MALFORMED)
    mode = _read_mode(default.text_of("Mode"))
    days, years = default.child("Days"), default.child("Years")
    if (days is None) is (years is None):
        raise MalformedXML("Exactly one of Days and Years is needed", ec=_MALFORMED)
    if days is not None:
        kept = DefaultRetention(mode, days=_read_length(days, "Days", _DAYS_MAX))
    else:
        assert years is not None
        kept = DefaultRetention(mode, years=_read_length(years, "Years", _YEARS_MAX))
    return retention.object_worm(kept)


def _read_mode(text: str) -> RetentionMode:
    try:
        return RetentionMode(text)
    except ValueError as error:
        raise MalformedXML("Mode must be COMPLIANCE or GOVERNANCE", ec=_MALFORMED) from error


def _read_length(element: Element, name: str, most: int) -> int:
    number = plain_number(element.text.strip())
    if number is None or not 1 <= number <= most:
        raise InvalidArgument(
            f"{name} must be between 1 and {most}.", name=name, value=element.text
        )
    return number


async def get_bucket_object_worm_configuration(call: Call) -> Answer:
    """OSS GetBucketObjectWormConfiguration: 404 when it is not on (documented; the code is
    inferred)."""
    with call.context.store.read() as view:
        stored = view.bucket_setting(call.bucket, retention.SETTING)
    if not stored:
        raise NoSuchWORMConfiguration
    default = retention.read_object_worm(stored).default
    document = XmlWriter("ObjectWormConfiguration")
    document.element("ObjectWormEnabled", "Enabled")
    if default is not None:
        document.open("Rule")
        document.open("DefaultRetention")
        document.element("Mode", default.mode.value)
        if default.days:
            document.number("Days", default.days)
        else:
            document.number("Years", default.years)
    return xml_answer(document.to_bytes())


async def put_object_retention(call: Call) -> Answer:
    """OSS PutObjectRetention; documented. GOVERNANCE is set aside by who may bypass it."""
    body = await read_document(call, "Retention")
    if body is None:
        raise MalformedXML("Retention is missing")
    mode, until = _read_mode(body.text_of("Mode")), body.text_of("RetainUntilDate").strip()
    until_ms = parse_iso_date(until)
    if until_ms is None:
        raise MalformedXML("RetainUntilDate is no date")
    with call.context.store.read() as view:
        authorise_body(call, view, retention_facts(until_ms, call.now_ms))
    bypass = bypasses_governance(call.headers)
    return await _change(
        call,
        lambda version: retention.retain(
            version, mode, until_ms, call.now_ms, bypass_governance=bypass
        ),
    )


async def put_object_legal_hold(call: Call) -> Answer:
    """OSS PutObjectLegalHold; from the clients, not in the documentation."""
    body = await read_document(call, "LegalHold")
    try:
        status = LegalHold(body.text_of("Status") if body is not None else "")
    except ValueError as error:
        raise MalformedXML("Status must be ON or OFF") from error
    return await _change(call, lambda version: retention.hold(version, status))


async def _change(call: Call, change: Callable[[ObjectVersion], ObjectState]) -> Answer:
    def work(tx: MetaTx) -> ObjectVersion:
        retention.require_on(live_bucket(tx, call.bucket))
        version = find_version(call, tx)
        changed = msgspec.structs.replace(version, state_json=change(version).to_json())
        tx.rewrite_version(changed)
        return changed

    version = await call.context.store.write(work)
    return Answer(headers=version_header(call.bucket, version.version_id))


async def get_object_retention(call: Call) -> Answer:
    """OSS GetObjectRetention: 404 for an object without one (the code is inferred)."""
    version = _read(call)
    state = version.state
    if not state.retention_mode:
        raise NoSuchWORMConfiguration("The object has no retention.")
    document = XmlWriter("Retention")
    document.element("Mode", state.retention_mode)
    document.element("RetainUntilDate", iso_date(state.retain_until_ms))
    return xml_answer(document.to_bytes(), version_header(call.bucket, version.version_id))


async def get_object_legal_hold(call: Call) -> Answer:
    """OSS GetObjectLegalHold: OFF for an object that was never held (inferred)."""
    version = _read(call)
    document = XmlWriter("LegalHold")
    document.element("Status", version.state.legal_hold or LegalHold.OFF.value)
    return xml_answer(document.to_bytes(), version_header(call.bucket, version.version_id))


def _read(call: Call) -> ObjectVersion:
    with call.context.store.read() as view:
        retention.require_on(call.bucket)
        return find_version(call, view)


HANDLERS: Mapping[str, Handler] = {
    "PutBucketObjectWormConfiguration": put_bucket_object_worm_configuration,
    "GetBucketObjectWormConfiguration": get_bucket_object_worm_configuration,
    "PutObjectRetention": put_object_retention,
    "GetObjectRetention": get_object_retention,
    "PutObjectLegalHold": put_object_legal_hold,
    "GetObjectLegalHold": get_object_legal_hold,
}
