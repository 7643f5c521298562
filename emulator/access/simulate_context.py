"""The condition keys a simulated request has."""

from __future__ import annotations

from emulator.access.identity import Principal
from emulator.access.policy.conditions import Context
from emulator.access.simulate_question import Question
from emulator.access.simulate_records import SimulatedBucket, SimulatedEntry


def request_context(
    principal: Principal,
    bucket: SimulatedBucket | None,
    entry: SimulatedEntry | None,
    now: str,
) -> dict[str, tuple[str, ...]]:
    """What a plain request from this machine has."""
    context: dict[str, tuple[str, ...]] = {
        "acs:SourceIp": ("127.0.0.1",),
        "acs:SecureTransport": ("false",),
        "acs:CurrentTime": (now,),
        "acs:UserAgent": ("",),
        "acs:AccessId": (principal.access_key_id,),
        "acs:MFAPresent": ("false",),
        "oss:Prefix": ("",),
        "oss:Delimiter": ("",),
        "oss:x-oss-acl": ("private",),
        "oss:x-oss-object-acl": ("default",),
    }
    if principal.source_identity:
        context["acs:SourceIdentity"] = (principal.source_identity,)
    bucket_tags = {} if bucket is None else bucket.tags
    context.update({f"oss:BucketTag/{key}": (value,) for key, value in bucket_tags.items()})
    tags = {} if entry is None else entry.tags
    context.update({f"oss:ExistingObjectTag/{key}": (value,) for key, value in tags.items()})
    return context


def given(question: Question, context: dict[str, tuple[str, ...]]) -> Context:
    """The context with what the question gives instead; an empty list makes a key absent."""
    for key, values in question.context.items():
        context[key] = (values,) if isinstance(values, str) else tuple(values)
    return {key: values for key, values in context.items() if values}
