"""What scenarios look at: refusals, the states of rules, and the reasons that ``explain`` gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import oss2
import pytest

from tests.support.lab import Lab, post

DAY_S = 86_400
SKIPPED, COMPLETED, FAILED = "skipped", "completed", "failed"


def refused(call: Callable[[], object]) -> oss2.exceptions.ServerError:
    """The error the server answers a call with."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call()
    return caught.value


def add_refused(source: oss2.Bucket, body: str) -> oss2.exceptions.ServerError:
    """The error that adding a rule from XML is answered with."""
    return refused(lambda: post(source, {"replication": "", "comp": "add"}, body))


def statuses(bucket: oss2.Bucket) -> dict[str, str]:
    """Every rule of the bucket with its status."""
    return {rule.rule_id: rule.status for rule in bucket.get_bucket_replication().rule_list}


def note_of(lab: Lab, bucket: oss2.Bucket, key: str, version_id: str = "") -> dict[str, Any]:
    """What ``explain`` says of the only rule that leaves a bucket."""
    notes = lab.server.explain(bucket.bucket_name, key, version_id)["rules"]
    assert len(notes) == 1, notes
    note: dict[str, Any] = notes[0]
    return note


def outcome(
    lab: Lab, bucket: oss2.Bucket, key: str, version_id: str = ""
) -> tuple[str, str | None]:
    """Standing and reason for being left out of the newest change of a key."""
    note = note_of(lab, bucket, key, version_id)
    return note["standing"], note["skip_reason"]


def now(lab: Lab) -> datetime:
    """What the server's clock shows."""
    return datetime.fromisoformat(lab.server.control("GET", "clock")["now"])


def go(lab: Lab, days: int) -> None:
    """Move the clock to a midnight UTC and let what is due then happen, at once and after it."""
    midnight = now(lab).replace(hour=0, minute=0, second=0, microsecond=0)
    lab.server.control("POST", "clock", {"set": (midnight + timedelta(days=days)).isoformat()})
    lab.server.settle(advance=False)


def noon(lab: Lab) -> None:
    """Move the clock to the next noon, so that no scenario begins at a midnight."""
    moment = (now(lab) + timedelta(days=1)).replace(hour=12)
    lab.server.control("POST", "clock", {"set": moment.isoformat()})
    lab.server.settle(advance=False)
