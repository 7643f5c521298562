"""One right missing at a time: nothing arrives, ``explain`` names that right, giving it is enough.

Same account: the role's own policy holds the rights of both ends. Across accounts it holds those
of the source, and the destination's bucket policy the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import (
    DELETE,
    GET,
    LIST,
    PUT,
    SHANGHAI,
    TRUSTS_OSS,
    Lab,
    allow,
    bucket_policy,
    content,
    fresh,
    stack,
)
from tests.support.process import UID_A, UID_B

pytestmark = pytest.mark.conformance

AT_SOURCE = (LIST, GET)
AT_DESTINATION = (LIST, GET, PUT, DELETE)
KEY = "dir/k.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A set-up, and what it lacks: an action at one side, or (``action`` empty) something else."""

    name: str
    cross_account: bool
    side: str = ""
    action: str = ""
    versioned: bool = False


def cases() -> list[Case]:
    """Every single right of both set-ups."""
    found: list[Case] = []
    for cross_account, setup in ((False, "same-account"), (True, "cross-account")):
        for side, actions in (("source", AT_SOURCE), ("destination", AT_DESTINATION)):
            for action in actions:
                name = f"{setup} {side} {action.removeprefix('oss:')}"
                found.append(Case(name=name, cross_account=cross_account, side=side, action=action))
        found.append(
            Case(
                name=f"{setup} destination ReplicateDelete of a marker",
                cross_account=cross_account,
                side="destination",
                action=DELETE,
                versioned=True,
            )
        )
    return found


CASES = cases()
SETUPS = pytest.mark.parametrize("cross_account", [False, True], ids=["same", "cross"])


class Setup:
    """Two buckets, a role and a rule; every right can be taken and given back."""

    def __init__(self, lab: Lab, *, cross_account: bool, versioned: bool = False) -> None:
        self.lab = lab
        self.cross_account = cross_account
        self.role = fresh("SyncRole")
        self.source, self.destination = (
            lab.pair(account="b", region=SHANGHAI, versioned=versioned)
            if cross_account
            else lab.pair(versioned=versioned)
        )

    def grant(
        self, *, but: tuple[str, str] = ("", ""), trust: dict[str, object] | None = None
    ) -> None:
        """Give every right ``but`` one, a pair of side and action."""
        at = {
            "source": [a for a in AT_SOURCE if but != ("source", a)],
            "destination": [a for a in AT_DESTINATION if but != ("destination", a)],
        }
        statements = [allow(at["source"], self.source)]
        if self.cross_account:
            self.policy(bucket_policy(self.destination, at["destination"], self.role.lower()))
        else:
            statements.append(allow(at["destination"], self.destination))
        self.lab.put_role(self.role, statements, trust=trust or TRUSTS_OSS)

    def policy(self, document: str) -> None:
        """Write the destination's bucket policy as its owner."""
        self.destination.put_bucket_policy(document)

    def add_rule(self) -> str:
        """The rule under test."""
        return self.lab.add_rule(
            self.source, self.destination, sync_role_name=self.role, action_list=["ALL"]
        )

    def is_there(self) -> bool:
        """Whether a client of the destination sees the object."""
        return content(self.destination, KEY) is not None

    def note(self) -> dict[str, Any]:
        """What ``explain`` says of the rule, asked from both ends."""
        leaving = self.lab.server.explain(self.source.bucket_name, KEY)["rules"]
        leading = self.lab.server.explain(self.destination.bucket_name, KEY)["incoming"]
        assert leaving == leading
        assert len(leaving) == 1
        note: dict[str, Any] = leaving[0]
        return note

    def resource(self, side: str, action: str) -> str:
        """What the right is about: the bucket for a listing, else the object."""
        bucket = self.source if side == "source" else self.destination
        uid = UID_B if side == "destination" and self.cross_account else UID_A
        of_bucket = f"acs:oss:*:{uid}:{bucket.bucket_name}"
        return of_bucket if action == LIST else f"{of_bucket}/{KEY}"


