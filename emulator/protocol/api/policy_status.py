"""Whether a bucket's policy is public."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.access.policy.public import is_public
from emulator.access.policy.records import PolicyKind
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.xml import XmlWriter


async def get_bucket_policy_status(call: Call) -> Answer:
    """OSS GetBucketPolicyStatus: false where there is no policy; documented."""
    policy = call.bucket.policy
    public = bool(policy) and is_public(call.context.policies.get(PolicyKind.BUCKET, policy))
    document = XmlWriter("PolicyStatus")
    document.flag("IsPublic", public)
    return xml_answer(document.to_bytes())


HANDLERS: Mapping[str, Handler] = {"GetBucketPolicyStatus": get_bucket_policy_status}
