"""The order in which OSS asks, row by row, and what it tells who is refused."""

from __future__ import annotations

import msgspec
import pytest

from emulator.access.authorise import authorise
from emulator.access.decision import (
    AccessCheck,
    Acl,
    BucketFacts,
    Decision,
    DecisionReason,
    OperationClass,
)
from emulator.access.identity import ANONYMOUS, Principal, root_principal
from tests.unit.access.build import (
    OTHER,
    OWNER,
    Json,
    a_role,
    a_user,
    allow,
    check,
    deny,
    facts,
    ram,
    session_policy,
)

READ, WRITE, LIST, MANAGE = (
    OperationClass.DATA_READ,
    OperationClass.DATA_WRITE,
    OperationClass.LIST,
    OperationClass.MANAGEMENT,
)
R = DecisionReason

ROOT = root_principal(OWNER)
FOREIGN_ROOT = root_principal(OTHER)
FULL = ram(allow("oss:*"), name="full")
NEVER = ram(deny("oss:*"), name="never")

EVERYONE_IN: Json = allow("oss:*", Principal=["*"])
EVERYONE_OUT: Json = deny("oss:*", Principal=["*"])
PUBLIC = facts(acl=Acl.PUBLIC_READ)
OPEN = facts(acl=Acl.PUBLIC_READ_WRITE)
BLOCKED = facts(acl=Acl.PUBLIC_READ, blocked=True)
LETS_IN = facts(EVERYONE_IN)
KEEPS_OUT = facts(EVERYONE_OUT)
NOT_VPC: Json = {"StringNotEquals": {"acs:SourceVpc": ["vpc-1"]}}


