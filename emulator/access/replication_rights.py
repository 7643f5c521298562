"""What a sync role may do at the two ends of a rule. Pure.

In its own account a role needs its own policies alone, and bucket policies are not asked; on a
bucket of another account it needs that bucket's policy, because a RAM policy reaches only the
resources of its own account (OSS, replication permissions; documented). A Deny of the role's own
policies counts at both ends (OSS, diagnosis of replication across accounts; documented).
"""

from __future__ import annotations

import enum

import msgspec

from emulator.access.identity import Principal
from emulator.access.policy.conditions import EMPTY_CONTEXT, Context
from emulator.access.policy.evaluate import IMPLICIT_DENY, Evaluation, Outcome, PolicyRequest
from emulator.access.policy.match import split_resource
from emulator.access.policy.near import NearMiss, NearMisses
from emulator.access.policy.prepared import PreparedEvaluation, prepare
from emulator.access.policy.records import NamedPolicy, StatementRef
from emulator.access.trust import assumed_role_arn

CURRENT_TIME = "acs:CurrentTime"
SERVICE = "replication"  # as messages call what OSS does for a sync role


def service_context(now: str) -> Context:
    """The condition keys of what OSS does for a sync role at ``now``, an ISO 8601 time.

    It comes from no client: address, VPC, user agent and access key are absent, so are the tags
    of objects. That OSS speaks to itself over an encrypted connection is inferred.
    """
    return {CURRENT_TIME: (now,), "acs:SecureTransport": ("true",)}


class OwnBucketPolicies(enum.StrEnum):
    """What bucket policies mean to a role in its own account; sources disagree."""

    IGNORE = "ignore"
    DENY_WINS = "deny-wins"


class RightReason(enum.Enum):
    """What decided about a right of a sync role."""

    ROLE_ALLOWS = "a policy of the role allows it"
    BUCKET_POLICY_ALLOWS = "the bucket policy allows it"
    ROLE_DENIES = "a policy of the role denies it"
    BUCKET_POLICY_DENIES = "the bucket policy denies it"
    ROLE_LACKS = "no policy of the role allows it"
    BUCKET_POLICY_LACKS = "the bucket policy does not allow it"


class RightDecision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The answer; of a refusal also what was asked, why it was refused and what would mend it.

    ``missing`` is the right as a person writes it: ``{action} on {resource}``, ``near`` the
    statement that would have allowed it but for one part.
    """

    allowed: bool
    reason: RightReason
    statement: StatementRef | None = None
    action: str = ""
    resource: str = ""
    missing: str = ""
    message: str = ""
    remedy: str = ""
    near: NearMiss | None = None


class BucketEnd(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The bucket at one end of a rule; ``policy`` carries the bucket's name.

    ``location`` is ``oss-cn-hangzhou`` for a policy that names one region; most name ``*``.
    """

    name: str
    owner_uid: str
    policy: NamedPolicy | None = None
    location: str = "*"

    def resource(self, key: str = "") -> str:
        """The resource name of the bucket, or of one object in it."""
        relative = f"{self.name}/{key}" if key else self.name
        return f"acs:oss:{self.location}:{self.owner_uid}:{relative}"

    def as_written(self, resource: str) -> str:
        """A resource name of this bucket as policies usually write it: for any region."""
        return resource.replace(f"acs:oss:{self.location}:", "acs:oss:*:", 1)


