"""The documentation's set-ups for encrypted objects, made with real clients alone.

Two accounts and their keys are there and nothing else; buckets, roles, policies, keys of the key
service and rules are made by their clients. Then one thing at a time is taken away with the client
its owner would use, and given back. Numbers are those of the behaviours.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import oss2
import pytest

from tests.support.covers import covers
from tests.support.kms_lacks import (
    DECRYPT,
    GENERATE,
    KEY_RIGHTS,
    AnyLack,
    KeyLack,
    KeyPart,
    KmsKind,
    every_lack_of,
)
from tests.support.kms_setups import SSE, SSE_KEY, KmsSetup
from tests.support.lab import DELETE, LIST, Lab, content
from tests.support.process import EmulatorProcess
from tests.support.ram_setups import (
    ACCOUNTS_ONLY,
    FAMILIES,
    KEY,
    RULE_CLIENTS,
    Services,
    right_of,
    start_accounts,
)

pytestmark = pytest.mark.conformance

WHOLE = list(itertools.product(KmsKind, FAMILIES, RULE_CLIENTS))
_CLIENTS = itertools.cycle([("tea", "oss2"), ("core", "v2"), ("tea", "v2"), ("core", "oss2")])
LACKING = [(kind, lack, *next(_CLIENTS)) for kind in KmsKind for lack in every_lack_of(kind)]


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """Two accounts and their keys, in memory, on a virtual clock."""
    with start_accounts("oss.buckets_max=1000") as process:
        process.load_world(json.dumps(ACCOUNTS_ONLY))
        yield process
        assert process.errors() == ""  # nothing failed behind an answer


@pytest.fixture(scope="module")
def services(server: EmulatorProcess) -> Iterator[Services]:
    """The clients of RAM and KMS."""
    made = Services(server)
    yield made
    made.close()


@pytest.fixture
def own(server: EmulatorProcess) -> Iterator[Lab]:
    """A lab whose work that is refused for ever does not follow other tests."""
    made = Lab(server)
    yield made
    made.clear()


def built(lab: Lab, services: Services, kind: KmsKind, family: str = "tea") -> KmsSetup:
    """A whole set-up, but for the rule."""
    setup = KmsSetup(lab, services, kind, family)
    setup.build()
    return setup


def check_well(setup: KmsSetup) -> None:
    """Nothing is missing and nothing is left to do."""
    note = setup.note()
    assert (note["standing"], note["refusal"], note["missing"]) == ("completed", None, [])
    assert note["tasks"] == []
    assert all(each["allowed"] for each in note["checks"])


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject", "HeadObject", "GetObject")
@pytest.mark.parametrize(
    ("kind", "family", "client"), WHOLE, ids=[f"{k.value} {f} {c}" for k, f, c in WHOLE]
)
def test_whole_setup(own: Lab, services: Services, kind: KmsKind, family: str, client: str) -> None:
    setup = built(own, services, kind, family)
    setup.put("history", b"old")
    setup.add_kms_rule(client)
    own.settle()
    setup.put(KEY, b"new")
    own.settle()
    assert content(setup.destination, "history") == b"old"
    assert content(setup.destination, KEY) == b"new"
    headers = setup.destination.head_object(KEY).headers
    assert (headers[SSE], headers[SSE_KEY]) == ("KMS", setup.ids["replica"])
    check_well(setup)
    entries = setup.audited(0)
    assert all(each["decision"] == "Allow" for each in entries)
    asked = [right_of(each) for each in entries if each["action"].startswith("kms:")]
    assert asked == [(action, setup.arns[side]) for side, action in KEY_RIGHTS] * 2


@covers("PutBucketReplication", "PutObject", "AppendObject", "InitiateMultipartUpload")
@pytest.mark.parametrize("default", ["AES256", "KMS", "key"])
@pytest.mark.parametrize("kind", [KmsKind.SAME_KEY_POLICIES, KmsKind.CROSS_CUSTOM])
def test_what_is_not_under_a_key(own: Lab, services: Services, kind: KmsKind, default: str) -> None:
    setup = built(own, services, kind)
    rule = oss2.models.ServerSideEncryptionRule()
    rule.sse_algorithm = default if default == "AES256" else "KMS"
    rule.kms_master_keyid = setup.ids["replica"] if default == "key" else None
    setup.destination.put_bucket_encryption(rule)
    setup.add_kms_rule("v2")
    setup.source.put_object(KEY, b"plain")
    own.settle()
    assert content(setup.destination, KEY) == b"plain"
    check_well(setup)
    asked = [right_of(each) for each in setup.audited(0) if each["action"].startswith("kms:")]
    needed = [(action, setup.arns[side]) for side, action in KEY_RIGHTS if side == "replica"]
    assert asked == (needed if default == "key" else [])


def check_named(setup: KmsSetup, lack: AnyLack, after_seq: int) -> None:
    """``explain`` and the audit log name what was taken and where, and nothing else."""
    note = setup.note()
    missing = setup.missing_any(lack)
    named = [(each["action"], each["resource"]) for each in note["missing"]]
    assert sorted(named) == sorted(missing)
    refusal = note["refusal"]
    stopped_by = (refusal["action"], refusal["resource"])
    assert stopped_by == missing[0] if isinstance(lack, KeyLack) else stopped_by in missing
    said, cure = setup.where(lack)
    assert said in refusal["message"]
    assert cure in refusal["remedy"]
    assert said in note["message"]
    denied = [(each["action"], each["resource"]) for each in note["checks"] if not each["allowed"]]
    assert sorted(denied) == sorted(missing)
    audited = setup.audited(after_seq, decision="deny")
    assert {right_of(each) for each in audited} == {stopped_by}
    assert all(setup.role in each["principal"] for each in audited)
    assert all(said in each["reason"] for each in audited)


def has_to_be_gone_before(lack: AnyLack) -> bool:
    """Whether a thing has to be taken before the rule: the right to read history is asked then,
    and under a key that cannot be used nothing can be written."""
    if isinstance(lack, KeyLack):
        return lack.side == "source" and lack.part in (KeyPart.DISABLED, KeyPart.PENDING)
    return lack.action == LIST


@covers("PutBucketReplication", "PutBucketPolicy", "PutObject", "DeleteObject", "GetObject")
@pytest.mark.parametrize(
    ("kind", "lack", "family", "client"),
    LACKING,
    ids=[f"{kind.value}: {lack}, {family} {client}" for kind, lack, family, client in LACKING],
)
def test_one_thing_taken(
    own: Lab, services: Services, kind: KmsKind, lack: AnyLack, family: str, client: str
) -> None:
    setup = built(own, services, kind, family)
    deletes, is_early = lack.action == DELETE, has_to_be_gone_before(lack)
    if deletes or is_early:
        setup.put(KEY, b"history")
    if is_early:
        setup.take_any(lack)
    after_seq = setup.audit_seq()
    rule_id = setup.add_kms_rule(client, lack)
    own.settle()
    if not is_early:
        assert setup.is_there() is deletes
        setup.take_any(lack)
        if deletes:
            setup.source.delete_object(KEY)
        else:
            setup.put(KEY, b"new")
        own.settle()
    assert setup.is_there() is deletes
    check_named(setup, lack, after_seq)
    if isinstance(lack, KeyLack):  # b81
        setup.source.put_object("plain", b"goes on")
        own.settle()
        assert content(setup.destination, "plain") == b"goes on"

    after_seq = setup.audit_seq()
    setup.give_any(lack)
    own.settle()
    assert setup.is_there() is not deletes
    check_well(setup)
    assert setup.audited(after_seq, decision="deny") == []
    assert setup.audited(after_seq, decision="allow") != []
    rules = setup.source.get_bucket_replication().rule_list
    assert [rule.rule_id for rule in rules] == [rule_id]


@covers("PutBucketReplication", "PutObject")
@pytest.mark.parametrize("by_key", [False, True], ids=["role policy", "key policy"])
@pytest.mark.parametrize(("side", "action"), KEY_RIGHTS)
@pytest.mark.parametrize("kind", [KmsKind.SAME_CRYPTO, KmsKind.CROSS_CRYPTO])
def test_a_deny_wins_and_is_named(
    own: Lab, services: Services, kind: KmsKind, side: str, action: str, by_key: bool
) -> None:
    setup = built(own, services, kind)
    statement = setup.deny(side, action, by_key=by_key)
    after_seq = setup.audit_seq()
    setup.add_kms_rule("oss2")
    setup.put()
    own.settle()
    assert not setup.is_there()
    note = setup.note()
    assert [each["statement"] for each in note["missing"]] == [statement]
    refusal = note["refusal"]
    said = (refusal["action"], refusal["resource"], refusal["statement"])
    assert said == (action, setup.arns[side], statement)
    assert refusal["remedy"] == f"Remove or narrow {statement}."
    denied = setup.audited(after_seq, decision="deny")
    assert {each["statement"] for each in denied} == {statement}
    assert {right_of(each) for each in denied} == {(action, setup.arns[side])}
    setup.undeny(side, by_key=by_key)
    own.settle()
    assert setup.is_there()
    check_well(setup)


@covers("PutBucketReplication", "PutObject")
@pytest.mark.parametrize("kind", [KmsKind.SAME_CUSTOM, KmsKind.CROSS_CUSTOM])
def test_a_key_that_is_gone(own: Lab, services: Services, kind: KmsKind) -> None:
    setup = built(own, services, kind)
    lost, kept = setup.arns["replica"], setup.ids["source"]
    setup.kms("replica", "ScheduleKeyDeletion", KeyId=lost, PendingWindowInDays=7)
    own.server.advance(8 * 86_400)
    setup.add_kms_rule("oss2")
    setup.put()
    own.settle()
    assert not setup.is_there()
    note = setup.note()
    assert [(each["action"], each["resource"]) for each in note["missing"]] == [(GENERATE, lost)]
    assert "The specified Key is not found" in note["refusal"]["message"]
    denied = setup.audited(0, decision="deny")
    assert {right_of(each) for each in denied} == {(GENERATE, lost)}
    assert {each["reason"] for each in denied} == {"The specified Key is not found"}

    setup.kms("source", "ScheduleKeyDeletion", KeyId=kept, PendingWindowInDays=7)
    own.server.advance(8 * 86_400)
    own.settle()
    note = setup.note()
    assert [(each["action"], each["resource"]) for each in note["missing"]] == [
        (DECRYPT, setup.arns["source"]),
        (GENERATE, lost),
    ]
    assert "write the object again" in note["refusal"]["remedy"]
