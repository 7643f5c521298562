"""What a sync role may do at both ends, and what would mend it where it may not."""

from __future__ import annotations

import pytest

from emulator.access.identity import Principal
from emulator.access.replication_rights import (
    CURRENT_TIME,
    BucketEnd,
    OwnBucketPolicies,
    RightReason,
    prepare_right,
    replication_right,
    service_context,
)
from tests.unit.access.build import (
    OTHER,
    OWNER,
    Json,
    a_role,
    allow,
    bucket_policy,
    deny,
    ram,
)

R = RightReason
PUT, GET, LIST, DELETE = (
    "oss:ReplicatePut",
    "oss:ReplicateGet",
    "oss:ReplicateList",
    "oss:ReplicateDelete",
)
SOURCE = ["acs:oss:*:*:src", "acs:oss:*:*:src/*"]
DEST = ["acs:oss:*:*:dst", "acs:oss:*:*:dst/*"]

LEAST = a_role(ram(allow([LIST, GET], SOURCE), name="replicate-src"))
FULL = a_role(ram(allow("oss:*"), name="AliyunOSSFullAccess"))
SAME = a_role(ram(allow([LIST, GET, PUT, DELETE], SOURCE + DEST), name="replicate"))
STOPPED = a_role(ram(allow("oss:*"), name="full"), ram(deny(PUT, Sid="no"), name="stop"))

SYNC_ROLE = "arn:sts::1000:assumed-role/syncrole/*"
ALL_FOUR: Json = allow([LIST, GET, PUT, DELETE], DEST, Principal=[SYNC_ROLE])


def end(name: str, *statements: Json, owner_uid: str = OWNER) -> BucketEnd:
    policy = bucket_policy(*statements, name=name) if statements else None
    return BucketEnd(name=name, owner_uid=owner_uid, policy=policy)


def foreign(*statements: Json) -> BucketEnd:
    return end("dst", *statements, owner_uid=OTHER)


SRC = end("src")
OUT: Json = deny("oss:*", Principal=["*"])

ROWS: list[tuple[str, Principal, str, BucketEnd, RightReason]] = [
    ("source, least privilege", LEAST, GET, SRC, R.ROLE_ALLOWS),
    ("source, nothing attached", a_role(), GET, SRC, R.ROLE_LACKS),
    ("source, another bucket", LEAST, GET, end("src2"), R.ROLE_LACKS),
    ("source, bucket policy denies", LEAST, GET, end("src", OUT), R.ROLE_ALLOWS),
    ("same account", SAME, PUT, end("dst"), R.ROLE_ALLOWS),
    ("same account, role lacks it", LEAST, PUT, end("dst"), R.ROLE_LACKS),
    ("same account, bucket policy denies", SAME, PUT, end("dst", OUT), R.ROLE_ALLOWS),
    ("same account, bucket policy alone", LEAST, PUT, end("dst", ALL_FOUR), R.ROLE_LACKS),
    ("same account, role denies", STOPPED, PUT, end("dst"), R.ROLE_DENIES),
    ("cross account", LEAST, PUT, foreign(ALL_FOUR), R.BUCKET_POLICY_ALLOWS),
    ("cross account, no policy", FULL, PUT, foreign(), R.BUCKET_POLICY_LACKS),
    ("cross account, role names the bucket", SAME, PUT, foreign(), R.BUCKET_POLICY_LACKS),
    (
        "cross account, one right short",
        LEAST,
        DELETE,
        foreign(allow([LIST, GET, PUT], DEST, Principal=[SYNC_ROLE])),
        R.BUCKET_POLICY_LACKS,
    ),
    (
        "cross account, mixed case",
        LEAST,
        PUT,
        foreign(allow(PUT, DEST, Principal=["arn:sts::1000:assumed-role/SyncRole/*"])),
        R.BUCKET_POLICY_LACKS,
    ),
    (
        "cross account, another role",
        LEAST,
        PUT,
        foreign(allow(PUT, DEST, Principal=["arn:sts::1000:assumed-role/other/*"])),
        R.BUCKET_POLICY_LACKS,
    ),
    (
        "cross account, everyone",
        LEAST,
        PUT,
        foreign(allow(PUT, DEST, Principal=["*"])),
        R.BUCKET_POLICY_ALLOWS,
    ),
    ("cross account, policy denies", LEAST, PUT, foreign(ALL_FOUR, OUT), R.BUCKET_POLICY_DENIES),
    ("cross account, role denies", STOPPED, PUT, foreign(ALL_FOUR), R.ROLE_DENIES),
]