class PreparedRight:
    """One action of one role at one bucket, asked for object after object.

    An allowed answer is one record for all that the same statement allows: it is given thousands
    of times and seldom looked at.
    """

    __slots__ = (
        "_action",
        "_bucket",
        "_by_bucket",
        "_by_role",
        "_context",
        "_foreign",
        "_granted",
        "_granted_by",
        "_near",
        "_role",
    )

    def __init__(
        self,
        role: Principal,
        action: str,
        bucket: BucketEnd,
        context: Context,
        by_role: PreparedEvaluation,
        by_bucket: PreparedEvaluation | None,
    ) -> None:
        self._role = role
        self._action = action
        self._bucket = bucket
        self._context = context
        self._by_role = by_role
        self._by_bucket = by_bucket
        self._foreign = bucket.owner_uid != role.account_uid
        self._granted_by = IMPLICIT_DENY
        self._granted: RightDecision | None = None
        self._near: NearMisses | None = None

    @property
    def condition_keys(self) -> frozenset[str]:
        """The condition keys the answers depend on."""
        keys = self._by_role.condition_keys
        return keys | self._by_bucket.condition_keys if self._by_bucket else keys

    def decide(self, resource: str) -> RightDecision:
        """The decision for one resource, see ``BucketEnd.resource``."""
        by_role = self._by_role.decide(resource)
        by_bucket = self._by_bucket.decide(resource) if self._by_bucket else IMPLICIT_DENY
        return self._both(by_role, by_bucket, resource)

    def allowed_below(self, prefix: str) -> RightDecision | None:
        """The decision for every resource that begins with ``prefix``, if all are allowed for the
        same reason and that can be told beforehand."""
        by_role = self._by_role.decide_below(prefix)
        by_bucket = self._by_bucket.decide_below(prefix) if self._by_bucket else IMPLICIT_DENY
        if by_role is None or by_bucket is None:
            return None
        decision = self._both(by_role, by_bucket, prefix)
        return decision if decision.allowed else None

    def _both(self, by_role: Evaluation, by_bucket: Evaluation, resource: str) -> RightDecision:
        if by_role.effect is Outcome.EXPLICIT_DENY:
            return self._refused(RightReason.ROLE_DENIES, resource, by_role)
        if by_bucket.effect is Outcome.EXPLICIT_DENY:
            return self._refused(RightReason.BUCKET_POLICY_DENIES, resource, by_bucket)
        if self._foreign:
            if by_bucket.effect is Outcome.ALLOW:
                return self._allowed(RightReason.BUCKET_POLICY_ALLOWS, by_bucket)
            refused = self._refused(RightReason.BUCKET_POLICY_LACKS, resource, by_bucket)
            return refused if by_role.effect is not Outcome.ALLOW else _out_of_reach(refused)
        if by_role.effect is Outcome.ALLOW:
            return self._allowed(RightReason.ROLE_ALLOWS, by_role)
        return self._refused(RightReason.ROLE_LACKS, resource, by_role)

    def _allowed(self, reason: RightReason, said: Evaluation) -> RightDecision:
        if self._granted is None or said is not self._granted_by:
            self._granted_by = said
            self._granted = RightDecision(allowed=True, reason=reason, statement=said.statement)
        return self._granted

    def _refused(self, reason: RightReason, resource: str, said: Evaluation) -> RightDecision:
        near = self._near_miss(reason, resource) if said.statement is None else None
        resource = self._bucket.as_written(resource)
        missing = f"{self._action} on {resource}"
        message = f"{missing}: {reason.value}"
        return RightDecision(
            allowed=False,
            reason=reason,
            statement=said.statement,
            action=self._action,
            resource=resource,
            missing=missing,
            message=message if near is None else f"{message}; {near.describe()}",
            remedy=self._remedy(reason, resource, said, near),
            near=near,
        )

    def _near_miss(self, reason: RightReason, resource: str) -> NearMiss | None:
        """The statement that would have allowed it but for one part. What does not depend on the
        resource is settled with the first refusal."""
        if self._near is None:
            asked = PolicyRequest(self._action, "", self._context, self._role.caller)
            policies = self._role.identity_policies
            if reason is RightReason.BUCKET_POLICY_LACKS:
                policies = () if self._bucket.policy is None else (self._bucket.policy,)
            self._near = NearMisses(policies, asked, SERVICE)
        return self._near.of(resource)

    def _remedy(
        self, reason: RightReason, resource: str, said: Evaluation, near: NearMiss | None
    ) -> str:
        if said.statement is not None:
            return f"Remove or narrow {said.statement.describe()}."
        wanted = f"{self._action} on {_as_pattern(resource)}"
        if reason is RightReason.ROLE_LACKS:
            add = f"Add {wanted} to a policy of the role {self._role.name}."
            return add if near is None else near.remedy(add)
        arn = assumed_role_arn(self._role.account_uid, self._role.name, "*")
        if near is not None and near.only_case:
            return (
                f"Write the role's name in lower case in the bucket policy of "
                f"{self._bucket.name}: Principal {arn}."
            )
        add = f"Add {wanted} to the bucket policy of {self._bucket.name} with Principal {arn}."
        return add if near is None else near.remedy(add)


def prepare_right(
    role: Principal,
    action: str,
    bucket: BucketEnd,
    context: Context = EMPTY_CONTEXT,
    own_bucket_policies: OwnBucketPolicies = OwnBucketPolicies.IGNORE,
) -> PreparedRight:
    """Settle everything but the object for one (role, action, bucket)."""
    by_role = prepare(role.identity_policies, action, context)
    asked = bucket.owner_uid != role.account_uid or (
        own_bucket_policies is OwnBucketPolicies.DENY_WINS
    )
    by_bucket = None
    if asked and bucket.policy is not None:
        by_bucket = prepare((bucket.policy,), action, context, role.caller)
    return PreparedRight(role, action, bucket, context, by_role, by_bucket)


def replication_right(
    role: Principal,
    action: str,
    bucket: BucketEnd,
    key: str = "",
    own_bucket_policies: OwnBucketPolicies = OwnBucketPolicies.IGNORE,
) -> RightDecision:
    """May the role do ``action`` on one object of the bucket, or on the bucket if ``key`` is empty?

    For a single question; a run over many objects keeps the prepared form.
    """
    prepared = prepare_right(role, action, bucket, own_bucket_policies=own_bucket_policies)
    return prepared.decide(bucket.resource(key))


def _as_pattern(resource: str) -> str:
    """The resource as a policy would name it: every object of the bucket instead of one."""
    scope, relative = split_resource(resource)
    bucket, slash, _ = relative.partition("/")
    return f"{scope}:{bucket}/*" if slash else resource


def _out_of_reach(refused: RightDecision) -> RightDecision:
    """What the role's own policies allow on a bucket of another account counts for nothing."""
    said = f"{refused.message}; policies of the role do not reach the bucket of another account"
    return msgspec.structs.replace(refused, message=said)
