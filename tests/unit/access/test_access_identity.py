"""From an access key to a principal, and what the identity port promises."""

from __future__ import annotations

import pytest

from emulator.access.credentials import Credential, find_credential, principal_of
from emulator.access.identity import (
    ANONYMOUS,
    AccessKey,
    Account,
    PolicyRef,
    PolicyType,
    Principal,
    PrincipalKind,
    RamPolicy,
    Role,
    Session,
    User,
)
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.document import parse_policy
from emulator.access.policy.evaluate import Outcome, PolicyRequest, evaluate
from emulator.access.policy.records import Caller, NamedPolicy, PolicyKind
from emulator.access.system_policies import SYSTEM_POLICY_NAMES, policy_ref, system_policy
from tests.unit.access.build import TRUSTS_OSS, allow, document
from tests.unit.access.identity_twin import MemoryIdentityStore

UID = "1000"
FULL_ACCESS = PolicyRef(PolicyType.SYSTEM, "AliyunOSSFullAccess")
CUSTOM = PolicyRef(PolicyType.CUSTOM, "narrow")


def a_store() -> MemoryIdentityStore:
    store = MemoryIdentityStore()
    store.put_account(Account(uid=UID, display_name="account-a"))
    store.put_access_key(AccessKey(access_key_id="LTAIroot", secret="s1", account_uid=UID))
    store.put_user(User(account_uid=UID, name="Alice", user_id="77"))
    store.put_access_key(
        AccessKey(
            access_key_id="LTAIalice", secret="s2", account_uid=UID, user_name="alice", active=False
        )
    )
    store.put_policy(
        RamPolicy(
            account_uid=UID,
            name="narrow",
            type=PolicyType.CUSTOM,
            document=document(allow("oss:GetObject")),
        )
    )
    store.put_role(
        Role(
            account_uid=UID,
            name="SyncRole",
            role_id="300",
            trust_policy=document(TRUSTS_OSS),
            policies=(FULL_ACCESS, CUSTOM),
        )
    )
    store.put_session(a_session())
    return store


def a_session(policy: str | None = None) -> Session:
    return Session(
        access_key_id="STS.abc",
        secret="s3",
        security_token="CAIS",
        account_uid=UID,
        role_name="syncrole",
        session_name="sess",
        expires_ms=1_000,
        policy=policy,
    )


def credential(store: IdentityStore, access_key_id: str) -> Credential:
    found = find_credential(store, access_key_id)
    assert found is not None
    return found


def principal(store: IdentityStore, access_key_id: str) -> Principal:
    found = principal_of(store, PolicyCache(), credential(store, access_key_id))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("access_key_id", "secret", "token", "expires_ms", "active"),
    [
        ("LTAIroot", "s1", "", None, True),
        ("LTAIalice", "s2", "", None, False),
        ("STS.abc", "s3", "CAIS", 1_000, True),
    ],
)
def test_a_credential_has_what_a_signature_check_needs(
    access_key_id: str, secret: str, token: str, expires_ms: int | None, active: bool
) -> None:
    found = credential(a_store(), access_key_id)
    assert found.access_key_id == access_key_id
    assert (found.secret, found.security_token) == (secret, token)
    assert (found.expires_ms, found.active) == (expires_ms, active)


@pytest.mark.parametrize("access_key_id", ["", "LTAINONE", "ltairoot", "STS.", "STS.ABC"])
def test_an_unknown_key_has_no_credential(access_key_id: str) -> None:
    assert find_credential(a_store(), access_key_id) is None


def test_a_key_without_user_stands_for_the_account() -> None:
    who = principal(a_store(), "LTAIroot")
    assert who.kind is PrincipalKind.ROOT
    assert who.arn == "acs:ram::1000:root"
    assert (who.account_uid, who.principal_id) == (UID, UID)
    assert who.access_key_id == "LTAIroot"
    assert who.caller == Caller(names=(UID,))


def test_a_key_of_a_user_stands_for_the_user_with_its_policies() -> None:
    store = a_store()
    store.attach_to_user(UID, "ALICE", CUSTOM)
    who = principal(store, "LTAIalice")
    assert who.kind is PrincipalKind.USER
    assert who.arn == "acs:ram::1000:user/Alice"
    assert who.principal_id == "77"
    assert [one.name for one in who.identity_policies] == ["narrow"]
    assert who.caller == Caller(names=(UID, "77"))


def test_temporary_credentials_stand_for_the_role_as_it_is_now() -> None:
    store = a_store()
    who = principal(store, "STS.abc")
    assert who.kind is PrincipalKind.ROLE
    assert who.arn == "acs:ram::1000:assumed-role/SyncRole/sess"
    assert who.principal_id == "300:sess"
    assert [one.name for one in who.identity_policies] == ["AliyunOSSFullAccess", "narrow"]
    assert who.session_policy is None
    assert who.caller.role == "arn:sts::1000:assumed-role/syncrole/sess"
    role = store.role(UID, "SyncRole")
    assert role is not None
    store.put_role(
        Role(account_uid=UID, name=role.name, role_id="300", trust_policy=role.trust_policy)
    )
    assert principal(store, "STS.abc").identity_policies == ()


def test_a_session_policy_comes_along() -> None:
    store = a_store()
    store.put_session(a_session(document(allow("oss:GetObject"))))
    narrowed = principal(store, "STS.abc").session_policy
    assert narrowed is not None
    assert narrowed.policy.kind is PolicyKind.SESSION


def test_a_deleted_role_or_user_voids_its_keys() -> None:
    store = a_store()
    session, key = credential(store, "STS.abc"), credential(store, "LTAIalice")
    store.delete_role(UID, "SyncRole")
    store.delete_user(UID, "Alice")
    assert principal_of(store, PolicyCache(), session) is None
    assert principal_of(store, PolicyCache(), key) is None


