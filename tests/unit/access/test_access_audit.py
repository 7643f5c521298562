"""The audit log: what is kept, what is found, and in which order."""

from __future__ import annotations

import pytest

from emulator.access.audit import (
    UNAUTHENTICATED,
    Audit,
    AuditFilter,
    Origin,
    PlainVerdict,
    refusal,
    stranger,
)
from emulator.access.decision import Decision, DecisionReason
from emulator.access.identity import ANONYMOUS, Principal, root_principal
from emulator.access.policy.records import Effect, PolicyKind, StatementRef
from tests.unit.access.build import a_role, a_user

OWNER = Decision(allowed=True, reason=DecisionReason.OWNER)
STATEMENT = StatementRef(PolicyKind.BUCKET, "photos", "NoReading", 2, Effect.DENY)
DENIED = Decision(
    allowed=False,
    reason=DecisionReason.BUCKET_POLICY_DENY,
    statement=STATEMENT,
    ec="0003-00000101",
    message="Access denied by bucket policy.",
    denied_detail={"AuthAction": "oss:GetObject"},
)
PHOTO = "acs:oss:oss-cn-hangzhou:1000:photos/2026/a:b.jpg"
KEY = "acs:kms:cn-hangzhou:1000:key/abc"
ANY = AuditFilter()


def origin(who: Principal, at_ms: int = 1, operation: str = "GetObject") -> Origin:
    return Origin(at_ms, who, operation, f"R{at_ms}", "127.0.0.1")


@pytest.fixture
def audit() -> Audit:
    log = Audit(10)
    root = root_principal("1000", "LTAIroot")
    log.record(origin(root, 1), "oss:GetObject", PHOTO, OWNER)
    log.record(origin(a_user(), 2), "oss:GetObject", PHOTO, DENIED)
    log.record(origin(a_role(account_uid="2000"), 3), "oss:GetObject", PHOTO, DENIED)
    log.record(origin(ANONYMOUS, 4, "ListObjects"), "oss:ListObjects", "acs:oss:x:1000:b", DENIED)
    decrypt = PlainVerdict(False, "the key is disabled", "a key policy", "0005-1")
    log.record(Origin(5, root, "replication rule-1"), "kms:Decrypt", KEY, decrypt)
    log.record(origin(root, 6, "ListBuckets"), "oss:ListBuckets", "acs:oss:*:1000:*", OWNER)
    return log


def seqs(
    audit: Audit, wanted: AuditFilter, after: int | None = None, limit: int = 100
) -> list[int]:
    return [entry.seq for entry in audit.page(wanted, after, limit).entries]


def test_an_entry_says_who_what_and_why(audit: Audit) -> None:
    entry = audit.page(ANY, 1, 1).entries[0]
    assert (entry.seq, entry.at_ms, entry.request_id, entry.peer) == (2, 2, "R2", "127.0.0.1")
    assert (entry.account, entry.principal) == ("1000", "acs:ram::1000:user/alice")
    assert (entry.kind, entry.operation, entry.action) == ("user", "GetObject", "oss:GetObject")
    assert (entry.resource, entry.bucket, entry.key) == (PHOTO, "photos", "2026/a:b.jpg")
    assert (entry.allowed, entry.reason) == (False, DecisionReason.BUCKET_POLICY_DENY.value)
    assert entry.statement == "Deny statement 2 (NoReading) of bucket policy photos"
    assert entry.ec == "0003-00000101"


def test_entries_of_other_services_and_of_nobody(audit: Audit) -> None:
    entries = audit.page(ANY, 0, 10).entries
    assert (entries[0].statement, entries[0].access_key_id) == ("", "LTAIroot")
    assert (entries[3].principal, entries[3].account) == ("anonymous", "")
    kms = entries[4]
    assert (kms.bucket, kms.key, kms.request_id) == ("", "", "")
    assert (kms.reason, kms.statement, kms.ec) == ("the key is disabled", "a key policy", "0005-1")
    assert (entries[5].bucket, entries[5].key) == ("", "")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ANY, [1, 2, 3, 4, 5, 6]),
        (AuditFilter(account="2000"), [3]),
        (AuditFilter(principal="alice"), [2]),
        (AuditFilter(principal="100077"), [2]),
        (AuditFilter(principal="LTAIroot"), [1, 5, 6]),
        (AuditFilter(principal="acs:ram::1000:root"), [1, 5, 6]),
        (AuditFilter(principal="anonymous"), [4]),
        (AuditFilter(action="oss:getobject"), [1, 2, 3]),
        (AuditFilter(action="oss:list*"), [4, 6]),
        (AuditFilter(action="ListBuckets"), [6]),
        (AuditFilter(action="replication*"), [5]),
        (AuditFilter(bucket="photos"), [1, 2, 3]),
        (AuditFilter(bucket="b"), [4]),
        (AuditFilter(bucket="photos", key="2026/*"), [1, 2, 3]),
        (AuditFilter(key="2027/*"), []),
        (AuditFilter(request_id="R3"), [3]),
        (AuditFilter(allowed=True), [1, 6]),
        (AuditFilter(allowed=False, account="1000"), [2, 5]),
    ],
)
def test_filters(audit: Audit, wanted: AuditFilter, found: list[int]) -> None:
    assert seqs(audit, wanted) == found
    assert seqs(audit, wanted, after=0) == found


def test_pages_forward_and_the_newest(audit: Audit) -> None:
    assert seqs(audit, ANY, after=2, limit=2) == [3, 4]
    assert seqs(audit, ANY, limit=2) == [5, 6]
    assert audit.page(ANY, 4, 2).is_truncated is False
    assert audit.page(ANY, 3, 2).is_truncated is True
    assert audit.page(ANY, None, 6).is_truncated is False


def test_the_log_is_bounded() -> None:
    log = Audit(3)
    assert (len(log), log.page(ANY, None, 1).oldest_seq) == (0, 0)
    for at_ms in range(1, 6):
        log.record(origin(ANONYMOUS, at_ms), "oss:GetObject", PHOTO, OWNER)
    assert len(log) == 3
    assert log.page(ANY, 0, 10).oldest_seq == 3
    assert seqs(log, ANY, after=0) == [3, 4, 5]


def test_a_log_of_nothing() -> None:
    log = Audit(0)
    log.record(origin(ANONYMOUS), "oss:GetObject", PHOTO, OWNER)
    assert seqs(log, ANY) == []


def test_a_stranger_is_known_by_the_key_they_name_and_that_is_bounded(audit: Audit) -> None:
    verdict = refusal("InvalidAccessKeyId", "No such key. " * 100, "0002-1")
    named = stranger("LTAI\udcff" + "k" * 9000, "1000")
    audit.record(origin(named, 7), "oss:GetObject", PHOTO, verdict)
    audit.record(origin(stranger(""), 8), "kms:Decrypt", "", refusal("IncompleteSignature"))
    first, second = audit.page(AuditFilter(principal=UNAUTHENTICATED), None, 10).entries
    assert first.access_key_id == "LTAI?" + "k" * 123
    assert (first.account, first.principal, first.kind) == ("1000", UNAUTHENTICATED, "anonymous")
    assert first.reason.startswith("InvalidAccessKeyId: No such key. ")
    assert (len(first.reason), first.ec, first.allowed) == (256, "0002-1", False)
    assert (second.account, second.access_key_id, second.resource) == ("", "", "")
    assert second.reason == "IncompleteSignature"
    assert len(audit.page(AuditFilter(principal="anonymous"), None, 10).entries) == 1