ROWS: list[tuple[str, Principal, AccessCheck, DecisionReason]] = [
    # the owner
    ("owner manages", ROOT, check(MANAGE), R.OWNER),
    ("owner with an unrelated policy", ROOT, check(MANAGE, LETS_IN), R.OWNER),
    ("Deny for everyone spares the owner", ROOT, check(READ, KEEPS_OUT), R.OWNER),
    (
        "Deny for an empty list spares the owner",
        ROOT,
        check(READ, facts(deny("oss:*", Principal=[]))),
        R.OWNER,
    ),
    (
        "Deny for everyone under a condition hits the owner",
        ROOT,
        check(READ, facts(deny("oss:*", Principal=["*"], Condition=NOT_VPC))),
        R.BUCKET_POLICY_DENY,
    ),
    (
        "Deny by uid hits the owner",
        ROOT,
        check(READ, facts(deny("oss:*", Principal=[OWNER]))),
        R.BUCKET_POLICY_DENY,
    ),
    ("a private object of the owner", ROOT, check(READ, object_acl=Acl.PRIVATE), R.OWNER),
    # RAM users of the owning account
    ("user without policies", a_user(), check(READ), R.NO_ALLOW),
    ("user, RAM Allow", a_user(FULL), check(READ), R.IDENTITY_POLICY_ALLOW),
    ("user, RAM Allow manages", a_user(FULL), check(MANAGE), R.IDENTITY_POLICY_ALLOW),
    (
        "user, bucket policy Allow by id",
        a_user(),
        check(READ, facts(allow("oss:*", Principal=["100077"]))),
        R.BUCKET_POLICY_ALLOW,
    ),
    (
        "user, bucket policy Allow by account",
        a_user(),
        check(MANAGE, facts(allow("oss:*", Principal=[OWNER]))),
        R.BUCKET_POLICY_ALLOW,
    ),
    (
        "RAM Deny beats the bucket policy's Allow",
        a_user(NEVER),
        check(READ, LETS_IN),
        R.IDENTITY_POLICY_DENY,
    ),
    (
        "the bucket policy's Deny beats RAM Allow",
        a_user(FULL),
        check(READ, KEEPS_OUT),
        R.BUCKET_POLICY_DENY,
    ),
    ("both deny", a_user(NEVER), check(READ, KEEPS_OUT), R.BOTH_POLICIES_DENY),
    ("RAM Deny beats the ACL", a_user(NEVER), check(READ, PUBLIC), R.IDENTITY_POLICY_DENY),
    # roles
    ("role, RAM Allow", a_role(FULL), check(READ), R.IDENTITY_POLICY_ALLOW),
    (
        "role by its lower-cased name",
        a_role(),
        check(READ, facts(allow("oss:*", Principal=["arn:sts::1000:assumed-role/syncrole/*"]))),
        R.BUCKET_POLICY_ALLOW,
    ),
    (
        "role by its name in mixed case",
        a_role(),
        check(READ, facts(allow("oss:*", Principal=["arn:sts::1000:assumed-role/SyncRole/*"]))),
        R.NO_ALLOW,
    ),
    (
        "session policy as wide",
        a_role(FULL, narrowed=session_policy(allow("oss:*"))),
        check(READ),
        R.IDENTITY_POLICY_ALLOW,
    ),
    (
        "session policy narrower",
        a_role(FULL, narrowed=session_policy(allow("oss:PutObject"))),
        check(READ),
        R.SESSION_POLICY,
    ),
    (
        "session policy wider than the role",
        a_role(ram(allow("oss:PutObject")), narrowed=session_policy(allow("oss:*"))),
        check(READ),
        R.NO_ALLOW,
    ),
    (
        "session policy denies",
        a_role(FULL, narrowed=session_policy(allow("oss:*"), deny("oss:GetObject"))),
        check(READ),
        R.SESSION_POLICY,
    ),
    (
        "session policy narrows the bucket policy's Allow too",
        a_role(account_uid=OTHER, narrowed=session_policy(allow("oss:PutObject"))),
        check(READ, LETS_IN),
        R.SESSION_POLICY,
    ),
    (
        "session policy narrows the ACL too",
        a_role(narrowed=session_policy(allow("oss:PutObject"))),
        check(READ, PUBLIC),
        R.SESSION_POLICY,
    ),
    # other accounts
    ("foreign root", FOREIGN_ROOT, check(READ), R.NOT_OWNER),
    ("foreign root, bucket policy", FOREIGN_ROOT, check(MANAGE, LETS_IN), R.BUCKET_POLICY_ALLOW),
    ("foreign root, ACL", FOREIGN_ROOT, check(READ, PUBLIC), R.BUCKET_ACL_ALLOW),
    ("foreign user, RAM Allow alone", a_user(FULL, account_uid=OTHER), check(READ), R.NOT_OWNER),
    (
        "foreign user, bucket policy Allow",
        a_user(account_uid=OTHER),
        check(READ, facts(allow("oss:*", Principal=[OTHER]))),
        R.BUCKET_POLICY_ALLOW,
    ),
    (
        "foreign user, own RAM Deny",
        a_user(NEVER, account_uid=OTHER),
        check(READ, LETS_IN),
        R.IDENTITY_POLICY_DENY,
    ),
    # anonymous
    ("anonymous", ANONYMOUS, check(READ), R.ANONYMOUS),
    ("anonymous reads", ANONYMOUS, check(READ, PUBLIC), R.BUCKET_ACL_ALLOW),
    ("anonymous lists", ANONYMOUS, check(LIST, PUBLIC), R.BUCKET_ACL_ALLOW),
    ("anonymous writes", ANONYMOUS, check(WRITE, PUBLIC), R.ANONYMOUS),
    ("anonymous writes where all may", ANONYMOUS, check(WRITE, OPEN), R.BUCKET_ACL_ALLOW),
    ("anonymous reads where all may write", ANONYMOUS, check(READ, OPEN), R.BUCKET_ACL_ALLOW),
    ("anonymous never manages by ACL", ANONYMOUS, check(MANAGE, OPEN), R.ANONYMOUS),
    ("anonymous by bucket policy", ANONYMOUS, check(READ, LETS_IN), R.BUCKET_POLICY_ALLOW),
    ("anonymous lists by bucket policy", ANONYMOUS, check(LIST, LETS_IN), R.BUCKET_POLICY_ALLOW),
    ("anonymous writes by bucket policy", ANONYMOUS, check(WRITE, LETS_IN), R.BUCKET_POLICY_ALLOW),
    ("anonymous never manages by bucket policy", ANONYMOUS, check(MANAGE, LETS_IN), R.ANONYMOUS),
    (
        "anonymous reads an object's tags by bucket policy",
        ANONYMOUS,
        msgspec.structs.replace(check(MANAGE, LETS_IN), resource=f"acs:oss:*:{OWNER}:b/k"),
        R.BUCKET_POLICY_ALLOW,
    ),
    ("anonymous management denied", ANONYMOUS, check(MANAGE, KEEPS_OUT), R.BUCKET_POLICY_DENY),
    (
        "another account manages by bucket policy for everyone",
        FOREIGN_ROOT,
        check(MANAGE, LETS_IN),
        R.BUCKET_POLICY_ALLOW,
    ),
    (
        "anonymous denied by bucket policy",
        ANONYMOUS,
        check(READ, facts(EVERYONE_OUT, acl=Acl.PUBLIC_READ)),
        R.BUCKET_POLICY_DENY,
    ),
    # object ACL
    (
        "object ACL opens a private bucket",
        ANONYMOUS,
        check(READ, object_acl=Acl.PUBLIC_READ),
        R.OBJECT_ACL_ALLOW,
    ),
    (
        "object ACL closes a public bucket",
        ANONYMOUS,
        check(READ, PUBLIC, object_acl=Acl.PRIVATE),
        R.ANONYMOUS,
    ),
    (
        "default object ACL follows the bucket",
        ANONYMOUS,
        check(READ, PUBLIC, object_acl=Acl.DEFAULT),
        R.BUCKET_ACL_ALLOW,
    ),
    (
        "object ACL does not open writing",
        ANONYMOUS,
        check(WRITE, object_acl=Acl.PUBLIC_READ),
        R.ANONYMOUS,
    ),
    (
        "object ACL opens writing",
        ANONYMOUS,
        check(WRITE, object_acl=Acl.PUBLIC_READ_WRITE),
        R.OBJECT_ACL_ALLOW,
    ),
    (
        "object ACL says nothing of listing",
        ANONYMOUS,
        check(LIST, object_acl=Acl.PUBLIC_READ),
        R.ANONYMOUS,
    ),
    # Block Public Access
    ("blocked bucket ACL", ANONYMOUS, check(READ, BLOCKED), R.ANONYMOUS),
    (
        "blocked object ACL",
        ANONYMOUS,
        check(READ, facts(blocked=True), object_acl=Acl.PUBLIC_READ),
        R.ANONYMOUS,
    ),
    (
        "blocked public policy",
        ANONYMOUS,
        check(READ, facts(EVERYONE_IN, blocked=True)),
        R.ANONYMOUS,
    ),
    (
        "blocked, named caller",
        FOREIGN_ROOT,
        check(READ, facts(allow("oss:*", Principal=[OTHER]), blocked=True)),
        R.BUCKET_POLICY_ALLOW,
    ),
]