def check_named(note: dict[str, Any], action: str, resource: str, mends: tuple[str, ...]) -> None:
    """One right is missing, it is the one that stopped the work, and there is a way to mend it."""
    assert [(each["action"], each["resource"]) for each in note["missing"]] == [(action, resource)]
    refusal = note["refusal"]
    assert refusal is not None
    assert (refusal["action"], refusal["resource"]) == (action, resource)
    for words in mends:
        assert words in refusal["remedy"]
    denied = [check for check in note["checks"] if not check["allowed"]]
    assert [(check["action"], check["resource"]) for check in denied] == [(action, resource)]


def check_well(note: dict[str, Any]) -> None:
    """Nothing is missing and nothing is left to do."""
    assert (note["standing"], note["refusal"], note["missing"]) == ("completed", None, [])
    assert note["tasks"] == []


def rights_in_words(setup: Setup, case: Case) -> tuple[str, ...]:
    """What the remedy has to name: the action, and where it has to be written."""
    if setup.cross_account and case.side == "destination":
        arn = f"arn:sts::{UID_A}:assumed-role/{setup.role.lower()}/*"
        return (case.action, f"bucket policy of {setup.destination.bucket_name}", arn)
    return (case.action, f"policy of the role {setup.role}")


@covers(
    "PutBucketReplication",
    "PutObject",
    "DeleteObject",
    "GetObject",
    "ListObjectVersions",
    "GetBucketReplication",
)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_one_missing_right(lab: Lab, case: Case) -> None:
    setup = Setup(lab, cross_account=case.cross_account, versioned=case.versioned)
    setup.grant(but=(case.side, case.action))
    deletes = case.action == DELETE
    if case.action == LIST:
        setup.source.put_object(KEY, b"history")
    rule_id = setup.add_rule()
    if case.action != LIST:
        setup.source.put_object(KEY, b"new")
    lab.settle()
    if deletes:
        assert setup.is_there()  # copying takes no right to delete
        setup.source.delete_object(KEY)
        lab.settle()
    assert setup.is_there() is deletes
    if case.action == LIST:  # it is for history alone
        setup.source.put_object("new", b"new")
        lab.settle()
        assert content(setup.destination, "new") == b"new"
    resource = setup.resource(case.side, case.action)
    check_named(setup.note(), case.action, resource, rights_in_words(setup, case))

    setup.grant()
    lab.settle()
    assert setup.is_there() is not deletes
    if case.versioned:
        assert stack(setup.destination, KEY) == stack(setup.source, KEY)
    check_well(setup.note())
    assert [rule.rule_id for rule in setup.source.get_bucket_replication().rule_list] == [rule_id]


@covers("PutBucketReplication", "ListObjectVersions", "PutObject")
def test_each_version_is_explained(lab: Lab) -> None:
    setup = Setup(lab, cross_account=True, versioned=True)
    setup.grant(but=("destination", PUT))
    setup.add_rule()
    ids = [setup.source.put_object(KEY, body).versionid for body in (b"1", b"2", b"3")]
    lab.settle()

    def standings() -> list[str]:
        name = setup.source.bucket_name
        notes = [lab.server.explain(name, KEY, version_id)["rules"][0] for version_id in ids]
        assert all(note["change"] == "put" for note in notes)
        return [note["standing"] for note in notes]

    assert standings() == ["failed", "queued", "queued"]
    queued = lab.server.explain(setup.source.bucket_name, KEY, ids[2])["rules"][0]
    assert queued["refusal"]["action"] == PUT  # why the version before it waits
    setup.grant()
    lab.settle()
    assert standings() == ["completed"] * 3
    assert stack(setup.destination, KEY) == stack(setup.source, KEY)


@covers("PutBucketReplication", "PutObject")
@SETUPS
def test_trust_withdrawn_and_given_back(lab: Lab, cross_account: bool) -> None:
    setup = Setup(lab, cross_account=cross_account)
    setup.grant()
    setup.add_rule()
    lab.settle()
    others = {"Service": ["ecs.aliyuncs.com"]}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": others}
    setup.grant(trust={"Version": "1", "Statement": [statement]})
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert not setup.is_there()
    note = setup.note()
    named = (note["refusal"]["action"], note["refusal"]["resource"], note["refusal"]["reason"])
    role_arn = f"acs:ram::{UID_A}:role/{setup.role}"
    assert named == ("sts:AssumeRole", role_arn, "role-not-assumable")
    assert "oss.aliyuncs.com" in note["refusal"]["remedy"]
    assert len(note["missing"]) == 1

    setup.grant()
    lab.settle()
    assert setup.is_there()
    check_well(setup.note())