@pytest.mark.parametrize(
    ("role", "action", "bucket", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_rights(role: Principal, action: str, bucket: BucketEnd, reason: RightReason) -> None:
    decision = replication_right(role, action, bucket, "a/key")
    assert decision.reason is reason
    assert decision.allowed is (reason in (R.ROLE_ALLOWS, R.BUCKET_POLICY_ALLOWS))
    if not decision.allowed:
        resource = bucket.resource("a/key")
        assert (decision.action, decision.resource) == (action, resource)
        assert decision.missing == f"{action} on {resource}"
        said = f"{decision.missing}: {reason.value}"
        near = f"; {decision.near.describe()}" if decision.near else ""
        assert decision.message.startswith(f"{said}{near}")
        assert decision.remedy


def test_every_reason_has_a_row() -> None:
    assert {row[4] for row in ROWS} == set(RightReason)


def test_a_deny_of_the_own_bucket_policy_can_be_made_to_count() -> None:
    wins = OwnBucketPolicies.DENY_WINS
    denied = replication_right(SAME, PUT, end("dst", OUT), "k", wins)
    assert denied.reason is R.BUCKET_POLICY_DENIES
    assert denied.statement is not None
    assert denied.remedy == "Remove or narrow Deny statement 0 of bucket policy dst."
    # its Allow still adds nothing, and without a policy nothing changes
    assert not replication_right(LEAST, PUT, end("dst", ALL_FOUR), "k", wins).allowed
    assert replication_right(SAME, PUT, end("dst"), "k", wins).allowed


def test_the_missing_right_is_named_with_its_remedy() -> None:
    short = replication_right(LEAST, PUT, foreign(), "a/key")
    assert short.missing == "oss:ReplicatePut on acs:oss:*:2000:dst/a/key"
    assert short.remedy == (
        "Add oss:ReplicatePut on acs:oss:*:2000:dst/* to the bucket policy of dst "
        "with Principal arn:sts::1000:assumed-role/syncrole/*."
    )
    own = replication_right(LEAST, PUT, end("dst"), "a/key")
    assert own.remedy == (
        "Add oss:ReplicatePut on acs:oss:*:1000:dst/* to a policy of the role SyncRole."
    )
    listing = replication_right(a_role(), LIST, SRC)
    assert listing.remedy == (
        "Add oss:ReplicateList on acs:oss:*:1000:src to a policy of the role SyncRole."
    )


def test_a_role_written_in_mixed_case_is_what_the_remedy_speaks_of() -> None:
    mixed = allow(PUT, DEST, Principal=["*", "arn:sts::1000:assumed-role/SyncRole/*"])
    narrow = mixed | {"Principal": ["arn:sts::1000:assumed-role/SyncRole/*", "77"]}
    short = replication_right(LEAST, PUT, foreign(narrow), "k")
    assert short.remedy == (
        "Write the role's name in lower case in the bucket policy of dst: "
        "Principal arn:sts::1000:assumed-role/syncrole/*."
    )
    assert replication_right(LEAST, PUT, foreign(mixed), "k").allowed
    other_action = foreign(allow(GET, DEST, Principal=[SYNC_ROLE]))
    assert replication_right(LEAST, PUT, other_action, "k").remedy.startswith("Add oss:Repl")


def test_the_deny_that_decided_is_what_the_remedy_speaks_of() -> None:
    denied = replication_right(STOPPED, PUT, foreign(ALL_FOUR), "k")
    assert denied.remedy == "Remove or narrow Deny statement 0 (no) of RAM policy stop."


def test_a_prepared_right_answers_object_by_object() -> None:
    role = a_role(ram(allow(PUT, "acs:oss:*:*:dst/public/*")))
    prepared = prepare_right(role, PUT, end("dst"))
    answers = [prepared.decide(end("dst").resource(key)).allowed for key in ("public/a", "b")]
    assert answers == [True, False]


def test_a_prepared_right_knows_the_condition_keys_of_both_ends() -> None:
    tagged = {"StringEquals": {"oss:ExistingObjectTag/a": "b"}}
    role = a_role(ram(deny(PUT, Condition=tagged)))
    policy = ALL_FOUR | {"Condition": {"Bool": {"acs:SecureTransport": "true"}}}
    both = prepare_right(role, PUT, foreign(policy))
    assert both.condition_keys == {"oss:ExistingObjectTag/a", "acs:SecureTransport"}
    assert prepare_right(role, PUT, end("dst")).condition_keys == {"oss:ExistingObjectTag/a"}


def test_conditions_see_the_context() -> None:
    policy = ALL_FOUR | {"Condition": {"Bool": {"acs:SecureTransport": "true"}}}
    resource = foreign().resource("k")
    assert not prepare_right(LEAST, PUT, foreign(policy)).decide(resource).allowed
    secure = {"acs:SecureTransport": ("true",)}
    assert prepare_right(LEAST, PUT, foreign(policy), secure).decide(resource).allowed


@pytest.mark.parametrize(
    ("region", "allowed"), [("oss-cn-shanghai", True), ("oss-cn-beijing", False)]
)
def test_a_policy_may_name_one_region(region: str, allowed: bool) -> None:
    resources = [f"acs:oss:{region}:*:dst", f"acs:oss:{region}:*:dst/*"]
    role = a_role(ram(allow([PUT], resources), name="regional"))
    bucket = BucketEnd(name="dst", owner_uid=OWNER, location="oss-cn-shanghai")
    decision = replication_right(role, PUT, bucket, "key")
    assert decision.allowed is allowed
    if not allowed:
        assert decision.resource == f"acs:oss:*:{OWNER}:dst/key"


def test_what_one_statement_allows_is_one_record() -> None:
    policies = ram(allow(PUT, DEST[1]), allow(PUT, "acs:oss:*:*:dst/b*"), name="two")
    right = prepare_right(a_role(policies), PUT, end("dst"))
    first = right.decide("acs:oss:*:1000:dst/a")
    assert right.decide("acs:oss:*:1000:dst/c") is first
    assert first.statement is not None
    assert first.statement.describe() == "Allow statement 0 of RAM policy two"


def test_conditions_see_the_service_and_the_time() -> None:
    in_time = {"DateLessThan": {CURRENT_TIME: "2026-02-01T00:00:00Z"}}
    encrypted = {"Bool": {"acs:SecureTransport": "true"}}
    policies = ram(
        allow(PUT, DEST, Condition=in_time | encrypted),
        deny(PUT, DEST, Condition={"IpAddress": {"acs:SourceIp": "*"}}),
    )
    for now, allowed in (("2026-01-31T23:59:59Z", True), ("2026-02-01T00:00:00Z", False)):
        right = prepare_right(a_role(policies), PUT, end("dst"), service_context(now))
        assert right.decide("acs:oss:*:1000:dst/a").allowed is allowed
        assert CURRENT_TIME in right.condition_keys


NEAR: list[tuple[str, Principal, BucketEnd, str, str]] = [
    (
        "condition",
        a_role(ram(allow(PUT, DEST, Condition={"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}))),
        end("dst"),
        "Allow statement 0 of RAM policy p would, but its condition IpAddress acs:SourceIp "
        "[10.0.0.0/8] does not hold: replication has no acs:SourceIp",
        "Remove or change the Condition of Allow statement 0 of RAM policy p. Otherwise: Add ",
    ),
    (
        "account of the resource",
        LEAST,
        foreign(allow(PUT, ["acs:oss:*:1000:dst/*"], Principal=[SYNC_ROLE])),
        "Allow statement 0 of bucket policy dst would, but its Resource has acs:oss:*:1000:dst/*, "
        "asked was acs:oss:*:2000:dst/k (another account)",
        "Correct the Resource of Allow statement 0 of bucket policy dst. Otherwise: Add ",
    ),
    (
        "letter case of the principal",
        LEAST,
        foreign(allow(PUT, DEST, Principal=["arn:sts::1000:assumed-role/SyncRole/*"])),
        "Allow statement 0 of bucket policy dst would, but its Principal has "
        "arn:sts::1000:assumed-role/SyncRole/*, asked was "
        "arn:sts::1000:assumed-role/syncrole/sess in this letter case",
        "Write the role's name in lower case in the bucket policy of dst: ",
    ),
    (
        "account of the principal",
        LEAST,
        foreign(allow(PUT, DEST, Principal=["77", "arn:sts::1001:assumed-role/syncrole/*"])),
        "Allow statement 0 of bucket policy dst would, but its Principal has "
        "arn:sts::1001:assumed-role/syncrole/*, asked was arn:sts::1000:assumed-role/syncrole/sess",
        "Correct the Principal of Allow statement 0 of bucket policy dst. Otherwise: Add ",
    ),
    (
        "action",
        LEAST,
        foreign(allow([LIST, GET, DELETE, "oss:GetObject"], DEST, Principal=[SYNC_ROLE])),
        "Allow statement 0 of bucket policy dst would, but its Action has oss:ReplicateList, "
        "oss:ReplicateGet, oss:ReplicateDelete and 1 more, asked was oss:ReplicatePut",
        "Add oss:ReplicatePut on acs:oss:*:2000:dst/* to the bucket policy of dst with ",
    ),
    (
        "policies of the role across accounts",
        SAME,
        foreign(),
        "the bucket policy does not allow it; policies of the role do not reach the bucket of "
        "another account",
        "Add oss:ReplicatePut on ",
    ),
]


@pytest.mark.parametrize(
    ("role", "bucket", "said", "remedy"), [row[1:] for row in NEAR], ids=[row[0] for row in NEAR]
)
def test_the_statement_that_misses_by_one_part_is_named(
    role: Principal, bucket: BucketEnd, said: str, remedy: str
) -> None:
    now = service_context("2026-01-01T00:00:00Z")
    decision = prepare_right(role, PUT, bucket, now).decide(bucket.resource("k"))
    assert not decision.allowed
    assert decision.message.endswith(f"; {said}" if decision.near else said)
    assert decision.remedy.startswith(remedy)
    assert decision.statement is None  # none decided