ALLOWING = {
    R.OWNER,
    R.IDENTITY_POLICY_ALLOW,
    R.BUCKET_POLICY_ALLOW,
    R.OBJECT_ACL_ALLOW,
    R.BUCKET_ACL_ALLOW,
}


@pytest.mark.parametrize(
    ("principal", "asked", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_decisions(principal: Principal, asked: AccessCheck, reason: DecisionReason) -> None:
    decision = authorise(principal, asked)
    assert decision.reason is reason
    assert decision.allowed is (reason in ALLOWING)
    assert bool(decision.message) is not decision.allowed


def test_every_reason_has_a_row() -> None:
    assert {row[3] for row in ROWS} == set(DecisionReason)


def test_the_statement_that_decided_is_named() -> None:
    by_ram = authorise(a_user(FULL), check(READ)).statement
    assert by_ram is not None
    assert by_ram.describe() == "Allow statement 0 of RAM policy full"
    by_bucket = authorise(a_user(FULL), check(READ, facts(EVERYONE_IN, EVERYONE_OUT))).statement
    assert by_bucket is not None
    assert by_bucket.describe() == "Deny statement 1 of bucket policy b"


def of_service(action: str) -> AccessCheck:
    return AccessCheck(
        action=action, resource=f"acs:oss:*:{OWNER}:*", operation=MANAGE, bucket=None
    )


def test_calls_on_the_service_belong_to_the_callers_account() -> None:
    asked = of_service("oss:ListBuckets")
    assert authorise(ROOT, asked).reason is R.OWNER
    assert authorise(a_user(FULL), asked).reason is R.IDENTITY_POLICY_ALLOW
    assert authorise(a_user(), asked).message == "You are forbidden to list buckets."
    assert authorise(a_user(), of_service("oss:PutBucket")).message == "AccessDenied"
    assert authorise(ANONYMOUS, asked).reason is R.ANONYMOUS


ACL_TEXT = "You have no right to access this object because of bucket acl."
POLICY_TEXT = "Access denied by bucket policy."
SESSION_TEXT = "Access denied by authorizer's policy."

TEXTS: list[tuple[str, Principal, AccessCheck, str, str]] = [
    ("ACL, anonymous", ANONYMOUS, check(READ), "0003-00000001", ACL_TEXT),
    ("ACL, other account", FOREIGN_ROOT, check(WRITE), "0003-00000001", ACL_TEXT),
    (
        "ACL, Block Public Access",
        ANONYMOUS,
        check(READ, facts(blocked=True)),
        "0003-00000001",
        ACL_TEXT,
    ),
    ("bucket policy Deny", FOREIGN_ROOT, check(READ, KEEPS_OUT), "0003-00000101", POLICY_TEXT),
    ("RAM Deny", a_user(NEVER), check(READ), "0003-00000201", POLICY_TEXT),
    ("no RAM Allow", a_user(), check(MANAGE), "0003-00000202", "AccessDenied"),
    ("no RAM Allow, data", a_user(), check(READ), "0003-00000202", ACL_TEXT),
    ("both deny", a_user(NEVER), check(READ, KEEPS_OUT), "0003-00000203", POLICY_TEXT),
    ("batch, RAM", a_user(NEVER), check(WRITE, batch=True), "0003-00000204", POLICY_TEXT),
    (
        "batch, bucket policy",
        FOREIGN_ROOT,
        check(WRITE, KEEPS_OUT, batch=True),
        "0003-00000204",
        POLICY_TEXT,
    ),
    ("batch without a Deny", a_user(), check(WRITE, batch=True), "0003-00000202", ACL_TEXT),
    (
        "session",
        a_role(FULL, narrowed=session_policy(allow("oss:PutObject"))),
        check(READ),
        "0003-00000301",
        SESSION_TEXT,
    ),
    (
        "foreign bucket",
        FOREIGN_ROOT,
        check(MANAGE),
        "0003-00000905",
        "The bucket you access does not belong to you.",
    ),
    (
        "anonymous manages",
        ANONYMOUS,
        check(MANAGE),
        "",
        "Anonymous access is forbidden for this operation.",
    ),
    ("no RAM Allow, listing", a_user(), check(LIST), "0003-00000202", ACL_TEXT),
    (
        "anonymous lists",
        ANONYMOUS,
        check(LIST),
        "0003-00000001",
        "Anonymous user has no right to access this bucket.",
    ),
]


@pytest.mark.parametrize(
    ("principal", "asked", "ec", "message"), [row[1:] for row in TEXTS], ids=[r[0] for r in TEXTS]
)
def test_denials_carry_number_and_message(
    principal: Principal, asked: AccessCheck, ec: str, message: str
) -> None:
    decision = authorise(principal, asked)
    assert not decision.allowed
    assert (decision.ec, decision.message) == (ec, message)


@pytest.mark.parametrize("principal", [ANONYMOUS, FOREIGN_ROOT, a_user()])
@pytest.mark.parametrize("action", ["oss:GetObjectAcl", "oss:GetObjectVersionAcl"])
def test_reading_an_acl_has_a_number_of_its_own(principal: Principal, action: str) -> None:
    asked = AccessCheck(
        action=action, resource="acs:oss:*:1000:b/k", operation=MANAGE, bucket=facts()
    )
    decision = authorise(principal, asked)
    assert decision.ec == "0003-00000007"
    assert decision.message == "You have no right to access this object."


def detail_of(decision: Decision) -> tuple[str, ...]:
    assert not decision.allowed
    return tuple(decision.denied_detail.values())


IDENTITY_TYPE = "AccountLevelIdentityBasedPolicy"


def test_ram_identities_learn_details_of_what_their_own_policies_refuse() -> None:
    refused = authorise(a_user(NEVER), check(READ))
    assert list(refused.denied_detail) == [
        "PolicyType",
        "AuthPrincipalOwnerId",
        "AuthPrincipalType",
        "AuthPrincipalDisplayName",
        "NoPermissionType",
        "AuthAction",
    ]
    user = (OWNER, "SubUser", "100077")
    role = (OWNER, "AssumedRoleUser", "300:sess")
    assert detail_of(refused) == (IDENTITY_TYPE, *user, "ExplicitDeny", "oss:GetObject")
    assert detail_of(authorise(a_user(), check(MANAGE))) == (
        IDENTITY_TYPE,
        *user,
        "ImplicitDeny",
        "oss:GetBucketInfo",
    )
    narrowed = a_role(FULL, narrowed=session_policy(allow("oss:PutObject")))
    assert detail_of(authorise(narrowed, check(READ))) == (
        "SessionPolicy",
        *role,
        "ImplicitDeny",
        "oss:GetObject",
    )


@pytest.mark.parametrize(
    ("principal", "bucket"),
    [
        (ANONYMOUS, facts()),
        (FOREIGN_ROOT, facts()),
        (a_user(FULL), KEEPS_OUT),
        (a_user(account_uid=OTHER), facts()),
    ],
)
def test_others_learn_no_details(principal: Principal, bucket: BucketFacts) -> None:
    assert detail_of(authorise(principal, check(READ, bucket))) == ()


def test_the_owner_who_is_locked_out_learns_no_details() -> None:
    decision = authorise(ROOT, check(READ, facts(deny("oss:*", Principal=[OWNER]))))
    assert decision.denied_detail == {}


@pytest.mark.parametrize(
    ("source_ip", "allowed"), [("10.0.0.1", True), ("11.0.0.1", False), ("", False)]
)
def test_an_allow_under_an_address_fails_from_elsewhere(source_ip: str, allowed: bool) -> None:
    user = a_user(ram(allow("oss:*", Condition={"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}})))
    context = {"acs:SourceIp": (source_ip,)} if source_ip else {}
    assert authorise(user, check(READ, context=context)).allowed is allowed


def test_a_secure_transport_allow_fails_over_plain_http() -> None:
    user = a_user(ram(allow("oss:*", Condition={"Bool": {"acs:SecureTransport": "true"}})))
    assert not authorise(user, check(READ, context={"acs:SecureTransport": ("false",)})).allowed
    assert authorise(user, check(READ, context={"acs:SecureTransport": ("true",)})).allowed