@covers("PutBucketReplication", "PutObject")
@SETUPS
def test_denied_by_the_role_itself(lab: Lab, cross_account: bool) -> None:
    setup = Setup(lab, cross_account=cross_account)
    setup.grant()
    setup.add_rule()
    lab.settle()
    statements = [allow(AT_SOURCE, setup.source), {**allow([GET], setup.source), "Effect": "Deny"}]
    if not cross_account:
        statements.append(allow(AT_DESTINATION, setup.destination))
    lab.put_role(setup.role, statements)
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert not setup.is_there()
    note = setup.note()
    check_named(note, GET, setup.resource("source", GET), ("Remove or narrow",))
    assert f"of-{setup.role}" in note["refusal"]["statement"]

    setup.grant()
    lab.settle()
    assert setup.is_there()
    check_well(setup.note())


def all_of_destination(setup: Setup) -> list[tuple[str, str]]:
    """The rights of the other account's bucket, as explain names them."""
    return [(action, setup.resource("destination", action)) for action in AT_DESTINATION]


def written_in_capitals(setup: Setup) -> str:
    """The bucket policy with the role as its account spells it."""
    return bucket_policy(setup.destination, AT_DESTINATION, setup.role)


WRONG_POLICIES: dict[str, tuple[Callable[[Setup], str] | None, str]] = {
    "wrong case": (written_in_capitals, "in lower case"),
    "none at all": (None, "Add oss:ReplicateGet"),
}


@covers("PutBucketReplication", "PutObject")
@pytest.mark.parametrize(("document", "remedy"), WRONG_POLICIES.values(), ids=WRONG_POLICIES)
def test_bucket_policy_that_does_not_name_the_role(
    lab: Lab, document: Callable[[Setup], str] | None, remedy: str
) -> None:
    setup = Setup(lab, cross_account=True)
    lab.put_role(setup.role, [allow(AT_SOURCE, setup.source)])
    if document is not None:
        setup.policy(document(setup))
    setup.add_rule()
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert not setup.is_there()
    note = setup.note()
    missing = [(each["action"], each["resource"]) for each in note["missing"]]
    assert sorted(missing) == sorted(all_of_destination(setup))
    refusal = note["refusal"]
    assert (refusal["action"], refusal["reason"]) == (GET, "destination-read-denied")
    assert remedy in refusal["remedy"]
    assert f"assumed-role/{setup.role.lower()}/*" in refusal["remedy"]

    setup.policy(bucket_policy(setup.destination, AT_DESTINATION, setup.role.lower()))
    lab.settle()
    assert setup.is_there()
    check_well(setup.note())


@covers("PutBucketReplication", "PutObject", "DeleteBucketPolicy", "GetObject")
def test_bucket_policy_taken_away_and_given_back(lab: Lab) -> None:
    setup = Setup(lab, cross_account=True)
    setup.grant()
    setup.add_rule()
    setup.source.put_object("first", b"x")
    lab.settle()
    assert content(setup.destination, "first") == b"x"
    setup.destination.delete_bucket_policy()
    setup.source.put_object(KEY, b"new")
    lab.settle()
    assert not setup.is_there()
    setup.policy(bucket_policy(setup.destination, AT_DESTINATION, setup.role.lower()))
    lab.settle()
    assert setup.is_there()


@covers("PutBucketReplication", "PutObject", "PutBucketPolicy", "GetObject")
def test_full_access_of_the_role_is_the_source_half_only(lab: Lab) -> None:
    source, destination = lab.pair(account="b", region=SHANGHAI)
    lab.add_rule(source, destination)  # the role with AliyunOSSFullAccess
    source.put_object(KEY, b"new")
    lab.settle()
    with pytest.raises(oss2.exceptions.NoSuchKey):
        destination.get_object(KEY)
    note = lab.server.explain(source.bucket_name, KEY)["rules"][0]
    assert {each["action"] for each in note["missing"]} == set(AT_DESTINATION)
    allowed = [check["action"] for check in note["checks"] if check["allowed"]]
    assert allowed == [LIST, GET]
    destination.put_bucket_policy(bucket_policy(destination, AT_DESTINATION, "aliyunossrole"))
    lab.settle()
    assert content(destination, KEY) == b"new"
