"""Recording events in the transaction that makes them true."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from emulator.domain.events.model import NewEvent
from emulator.domain.events.names import EVENT_OF_OPERATION
from emulator.domain.events.rules import rules_of
from emulator.domain.model import Bucket, ObjectVersion

if TYPE_CHECKING:  # the rooms that write objects import this one
    from collections.abc import Mapping

    from emulator.domain.objects.records import Moment
    from emulator.domain.ports import MetaTx

_APPEND: Final = "AppendObject"
NOTIFICATIONS: Final = "eventnotification"  # the bucket setting that holds the rules


def record_event(
    tx: MetaTx,
    bucket: Bucket,
    version: ObjectVersion,
    moment: Moment,
    *,
    prior: ObjectVersion | None = None,
    removed: bool = False,
) -> None:
    """Record what the cause of ``moment`` did to ``version``, for every rule that reports it.

    ``prior`` is what a write replaced as the current version; ``removed`` says that the version
    is gone. That a removal counts as minus its size is inferred. Call it where
    ``NOTIFICATIONS in bucket.setting_names``.
    """
    before = 0 if prior is None else prior.size_bytes
    subject: dict[str, object] = {
        "deltaSize": -version.size_bytes if removed else version.size_bytes - before,
        "eTag": version.etag,
        "key": version.key,
        "size": version.size_bytes,
    }
    if moment.cause is not None and moment.cause.operation == _APPEND:
        subject["position"] = before
    record_key_event(tx, bucket, moment, version.key, subject)


def record_upload_event(
    tx: MetaTx,
    bucket: Bucket,
    moment: Moment,
    key: str,
    *,
    etag: str = "",
    size_bytes: int = 0,
) -> None:
    """Record a step of a multipart upload, where the bucket has rules; ETag and size are those of
    the part, if it is about one (inferred)."""
    if NOTIFICATIONS in bucket.setting_names:
        subject = {"deltaSize": 0, "eTag": etag, "key": key, "size": size_bytes}
        record_key_event(tx, bucket, moment, key, subject)


def record_key_event(
    tx: MetaTx,
    bucket: Bucket,
    moment: Moment,
    key: str,
    subject: Mapping[str, object],
    *,
    name: str = "",
) -> None:
    """Record an event of any kind; ``subject`` is the ``object`` element of its message.

    Without ``name``, the cause of ``moment`` names it, and nothing is recorded for what no
    request asked for.
    """
    cause = moment.cause
    if not name and cause is not None:
        name = EVENT_OF_OPERATION.get(cause.operation, "")
    if not name:
        return
    for rule in rules_of(tx.bucket_setting(bucket, NOTIFICATIONS)):
        if rule.reports(name, key):
            message = _message(bucket, moment, name, rule.id, subject)
            tx.append_event(
                NewEvent(
                    bucket_id=bucket.id,
                    rule_id=rule.id,
                    name=name,
                    key=key,
                    at_ms=moment.now_ms,
                    message=message,
                    has_endpoint=bool(rule.endpoint),
                )
            )


def _message(
    bucket: Bucket, moment: Moment, name: str, rule_id: str, subject: Mapping[str, object]
) -> str:
    """The message of an event (OSS event notifications, and recorded messages; observed)."""
    cause = moment.cause
    event = {
        "eventName": name,
        "eventSource": "acs:oss",
        "eventTime": _instant(moment.now_ms),
        "eventVersion": "1.0",
        "oss": {
            "bucket": {
                "arn": f"acs:oss:{bucket.region}:{bucket.owner_uid}:{bucket.name}",
                "name": bucket.name,
                "ownerIdentity": bucket.owner_uid,
                "virtualBucket": "",
            },
            "object": subject,
            "ossSchemaVersion": "1.0",
            "ruleId": rule_id,
        },
        "region": bucket.region,
        "requestParameters": {"sourceIPAddress": "" if cause is None else cause.peer},
        "responseElements": {"requestId": "" if cause is None else cause.request_id},
        "userIdentity": {"principalId": bucket.owner_uid if cause is None else cause.principal_uid},
    }
    return msgspec.json.encode({"events": [event]}).decode()


def _instant(at_ms: int) -> str:
    """A date as OSS writes it: whole seconds with ``.000``."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
