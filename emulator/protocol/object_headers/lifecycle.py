"""The headers that lifecycle rules and the access monitor add to reads."""

from __future__ import annotations

from urllib.parse import quote

from emulator.domain.access_times import last_access_of
from emulator.domain.lifecycle.plan import coming_expiration
from emulator.domain.lifecycle.records import entry_of
from emulator.domain.lifecycle.rules import rules_of
from emulator.domain.lifecycle.scan import SETTING
from emulator.domain.model import Bucket, ObjectVersion
from emulator.domain.ports import MetaView
from emulator.protocol.dates import http_date

# An ID may be any text, a header may not.
_PLAIN = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"


def expiration_header(
    view: MetaView, bucket: Bucket, version: ObjectVersion, *, is_current: bool
) -> dict[str, str]:
    """``x-oss-expiration`` of a current version that a rule will delete, by the rule that is first
    to do so (OSS GetObject, HeadObject; documented). Without rules it costs no statement."""
    text = view.bucket_setting(bucket, SETTING) if is_current else ""
    coming = coming_expiration(rules_of(text), entry_of(version)) if text else None
    if coming is None:
        return {}
    rule_id = quote(coming.rule_id, safe=_PLAIN)
    due = http_date(coming.due_ms)
    return {"x-oss-expiration": f'expiry-date="{due}", rule-id="{rule_id}"'}


def access_headers(view: MetaView, bucket: Bucket, version: ObjectVersion) -> dict[str, str]:
    """``x-oss-last-access-time`` while the bucket's access monitor is on (documented)."""
    accessed_ms = last_access_of(view, bucket, version)
    return {} if accessed_ms is None else {"x-oss-last-access-time": http_date(accessed_ms)}
