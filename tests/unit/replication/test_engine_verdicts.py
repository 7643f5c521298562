"""What ``explain`` and the log tell a person: the verdict, what is missing now, and until when."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec
import pytest

from emulator.replication.explain_records import Standing
from emulator.replication.explain_words import iso_time
from emulator.replication.model import Rule
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import (
    ACCOUNT_B,
    DESTINATION_ACTIONS,
    ROLE,
    SOURCE_ACTIONS,
    World,
    bucket_policy,
    role_policy,
)
from tests.unit.replication.test_engine_explain import explained, rule_note, without

NO_PUT = without(DESTINATION_ACTIONS, "oss:ReplicatePut")
NO_DELETE = without(DESTINATION_ACTIONS, "oss:ReplicateDelete")
NO_LIST = without(DESTINATION_ACTIONS, "oss:ReplicateList")
ADD_PUT = "Add oss:ReplicatePut on "


async def cross_account(world: World, *, historical: bool = False) -> Rule:
    await world.role(role_policy(["src"], SOURCE_ACTIONS))
    await world.bucket("src")
    policy = bucket_policy("dst")
    await world.bucket("dst", owner_uid=ACCOUNT_B, region="cn-shanghai", policy=policy)
    return await world.rule("src", "dst", sync_role=ROLE, historical=historical)


async def grant(world: World, actions: tuple[str, ...] = DESTINATION_ACTIONS) -> None:
    await world.set_policy("dst", bucket_policy("dst", actions))


async def test_completed_change_does_not_read_as_failed_when_a_right_is_taken_away(
    world: World,
) -> None:
    await cross_account(world)
    await world.put("src", "k")
    await world.settle()
    await grant(world, NO_PUT)
    note = rule_note(world, "k")
    assert (note.standing, note.refusal) == (Standing.COMPLETED, None)
    assert [missing.action for missing in note.missing] == ["oss:ReplicatePut"]
    said = "The change was carried out. A new one would be refused now: oss:ReplicatePut on "
    assert note.message.startswith(said)
    assert ADD_PUT in note.message


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (NO_DELETE, "The change was carried out. A deletion would be refused now: "),
        (NO_LIST, "The change was carried out. Reading historical data would be refused now: "),
        (DESTINATION_ACTIONS, "The change was carried out."),
    ],
    ids=["delete", "list", "nothing"],
)
async def test_right_that_only_other_work_takes_is_named_with_that_work(
    world: World, actions: tuple[str, ...], said: str
) -> None:
    await cross_account(world, historical=True)
    await world.put("src", "k")
    await world.settle()
    await grant(world, actions)
    note = rule_note(world, "k")
    assert (note.standing, note.refusal) == (Standing.COMPLETED, None)
    assert note.message.startswith(said)
    assert (note.message == said) is (note.missing == ())


async def test_skipped_change_has_no_refusal_but_says_what_would_be_refused(world: World) -> None:
    await cross_account(world)
    await world.rule("dst", "src", sync_role="absent")
    await world.put("src", "k")
    await world.settle()
    (note,) = explained(world, "dst", "k").rules
    assert (note.standing, note.refusal) == (Standing.SKIPPED, None)
    said = "This version is a replica itself; replicas never replicate onward. "
    assert note.message.startswith(said + "A change that is to be copied would be refused now: ")
    assert "Create the role absent" in note.message


async def test_failed_change_names_verdict_remedy_and_next_attempt(world: World) -> None:
    await cross_account(world)
    await grant(world, NO_PUT)
    await world.put("src", "k")
    later = await world.put("src", "k")
    await world.due()
    at = iso_time(world.clock.now_ms() + 1000)
    first = world.stack("src", "k")[0]
    failed = rule_note(world, "k", first.version_id)
    queued = rule_note(world, "k", later.version_id)
    assert (failed.standing, queued.standing) == (Standing.FAILED, Standing.QUEUED)
    assert failed.next_attempt == at
    assert failed.message.startswith(
        f"The last attempt was refused. The next attempt is at {at}. Missing now: oss:ReplicatePut"
    )
    assert ADD_PUT in failed.message
    assert "It was refused." in queued.message
    assert ADD_PUT in queued.message

    await grant(world)
    failed = rule_note(world, "k", first.version_id)
    assert failed.message == (
        f"The last attempt was refused. Nothing is missing now; the next attempt is at {at}."
    )
    assert failed.refusal is not None
    assert failed.missing == ()
    assert "Nothing is missing now" in rule_note(world, "k", later.version_id).message


async def test_paused_history_names_what_it_waits_for_and_until_when(world: World) -> None:
    await world.bucket("src")
    await world.put("src", "old")
    await cross_account_of(world)
    await grant(world, NO_LIST)
    await world.due()
    note = rule_note(world, "old")
    assert note.standing is Standing.PENDING
    assert note.next_attempt_ms == world.clock.now_ms() + 1000
    assert "It would be refused now: oss:ReplicateList on " in note.message
    assert f"The next attempt is at {note.next_attempt}." in note.message


async def cross_account_of(world: World) -> None:
    """A destination and a rule for the bucket there is, historical data included."""
    await world.role(role_policy(["src"], SOURCE_ACTIONS))
    await world.bucket("dst", owner_uid=ACCOUNT_B, policy=bucket_policy("dst"))
    await world.rule("src", "dst", sync_role=ROLE, historical=True)


async def test_no_rule_at_all(world: World) -> None:
    await world.bucket("src")
    await world.put("src", "k")
    said = "No replication rule reads src, and none wrote this key."
    assert explained(world, "src", "k").message == said
    await world.bucket("other")
    await world.rule("other", "src")
    assert explained(world, "src", "k").message == said


async def test_replica_outlives_its_rule(world: World) -> None:
    await world.bucket("src")
    await world.bucket("dst")
    rule = await world.rule("src", "dst")
    await world.put("src", "k")
    await world.due()
    await world.close_rule(rule)
    await world.due()
    said = "No replication rule reads dst; rule (deleted) wrote this version."
    assert explained(world, "dst", "k").message == said


async def test_most_urgent_rule_speaks_and_the_others_are_counted(world: World) -> None:
    await cross_account(world)
    assert explained(world, "src", "k").message.startswith("Rule src-to-dst from src to dst: ")
    await world.bucket("beside")
    await world.rule("src", "beside")
    await world.put("src", "k")
    await world.due()
    said = "Rule src-to-dst from src to dst: The change was carried out. 1 other rule: completed."
    assert explained(world, "src", "k").message == said
    await grant(world, NO_PUT)
    await world.bucket("third")
    await world.rule("src", "third", prefixes=("x",))
    await world.put("src", "k")
    await world.due()
    message = explained(world, "src", "k").message
    assert message.startswith("Rule src-to-dst from src to dst: The last attempt was refused. ")
    assert ADD_PUT in message
    assert message.endswith(" 2 other rules: 1 completed, 1 skipped.")
    at_destination = explained(world, "dst", "k").message
    assert at_destination.startswith("Rule src-to-dst from src to dst: The last attempt was")


async def test_times_are_also_text(world: World) -> None:
    await cross_account(world)
    await world.put("src", "k")
    await world.due()
    found = explained(world, "src", "k")
    assert found.entry is not None
    replica = found.rules[0].replica
    assert replica is not None
    assert found.now == found.entry.modified == replica.modified == "2027-01-15T08:00:00.000Z"
    assert replica.applied == found.now
    assert found.rules[0].next_attempt is None
    assert msgspec.json.decode(msgspec.json.encode(found))["now"] == found.now


@pytest.mark.parametrize(
    ("epoch_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1970-01-01T00:00:00.000Z"),
        (1_704_164_645_678, "2024-01-02T03:04:05.678Z"),
        (10**18, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_instant_as_text(epoch_ms: int, text: str) -> None:
    assert iso_time(epoch_ms) == text


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of a record of level INFO."""
        assert record.levelno == logging.INFO
        self.kept.append(record.getMessage())


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What replication logs."""
    logger = logging.getLogger("ossemu.replication")
    handler, level = Lines(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.kept
    logger.removeHandler(handler)
    logger.setLevel(level)


async def test_refusal_is_logged_once_and_again_after_it_was_mended(
    world: World, lines: list[str]
) -> None:
    await cross_account(world)
    await world.put("src", "fine")
    await world.settle()
    assert lines == []
    await grant(world, NO_PUT)
    for key in ("a b", "c"):
        await world.put("src", key)
        await world.settle()
    (line,) = lines
    assert line.startswith("rule src-to-dst from src to dst: oss:ReplicatePut on ")
    assert (
        "does not allow it; Allow statement 0 of bucket policy dst would, but its Action " in line
    )
    assert f". {ADD_PUT}" in line
    assert line.endswith(" (see /_emulator/explain?bucket=src&key=a%20b)")

    await grant(world)
    await world.settle()
    assert len(lines) == 1
    await grant(world, NO_PUT)
    await world.put("src", "d")
    await world.settle()
    assert len(lines) == 2
    assert lines[1].endswith("key=d)")


async def test_another_refusal_of_a_rule_is_logged_too(world: World, lines: list[str]) -> None:
    await cross_account(world)
    await grant(world, NO_PUT)
    await world.put("src", "k")
    await world.settle()
    await grant(world, without(NO_PUT, "oss:ReplicateGet"))
    await world.settle()
    assert [line.split()[6] for line in lines] == ["oss:ReplicatePut", "oss:ReplicateGet"]
    await world.settle()
    assert len(lines) == 2


async def test_part_that_stays_refused_is_not_repeated_while_the_rest_goes_through(
    world: World, lines: list[str]
) -> None:
    await cross_account(world)
    await grant(world, NO_DELETE)
    version = await world.put("src", "gone")
    await world.due()
    await world.delete_version("src", "gone", version.version_id)
    for number in range(5):
        await world.put("src", f"k{number}")
        await world.settle()
    assert world.listed("dst") == ["gone", "k0", "k1", "k2", "k3", "k4"]
    assert len(lines) == 1


async def test_paused_history_is_logged_with_a_key_that_waits(
    world: World, lines: list[str]
) -> None:
    await world.bucket("src")
    await world.put("src", "old/1")
    await cross_account_of(world)
    await grant(world, NO_LIST)
    await world.settle()
    await world.put("src", "new")
    await world.settle()
    (line,) = lines
    assert "oss:ReplicateList on " in line
    assert line.endswith("key=old/1)")


async def test_every_rule_is_logged_for_itself(lines: list[str]) -> None:
    world = World(settings=ReplicationSettings(start_delay_s=0, close_delay_s=0))
    await cross_account(world)
    await world.bucket("gone")
    await world.rule("src", "gone")
    await world.delete_bucket("gone")
    await grant(world, NO_PUT)
    await world.put("src", "k")
    await world.settle()
    assert sorted(line.split(":")[0] for line in lines) == [
        "rule src-to-dst from src to dst",
        "rule src-to-gone from src to gone",
    ]
    await world.store.close()
