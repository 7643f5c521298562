"""The policy simulator: the decision, the deciding statement, and why the others did not match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from emulator.access.decision import Acl, OperationClass
from emulator.access.identity import (
    AccessKey,
    Account,
    PolicyRef,
    PolicyType,
    RamPolicy,
    Role,
    Session,
    User,
)
from emulator.access.policy.cache import PolicyCache
from emulator.access.replication_rights import OwnBucketPolicies
from emulator.access.simulate import (
    SimulatedBucket,
    SimulatedEntry,
    Simulation,
    SimulationError,
    simulate,
)
from emulator.access.simulate_question import ExtraPolicy, Question
from tests.unit.access.build import OTHER, OWNER, TRUSTS_OSS, allow, deny, document
from tests.unit.access.identity_twin import MemoryIdentityStore

NOW = "2026-01-01T00:00:00.000Z"
LOCATION = "oss-cn-hangzhou"
SYNC = f"arn:sts::{OWNER}:assumed-role/syncrole/*"
_CLASSES = {
    "oss:getobject": OperationClass.DATA_READ,
    "oss:putobject": OperationClass.DATA_WRITE,
    "oss:listobjects": OperationClass.LIST,
}


class World:
    """A world of two accounts."""

    def __init__(self) -> None:
        self.identities = identities()
        self.own_bucket_policies = OwnBucketPolicies.IGNORE
        self.buckets = {
            "mine": SimulatedBucket(
                name="mine", owner_uid=OWNER, location=LOCATION, tags={"stage": "test"}
            ),
            "open": SimulatedBucket(
                name="open", owner_uid=OWNER, location=LOCATION, acl=Acl.PUBLIC_READ
            ),
            "theirs": SimulatedBucket(
                name="theirs",
                owner_uid=OTHER,
                location="oss-cn-shanghai",
                policy=document(
                    allow(["oss:GetObject", "oss:ReplicatePut"], "*", Principal=["100077", SYNC]),
                    deny(
                        "oss:*",
                        "*",
                        Principal=["*"],
                        Sid="Leaving",
                        Condition={"DateGreaterThan": {"acs:CurrentTime": "2027-01-01T00:00:00Z"}},
                    ),
                ),
            ),
        }
        self.entries = {("mine", "tagged"): SimulatedEntry(tags={"secret": "yes"})}

    def operation_class(self, action: str) -> OperationClass:
        return _CLASSES.get(action.lower(), OperationClass.MANAGEMENT)

    def bucket(self, name: str) -> SimulatedBucket | None:
        return self.buckets.get(name)

    def entry(self, bucket: str, key: str, version_id: str) -> SimulatedEntry | None:
        return None if version_id else self.entries.get((bucket, key))


def identities() -> MemoryIdentityStore:
    store = MemoryIdentityStore()
    store.put_account(Account(uid=OWNER))
    store.put_account(Account(uid=OTHER))
    reads = document(
        allow("oss:GetObject", "acs:oss:*:*:mine/*", Sid="Reads"),
        deny("oss:*", "*", Condition={"StringEquals": {"oss:ExistingObjectTag/secret": "yes"}}),
        allow("oss:ListBuckets", "*", Condition={"StringEquals": {"oss:BucketTag/stage": "test"}}),
    )
    custom = PolicyType.CUSTOM
    store.put_policy(RamPolicy(account_uid=OWNER, name="reads", type=custom, document=reads))
    store.put_policy(RamPolicy(account_uid=OWNER, name="broken", type=custom, document="{"))
    ref = PolicyRef(custom, "reads")
    store.put_user(User(account_uid=OWNER, name="alice", user_id="100077", policies=(ref,)))
    broken = PolicyRef(custom, "broken")
    store.put_user(User(account_uid=OWNER, name="bob", user_id="100078", policies=(broken,)))
    trusts = document(TRUSTS_OSS)
    store.put_role(
        Role(account_uid=OWNER, name="SyncRole", role_id="3", trust_policy=trusts, policies=(ref,))
    )
    store.put_access_key(AccessKey(access_key_id="LTAIroot", secret="s", account_uid=OWNER))
    store.put_session(
        Session(
            access_key_id="STS.one",
            secret="s",
            security_token="t",
            account_uid=OWNER,
            role_name="SyncRole",
            session_name="one",
            expires_ms=1,
            policy=document(allow("oss:PutObject")),
        )
    )
    return store


ALICE = f"acs:ram::{OWNER}:user/alice"
ROLE = f"acs:ram::{OWNER}:role/SyncRole"


def ask(principal: str, action: str, resource: str = "", **more: Any) -> Simulation:
    question = Question(principal=principal, action=action, resource=resource, **more)
    return simulate(World(), PolicyCache(), question, NOW)


def test_the_deciding_statement_as_it_is_written() -> None:
    said = ask(ALICE, "oss:GetObject", "mine/a.txt")
    assert (said.decision, said.code, said.ec, said.missing) == ("Allow", "", "", "")
    assert said.resource == f"acs:oss:{LOCATION}:{OWNER}:mine/a.txt"
    assert said.statement is not None
    assert said.statement.name == "Allow statement 0 (Reads) of RAM policy reads"
    assert msgspec.json.decode(said.statement.text)["Sid"] == "Reads"
    assert [each.matched for each in said.considered] == [True, False, False]
    assert said.considered[1].mismatch == "condition"
    assert said.considered[1].why.endswith("[yes], request has absent")
    assert said.considered[2].mismatch == "action"


def test_a_denial_as_oss_would_put_it() -> None:
    said = ask(ALICE, "oss:GetObject", "mine/tagged")
    assert (said.decision, said.code, said.ec) == ("Deny", "AccessDenied", "0003-00000201")
    assert said.message == "Access denied by bucket policy."
    assert said.detail["AuthPrincipalDisplayName"] == "100077"
    assert said.missing == f"oss:GetObject on acs:oss:{LOCATION}:{OWNER}:mine/tagged"
    assert said.context["oss:ExistingObjectTag/secret"] == ("yes",)
    older = ask(ALICE, "oss:GetObject", "mine/tagged", version_id="v1")
    assert older.decision == "Allow"


@pytest.mark.parametrize(
    ("principal", "shown", "decision"),
    [
        ("anonymous", "anonymous", "Deny"),
        (OWNER, f"acs:ram::{OWNER}:root", "Allow"),
        (f"acs:ram::{OWNER}:root", f"acs:ram::{OWNER}:root", "Allow"),
        (OTHER, f"acs:ram::{OTHER}:root", "Deny"),
        (ALICE, ALICE, "Allow"),
        (ROLE, f"acs:ram::{OWNER}:assumed-role/SyncRole/simulated", "Allow"),
        (
            f"acs:ram::{OWNER}:assumed-role/syncrole/x",
            f"acs:ram::{OWNER}:assumed-role/SyncRole/x",
            "Allow",
        ),
        (
            f"arn:sts::{OWNER}:assumed-role/syncrole/x",
            f"acs:ram::{OWNER}:assumed-role/SyncRole/x",
            "Allow",
        ),
        ("LTAIroot", f"acs:ram::{OWNER}:root", "Allow"),
        ("STS.one", f"acs:ram::{OWNER}:assumed-role/SyncRole/one", "Deny"),
    ],
)
def test_who_may_be_asked_about(principal: str, shown: str, decision: str) -> None:
    said = ask(principal, "oss:GetObject", "mine/a.txt")
    assert (said.principal, said.decision) == (shown, decision)


def test_a_stored_session_policy_narrows() -> None:
    said = ask("STS.one", "oss:GetObject", "mine/a.txt")
    assert said.ec == "0003-00000301"
    assert [each.kind for each in said.considered] == ["session policy"] + ["RAM policy"] * 3
    denying = document(deny("oss:*", Sid="Never"))
    said = ask("STS.one", "oss:GetObject", "mine/a", session_policy=denying)
    assert said.statement is not None
    assert said.statement.name == "Deny statement 0 (Never) of session policy one"
    assert ask(ROLE, "oss:GetObject", "mine/a", session_policy=denying).decision == "Deny"


def test_policies_that_are_not_stored_yet() -> None:
    more = ExtraPolicy(name="more", document=document(allow("oss:PutObject")))
    assert ask(ALICE, "oss:PutObject", "mine/a").decision == "Deny"
    said = ask(ALICE, "oss:PutObject", "mine/a", policies=(more,))
    assert said.statement is not None
    assert (said.decision, said.statement.policy) == ("Allow", "more")
    instead = document(deny("oss:*", "*", Principal=["100077"]))
    said = ask(ALICE, "oss:GetObject", "mine/a", bucket_policy=instead)
    assert (said.decision, said.ec) == ("Deny", "0003-00000101")
    assert ask(ALICE, "oss:GetObject", "theirs/a", bucket_policy="").decision == "Deny"


def test_another_accounts_bucket() -> None:
    said = ask(ALICE, "oss:GetObject", "theirs/a")
    assert (said.decision, len(said.notes)) == ("Allow", 1)
    assert "does not reach it" in said.notes[0]
    late = {"acs:CurrentTime": "2027-06-01T00:00:00Z"}
    said = ask(ALICE, "oss:GetObject", "theirs/a", context=late)
    assert said.statement is not None
    assert said.statement.name == "Deny statement 1 (Leaving) of bucket policy theirs"


def test_acls_of_the_operation() -> None:
    assert ask("anonymous", "oss:GetObject", "open/a").reason == "the bucket ACL allows it"
    assert ask("anonymous", "oss:PutObject", "open/a").decision == "Deny"
    assert ask("anonymous", "oss:GetBucketAcl", "open").decision == "Deny"


def test_context_that_is_given() -> None:
    needs_vpc = document(
        allow("oss:PutObject", Condition={"StringLike": {"acs:SourceVpc": "vpc-*"}}),
        deny("oss:*", Condition={"NotIpAddress": {"acs:SourceIp": "127.0.0.0/8"}}),
    )
    extra = (ExtraPolicy(name="vpc", document=needs_vpc),)

    def decision(context: Mapping[str, str | list[str]]) -> str:
        return ask(ALICE, "oss:PutObject", "mine/a", policies=extra, context=context).decision

    assert decision({}) == "Deny"
    assert decision({"acs:SourceVpc": "vpc-1"}) == "Allow"
    assert decision({"acs:SourceVpc": ["vpc-1"], "acs:SourceIp": "10.0.0.1"}) == "Deny"
    assert decision({"acs:SourceVpc": "vpc-1", "acs:SourceIp": []}) == "Deny"


def test_the_service_and_other_services() -> None:
    said = ask(ALICE, "oss:ListBuckets", context={"oss:BucketTag/stage": "test"})
    assert (said.decision, said.resource) == ("Allow", f"acs:oss:*:{OWNER}:*")
    assert ask(OWNER, "oss:ListBuckets", f"acs:oss:*:{OWNER}:*").decision == "Allow"
    assert ask(OTHER, "oss:GetObject", "acs:oss:::mine/a").decision == "Deny"
    assert ask(OWNER, "oss:PutBucket", "new-bucket").resource == f"acs:oss:*:{OWNER}:new-bucket"
    said = ask(ALICE, "kms:Decrypt", "acs:kms:cn-hangzhou::key/k")
    assert (said.decision, said.resource) == ("Deny", f"acs:kms:cn-hangzhou:{OWNER}:key/k")
    assert "key policies" in said.notes[0]
    assert ask(OWNER, "ram:ListUsers").decision == "Allow"


def test_a_sync_role_is_judged_as_replication_does() -> None:
    said = ask(ROLE, "oss:ReplicatePut", "theirs/a")
    assert (said.decision, said.reason) == ("Allow", "the bucket policy allows it")
    assert said.context == {"acs:CurrentTime": (NOW,), "acs:SecureTransport": ("true",)}
    said = ask(ROLE, "oss:ReplicatePut", "mine/a")
    assert (said.decision, said.message) == (
        "Deny",
        f"oss:ReplicatePut on acs:oss:*:{OWNER}:mine/a: no policy of the role allows it; "
        "Allow statement 0 (Reads) of RAM policy reads would, but its Action has oss:GetObject, "
        "asked was oss:ReplicatePut",
    )
    assert said.remedy.startswith("Add oss:ReplicatePut")
    assert {each.kind for each in said.considered} == {"RAM policy"}
    world = World()
    world.own_bucket_policies = OwnBucketPolicies.DENY_WINS
    denies = document(deny("oss:*", "*", Principal=[SYNC]))
    question = Question(
        principal=ROLE, action="oss:ReplicateGet", resource="mine/a", bucket_policy=denies
    )
    said = simulate(world, PolicyCache(), question, NOW)
    assert said.statement is not None
    assert said.statement.kind == "bucket policy"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"principal": "9999"}, "principal"),
        ({"principal": f"acs:ram::{OWNER}:user/carol"}, "principal"),
        ({"principal": f"acs:ram::{OWNER}:role/NoRole"}, "principal"),
        ({"principal": "acs:ram::9999:root"}, "principal"),
        ({"principal": "LTAInobody"}, "principal"),
        ({"principal": f"acs:ram::{OWNER}:user/bob"}, "principal"),
        ({"action": "GetObject"}, "action"),
        ({"action": "oss:Get*"}, "action"),
        ({"resource": "nowhere/a"}, "resource"),
        ({"resource": "mi*"}, "resource"),
        ({"resource": "/a"}, "resource"),
        ({"resource": "acs:oss:*:*:m?ne/a"}, "resource"),
        ({"resource": "acs:oss:*:1000"}, "resource"),
        ({"resource": "acs:oss:*:1000:"}, "resource"),
        ({"resource": f"acs:oss:*:{OTHER}:mine/a"}, "resource"),
        ({"resource": "acs:kms:*:1000:key/k"}, "resource"),
        ({"action": "kms:Decrypt", "resource": "key/k"}, "resource"),
        ({"policies": (ExtraPolicy(name="x", document="{"),)}, "policies[0].document"),
        ({"policies": (ExtraPolicy(name="reads", document="{}"),)}, "policies[0].name"),
        ({"principal": OWNER, "policies": (ExtraPolicy(name="x", document="{}"),)}, "policies"),
        ({"session_policy": document(allow("oss:*"))}, "session_policy"),
        ({"principal": ROLE, "session_policy": "[]"}, "session_policy"),
        ({"bucket_policy": "{}"}, "bucket_policy"),
        ({"resource": "", "bucket_policy": document()}, "bucket_policy"),
    ],
)
def test_questions_that_make_no_sense(fields: Mapping[str, Any], path: str) -> None:
    asked: dict[str, Any] = {"principal": ALICE, "action": "oss:GetObject", "resource": "mine/a"}
    asked.update(fields)
    with pytest.raises(SimulationError) as caught:
        ask(**asked)
    assert caught.value.path == path
    assert str(caught.value).endswith(f" - at `$.{path}`")


def test_who_may_take_a_role_on() -> None:
    world, cache = World(), PolicyCache()
    trusts = TRUSTS_OSS | {
        "Principal": {"Service": ["oss.aliyuncs.com"], "RAM": [ALICE]},
        "Condition": {"StringEquals": {"sts:ExternalId": "x"}},
    }
    world.identities.put_role(
        Role(account_uid=OWNER, name="careful", role_id="4", trust_policy=document(trusts))
    )
    may = ExtraPolicy(name="may", document=document(allow("sts:AssumeRole")))

    def said(principal: str, role: str, **more: Any) -> Simulation:
        resource = f"acs:ram::{OWNER}:role/{role}"
        question = Question(principal=principal, action="sts:AssumeRole", resource=resource, **more)
        return simulate(world, cache, question, NOW)

    trusted = said("oss.aliyuncs.com", "syncrole")
    assert (trusted.decision, trusted.principal) == ("Allow", "oss.aliyuncs.com")
    assert trusted.statement is not None
    assert (trusted.statement.kind, trusted.statement.policy) == ("trust policy", "SyncRole")
    refused = said("oss.aliyuncs.com", "careful")
    assert (refused.decision, refused.code) == ("Deny", "NoPermission")
    assert refused.reason.endswith("sts:ExternalId [x] does not hold: OSS has no sts:ExternalId")
    assert [each.mismatch for each in refused.considered] == ["condition"]
    assert said("ecs.aliyuncs.com", "SyncRole").considered[0].mismatch == "principal"
    given = {"sts:ExternalId": "x"}
    assert said("oss.aliyuncs.com", "careful", context=given).decision == "Allow"

    assert "authorized by RAM" in said(ALICE, "careful").message
    assert said(ALICE, "careful", policies=(may,)).reason.endswith("no sts:ExternalId")
    allowed = said(ALICE, "careful", policies=(may,), context=given)
    assert allowed.decision == "Allow"
    assert [each.kind for each in allowed.considered][-2:] == ["RAM policy", "trust policy"]
    assert said(OWNER, "SyncRole").reason == "Roles may not be assumed by root accounts."


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"resource": f"acs:ram::{OWNER}:role/none"}, "resource"),
        ({"resource": f"acs:ram::{OWNER}:role/broken"}, "resource"),
        ({"bucket_policy": "{}"}, "bucket_policy"),
        ({"session_policy": "{}"}, "policies"),
        ({"principal": "anonymous"}, "principal"),
    ],
)
def test_questions_about_roles_that_make_no_sense(fields: Mapping[str, Any], path: str) -> None:
    world = World()
    world.identities.put_role(Role(account_uid=OWNER, name="broken", role_id="5", trust_policy="{"))
    asked: dict[str, Any] = {
        "principal": "oss.aliyuncs.com",
        "action": "sts:AssumeRole",
        "resource": ROLE,
    }
    with pytest.raises(SimulationError) as caught:
        simulate(world, PolicyCache(), Question(**{**asked, **fields}), NOW)
    assert caught.value.path == path
