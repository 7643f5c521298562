"""How a rule moves between its states, and what follows from where it stands.

(OSS GetBucketReplication, Status; documented)
"""

from __future__ import annotations

from enum import StrEnum

from emulator.replication.model import RtcStatus, Rule, RuleState
from emulator.replication.tasks import IllegalTransition


class RuleEvent(StrEnum):
    """What can happen to a rule."""

    STARTED = "started"  # the start delay is over
    DELETED = "deleted"  # DeleteBucketReplication
    CLEANED_UP = "cleaned-up"  # the work in flight and the close delay are over


# ``None``: the rule is gone. A second delete is answered with its own status and changes nothing.
_TABLE: dict[tuple[RuleState, RuleEvent], RuleState | None] = {
    (RuleState.STARTING, RuleEvent.STARTED): RuleState.DOING,
    (RuleState.STARTING, RuleEvent.DELETED): RuleState.CLOSING,
    (RuleState.DOING, RuleEvent.DELETED): RuleState.CLOSING,
    (RuleState.CLOSING, RuleEvent.DELETED): RuleState.CLOSING,
    (RuleState.CLOSING, RuleEvent.CLEANED_UP): None,
}


def next_rule_state(state: RuleState, event: RuleEvent) -> RuleState | None:
    """The state after ``event``; ``None`` when the rule is gone. Raises IllegalTransition."""
    try:
        return _TABLE[state, event]
    except KeyError:
        raise IllegalTransition(f"rule {state}: {event}") from None


def shown_rtc(rule: Rule) -> RtcStatus:
    """The RTC status clients see.

    ``enabling`` until the rule is effective and its historical data is copied, and a while after
    that, then ``enabled`` (OSS PutBucketRTC, Status; documented). ``rtc.look_at_rtc`` moves it.
    """
    return rule.spec.rtc
