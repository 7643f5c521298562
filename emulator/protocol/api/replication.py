"""The handlers of the six replication operations: read the request, one call, write the answer."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.protocol.authorisation import authorise_action
from emulator.protocol.body import check_digest
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.replication_xml import (
    read_rtc,
    read_rule_ids,
    read_rules,
    render_locations,
    render_progress,
    render_rules,
)
from emulator.replication.service import DeleteOutcome

_ACTS_BY_ROLE = "oss:ReplicateGet"  # of whoever names a role (OSS RAM policy; documented)
_RULE_ID = "x-oss-replication-rule-id"


async def put_bucket_replication(call: Call) -> Answer:
    """``POST /?replication&comp=add``: the answer is empty and names the rule in a header."""
    requested = read_rules(await _document(call))
    if any(rule.sync_role for rule in requested):
        with call.context.store.read() as view:
            authorise_action(call, view, _ACTS_BY_ROLE)
    rule = await call.context.replication.add_rule(call.bucket, requested)
    call.context.changed()
    return Answer(headers={_RULE_ID: rule.spec.rule_id})


async def get_bucket_replication(call: Call) -> Answer:
    """``GET /?replication``."""
    service = call.context.replication
    rules = service.rules(call.bucket)
    only_for_kms = service.settings.get_syncrole_only_for_kms
    return xml_answer(render_rules(rules, syncrole_only_for_kms=only_for_kms))


async def delete_bucket_replication(call: Call) -> Answer:
    """``POST /?replication&comp=delete``: 204 if the rule is being closed already (documented)."""
    rule_ids = read_rule_ids(await _document(call))
    outcome = await call.context.replication.delete_rule(call.bucket, rule_ids)
    call.context.changed()
    return Answer(status=204 if outcome is DeleteOutcome.ALREADY_CLOSING else 200)


async def get_bucket_replication_progress(call: Call) -> Answer:
    """``GET /?replicationProgress&rule-id=…``; without an id, of every rule (observed)."""
    items = call.context.replication.progress(call.bucket, call.query.get("rule-id", ""))
    return xml_answer(render_progress(items))


async def get_bucket_replication_location(call: Call) -> Answer:
    """``GET /?replicationLocation``."""
    return xml_answer(render_locations(call.context.replication.locations(call.bucket)))


async def put_bucket_rtc(call: Call) -> Answer:
    """``PUT /?rtc``."""
    rule_id, status = read_rtc(await _document(call))
    await call.context.replication.set_rtc(call.bucket, rule_id, status)
    return Answer()


async def _document(call: Call) -> bytes:
    body = await call.body.read_document(call.context.wire.xml_bytes_max)
    check_digest(body, call.headers.get("content-md5"))
    return body


HANDLERS: Mapping[str, Handler] = {
    "PutBucketReplication": put_bucket_replication,
    "GetBucketReplication": get_bucket_replication,
    "DeleteBucketReplication": delete_bucket_replication,
    "GetBucketReplicationLocation": get_bucket_replication_location,
    "GetBucketReplicationProgress": get_bucket_replication_progress,
    "PutBucketRtc": put_bucket_rtc,
}
