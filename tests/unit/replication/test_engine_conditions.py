"""What the conditions of a sync role's policies see: the time, and a connection of OSS itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from emulator.replication.model import Rule
from tests.unit.replication.engine_world import (
    DESTINATION_ACTIONS,
    ROLE,
    START_MS,
    TRUST,
    World,
    role_policy,
)

ALL = role_policy(["src", "dst"], DESTINATION_ACTIONS)


def conditional(condition: object, *, effect: str = "Allow", text: str = ALL) -> str:
    """The policy, under a condition; a Deny comes besides."""
    document = json.loads(text)
    if effect == "Allow":
        document["Statement"][0]["Condition"] = condition
    else:
        denying = {**document["Statement"][0], "Effect": "Deny", "Condition": condition}
        document["Statement"].append(denying)
    return json.dumps(document)


def at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


async def world_with(world: World, policy: str, trust: str = TRUST) -> Rule:
    await world.role(policy, trust=trust)
    await world.bucket("src")
    await world.bucket("dst", region="cn-shanghai")
    return await world.rule("src", "dst", sync_role=ROLE, historical=False)


@pytest.mark.parametrize(
    ("policy", "arrives"),
    [
        (conditional({"Bool": {"acs:SecureTransport": "true"}}), True),
        (conditional({"Bool": {"acs:SecureTransport": "false"}}, effect="Deny"), True),
        (conditional({"IpAddress": {"acs:SourceIp": "*"}}), False),
        (conditional({"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}, effect="Deny"), False),
        (conditional({"StringEquals": {"oss:ExistingObjectTag/k": "v"}}), False),
    ],
    ids=["encrypted", "not unencrypted", "any address", "not an address", "tag"],
)
async def test_what_conditions_see(world: World, policy: str, arrives: bool) -> None:
    await world_with(world, policy)
    await world.put("src", "k")
    await world.engine.run_due()
    assert bool(world.stack("dst", "k")) is arrives


@pytest.mark.parametrize("where", ["role", "trust"])
async def test_rights_end_and_begin_with_the_time(world: World, where: str) -> None:
    until = {"DateLessThan": {"acs:CurrentTime": at(START_MS + 60_000)}}
    if where == "role":
        rule = await world_with(world, conditional(until))
    else:
        rule = await world_with(world, ALL, conditional(until, text=TRUST))
    await world.put("src", "first")
    await world.engine.run_due()
    assert world.stack("dst", "first")
    world.clock.set(START_MS + 60_000)
    await world.put("src", "second")
    await world.engine.run_due()
    assert not world.stack("dst", "second")
    (task,) = world.tasks(rule, "second")
    assert task.refusal is not None
    assert task.refusal.action == ("oss:ReplicateGet" if where == "role" else "sts:AssumeRole")
