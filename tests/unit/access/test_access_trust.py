"""Who may take on a role."""

from __future__ import annotations

import pytest

from emulator.access.identity import Role
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.evaluate import Outcome
from emulator.access.trust import (
    OSS_SERVICE,
    ServicePrincipal,
    assumed_role_arn,
    may_assume,
    trust_policy,
)
from tests.unit.access.build import TRUSTS_OSS, Json, document, trust

ALICE = "acs:ram::1000:user/alice"
SYNC = "acs:ram::1000:role/SyncRole"


def trusting(**principal: object) -> Json:
    return {**TRUSTS_OSS, "Principal": principal}


ROWS: list[tuple[str, Json, ServicePrincipal | str, bool]] = [
    ("the service that is named", TRUSTS_OSS, OSS_SERVICE, True),
    ("another service", TRUSTS_OSS, ServicePrincipal("ecs.aliyuncs.com"), False),
    ("a user where a service is named", TRUSTS_OSS, ALICE, False),
    ("a service where an account is named", trusting(RAM="acs:ram::1000:root"), OSS_SERVICE, False),
    ("a user of the account", trusting(RAM=["acs:ram::1000:root"]), ALICE, True),
    ("a role of the account", trusting(RAM=["acs:ram::1000:root"]), SYNC, True),
    ("a user of another account", trusting(RAM=["acs:ram::2000:root"]), ALICE, False),
    ("the account itself", trusting(RAM=["acs:ram::1000:root"]), "acs:ram::1000:root", False),
    ("the user", trusting(RAM=[ALICE]), ALICE, True),
    ("another user", trusting(RAM=[ALICE]), "acs:ram::1000:user/bob", False),
    ("a user in other case", trusting(RAM=[ALICE]), "acs:ram::1000:user/Alice", False),
    ("the role", trusting(RAM=[SYNC]), SYNC, True),
    ("the role in other case", trusting(RAM=[SYNC]), SYNC.replace("Sync", "sYNC"), True),
    ("a role named as the user", trusting(RAM=[ALICE]), "acs:ram::1000:role/alice", False),
    ("a federated identity", trusting(Federated="acs:ram::1000:saml-provider/x"), ALICE, False),
    ("another action", TRUSTS_OSS | {"Action": "sts:SetSourceIdentity"}, OSS_SERVICE, False),
    ("every action", TRUSTS_OSS | {"Action": "*"}, OSS_SERVICE, True),
    ("a deny", TRUSTS_OSS | {"Effect": "Deny"}, OSS_SERVICE, False),
]


@pytest.mark.parametrize(
    ("statement", "who", "allowed"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_trust_policies(statement: Json, who: ServicePrincipal | str, allowed: bool) -> None:
    said = may_assume(trust(statement), who)
    assert (said.effect is Outcome.ALLOW) is allowed
    if allowed:
        assert said.statement is not None
        assert said.statement.describe() == "Allow statement 0 of trust policy role"


def test_a_deny_beats_the_trust() -> None:
    said = may_assume(trust(TRUSTS_OSS, TRUSTS_OSS | {"Effect": "Deny"}), OSS_SERVICE)
    assert said.effect is Outcome.EXPLICIT_DENY


def test_conditions_count() -> None:
    statement = trusting(RAM=[ALICE]) | {"Condition": {"StringEquals": {"sts:ExternalId": "x"}}}
    assert may_assume(trust(statement), ALICE).effect is Outcome.IMPLICIT_DENY
    context = {"sts:ExternalId": ("x",)}
    assert may_assume(trust(statement), ALICE, context).effect is Outcome.ALLOW


def test_the_trust_policy_of_a_role_is_parsed_under_its_name() -> None:
    role = Role(account_uid="1000", name="R", role_id="3", trust_policy=document(TRUSTS_OSS))
    named = trust_policy(role, PolicyCache())
    assert named.name == "R"
    assert may_assume(named, OSS_SERVICE).effect is Outcome.ALLOW


def test_bucket_policies_name_a_role_in_lower_case() -> None:
    arn = assumed_role_arn("1000", "AliyunOssDrsRole", "Sess")
    assert arn == "arn:sts::1000:assumed-role/aliyunossdrsrole/Sess"
