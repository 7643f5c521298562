"""Who pays, which traffic limits are limits, and what Block Public Access refuses."""

from __future__ import annotations

import asyncio

import pytest

from emulator.access.identity import ANONYMOUS, Principal, root_principal
from emulator.domain.errors import InvalidArgument
from emulator.protocol.delivery.payer import PayerOutcome, judge_payer, said_payer
from emulator.protocol.delivery.public_access import granting_header
from emulator.protocol.delivery.traffic import BURST_BYTES, Pace, read_limit
from emulator.protocol.operations import operation_named
from tests.unit.access.build import a_role, a_user

REQUESTER = '{"Payer":"Requester"}'
OWNER = root_principal("1000")
STRANGER = root_principal("2000")

PAYERS: list[tuple[str, str, Principal, str, PayerOutcome]] = [
    ("unset", "", ANONYMOUS, "", PayerOutcome.BUCKET_OWNER),
    ("the owner pays", '{"Payer":"BucketOwner"}', STRANGER, "", PayerOutcome.BUCKET_OWNER),
    ("the owner", REQUESTER, OWNER, "", PayerOutcome.OWNER),
    ("the owner says so", REQUESTER, OWNER, "requester", PayerOutcome.OWNER),
    ("a user of the owner", REQUESTER, a_user(), "", PayerOutcome.OWNER),
    ("nobody", REQUESTER, ANONYMOUS, "", PayerOutcome.ANONYMOUS),
    ("nobody says so", REQUESTER, ANONYMOUS, "requester", PayerOutcome.ANONYMOUS),
    ("a stranger", REQUESTER, STRANGER, "", PayerOutcome.NOT_SAID),
    ("a stranger pays", REQUESTER, STRANGER, "requester", PayerOutcome.REQUESTER),
    ("a stranger says otherwise", REQUESTER, STRANGER, "bucketOwner", PayerOutcome.NOT_SAID),
    ("a user of another", REQUESTER, a_user(account_uid="2000"), "", PayerOutcome.NOT_SAID),
    ("a role of another", REQUESTER, a_role(account_uid="2000"), "requester",
     PayerOutcome.REQUESTER),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "document", "principal", "said", "outcome"), PAYERS, ids=[row[0] for row in PAYERS]
)
def test_who_pays(
    name: str, document: str, principal: Principal, said: str, outcome: PayerOutcome
) -> None:
    assert judge_payer(document, "1000", principal, said) is outcome


def test_header_and_query_say_who_pays() -> None:
    name = "x-oss-request-payer"
    assert said_payer({name: "requester"}, {}) == "requester"
    assert said_payer({}, {name: "requester"}) == "requester"
    assert said_payer({}, {}) == ""


LIMIT = "x-oss-traffic-limit"


@pytest.mark.parametrize("text", ["819200", "838860800", "8388608"])
def test_a_limit_stands_in_header_or_query(text: str) -> None:
    assert read_limit({LIMIT: text}, {}) == int(text)
    assert read_limit({}, {LIMIT: text}) == int(text)


@pytest.mark.parametrize(
    "text", ["819199", "838860801", "0", "-819200", "", "fast", "8.2e5", "9" * 40]
)
def test_other_limits_are_refused(text: str) -> None:
    for headers, query in (({LIMIT: text}, {}), ({}, {LIMIT: text})):
        with pytest.raises(InvalidArgument) as refused:
            read_limit(headers, query)
        assert refused.value.fields == {"ArgumentName": LIMIT, "ArgumentValue": text}


def test_a_limit_may_not_be_given_twice() -> None:
    assert read_limit({}, {}) is None
    with pytest.raises(InvalidArgument):
        read_limit({LIMIT: "819200"}, {LIMIT: "819200"})


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to whatever is due next."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, *arguments: object, **more: object) -> asyncio.TimerHandle:
        self.now_s = max(self.now_s, when)
        return super().call_at(when, *arguments, **more)  # type: ignore[arg-type] # passed on


async def _move(pace: Pace, sizes: list[int]) -> float:
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    for size in sizes:
        await pace.keep(size)
    return loop.time() - started_s


@pytest.mark.parametrize("sizes", [[1024] * 1024, [1 << 20], [300_000, 748_576]])
def test_a_transfer_takes_the_time_its_limit_asks_for(sizes: list[int]) -> None:
    with asyncio.Runner(loop_factory=_Loop) as runner:
        took_s = runner.run(_move(Pace(819_200), sizes))
    assert took_s == pytest.approx((sum(sizes) - BURST_BYTES) / 102_400, rel=1e-6)


def test_what_fits_the_burst_does_not_wait_and_idling_earns_no_more_than_that() -> None:
    async def run() -> tuple[float, float]:
        pace, loop = Pace(819_200), asyncio.get_running_loop()
        assert isinstance(loop, _Loop)
        first_s = await _move(pace, [BURST_BYTES])
        loop.now_s += 1000
        return first_s, await _move(pace, [BURST_BYTES + 102_400])

    with asyncio.Runner(loop_factory=_Loop) as runner:
        first_s, second_s = runner.run(run())
    assert first_s == 0
    assert second_s == pytest.approx(1.0)


def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    async def run() -> None:
        waiting = asyncio.ensure_future(Pace(819_200).keep(10**9))
        done, _ = await asyncio.wait({waiting}, timeout=0.01)
        assert not done
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()

    asyncio.run(run())


def test_slices_are_a_fraction_of_a_second_long() -> None:
    pace, data = Pace(819_200), bytes(range(256)) * 100
    parts = list(pace.slices(data))
    assert b"".join(parts) == data
    assert max(map(len, parts)) == pace.slice_bytes == 6400
    assert list(pace.slices(b"")) == []


GRANTS: list[tuple[str, str, str, bool]] = [
    ("PutBucket", "x-oss-acl", "public-read", True),
    ("PutBucketAcl", "x-oss-acl", "public-read-write", True),
    ("PutBucketAcl", "x-oss-acl", "private", False),
    ("PutObject", "x-oss-object-acl", "public-read", True),
    ("PutObject", "x-oss-object-acl", "default", False),
    ("PutObject", "x-oss-acl", "public-read", False),
    ("PutObjectAcl", "x-oss-object-acl", "public-read", True),
    ("CompleteMultipartUpload", "x-oss-object-acl", "public-read", True),
    ("UploadPart", "x-oss-object-acl", "public-read", False),
    ("GetObject", "x-oss-object-acl", "public-read", False),
]


@pytest.mark.parametrize(("operation", "header", "value", "grants"), GRANTS)
def test_only_public_acls_of_operations_that_set_them_grant(
    operation: str, header: str, value: str, grants: bool
) -> None:
    found = granting_header(operation_named(operation), {header: value})
    assert found == (header if grants else "")