def test_the_anonymous_principal_has_no_name() -> None:
    assert ANONYMOUS.caller == Caller()


def test_names_are_compared_without_case_and_shown_as_written() -> None:
    store: IdentityStore = a_store()
    role, user = store.role(UID, "SYNCROLE"), store.user(UID, "aLICE")
    assert role is not None
    assert role.name == "SyncRole"
    assert role.arn == "acs:ram::1000:role/SyncRole"
    assert user is not None
    assert user.name == "Alice"
    assert store.role("2000", "SyncRole") is None


def test_attaching_twice_changes_nothing() -> None:
    store = a_store()
    before = store.identity_version()
    store.attach_to_role(UID, "syncrole", CUSTOM)
    assert store.identity_version() == before
    role = store.role(UID, "SyncRole")
    assert role is not None
    assert role.policies == (FULL_ACCESS, CUSTOM)


def test_writing_needs_what_it_belongs_to() -> None:
    store = a_store()
    for name in ("Bob", ""):
        with pytest.raises(LookupError):
            store.attach_to_role(UID, name, CUSTOM)
    with pytest.raises(LookupError):
        store.put_user(User(account_uid="2000", name="x", user_id="1"))
    fixed = system_policy("AdministratorAccess")
    assert fixed is not None
    with pytest.raises(ValueError, match="AdministratorAccess"):
        store.put_policy(fixed)


OBJECT = "acs:oss:*:1:b/k"
KEY = "acs:kms:cn-hangzhou:1:key/k"

SYSTEM: list[tuple[str, str, str, bool]] = [
    ("AdministratorAccess", "ecs:DescribeInstances", "acs:ecs:r:1:instance/i", True),
    ("AliyunOSSFullAccess", "oss:DeleteBucket", "acs:oss:*:1:b", True),
    ("AliyunOSSFullAccess", "oss:ReplicatePut", OBJECT, True),
    ("AliyunOSSFullAccess", "kms:Decrypt", KEY, False),
    ("AliyunOSSReadOnlyAccess", "oss:GetObject", OBJECT, True),
    ("AliyunOSSReadOnlyAccess", "oss:ListObjects", "acs:oss:*:1:b", True),
    ("AliyunOSSReadOnlyAccess", "oss:PutObject", OBJECT, False),
    ("AliyunOSSReadOnlyAccess", "oss:ReplicateGet", OBJECT, False),
    ("AliyunSTSAssumeRoleAccess", "sts:AssumeRole", "acs:ram::1:role/r", True),
    ("AliyunSTSAssumeRoleAccess", "ram:GetRole", "acs:ram::1:role/r", False),
    ("AliyunRAMFullAccess", "ram:CreateRole", "acs:ram:*:1:role/r", True),
    ("AliyunRAMFullAccess", "sts:AssumeRole", "acs:ram::1:role/r", False),
    ("AliyunKMSFullAccess", "kms:CreateKey", "acs:kms:r:1:key", True),
    ("AliyunKMSFullAccess", "ram:CreateServiceLinkedRole", "acs:ram:*:1:role/r", False),
    ("AliyunKMSCryptoUserAccess", "kms:GenerateDataKey", KEY, True),
    ("AliyunKMSCryptoUserAccess", "kms:Decrypt", KEY, True),
    ("AliyunKMSCryptoUserAccess", "kms:DisableKey", KEY, False),
    ("AliyunKMSCryptoAdminAccess", "kms:DisableKey", KEY, True),
    ("AliyunKMSCryptoAdminAccess", "kms:CreateKey", "acs:kms:r:1:key", True),
    ("AliyunKMSCryptoAdminAccess", "kms:CreateAlias", "acs:kms:r:1:alias/a", True),
    ("AliyunKMSCryptoAdminAccess", "kms:GetSecretValue", "acs:kms:r:1:secret/s", False),
]


@pytest.mark.parametrize(("name", "action", "resource", "allowed"), SYSTEM)
def test_system_policies_allow_what_their_names_say(
    name: str, action: str, resource: str, allowed: bool
) -> None:
    policy = system_policy(name.lower())
    assert policy is not None
    assert (policy.name, policy.type, policy.account_uid) == (name, PolicyType.SYSTEM, "")
    named = NamedPolicy(name, parse_policy(policy.document, PolicyKind.RAM))
    said = evaluate((named,), PolicyRequest(action, resource))
    assert (said.effect is Outcome.ALLOW) is allowed


def test_full_kms_access_creates_the_service_linked_roles_of_kms_alone() -> None:
    policy = system_policy("AliyunKMSFullAccess")
    assert policy is not None
    named = NamedPolicy(policy.name, parse_policy(policy.document, PolicyKind.RAM))
    for service, outcome in [
        ("keystore.kms.aliyuncs.com", Outcome.ALLOW),
        ("oss.aliyuncs.com", Outcome.IMPLICIT_DENY),
    ]:
        request = PolicyRequest(
            "ram:CreateServiceLinkedRole",
            "acs:ram:*:1:role/r",
            {"ram:ServiceName": (service,)},
        )
        assert evaluate((named,), request).effect is outcome


def test_every_system_policy_has_a_row() -> None:
    assert {row[0] for row in SYSTEM} == set(SYSTEM_POLICY_NAMES)


def test_a_bare_name_means_the_system_policy_if_there_is_one() -> None:
    assert policy_ref("AliyunOSSFullAccess") == FULL_ACCESS
    assert policy_ref("narrow") == CUSTOM
    assert system_policy("narrow") is None
