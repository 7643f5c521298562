"""The replication operations, as the wire calls them: each one reading or one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from emulator.clock import Clock
from emulator.domain import errors
from emulator.domain.model import Bucket
from emulator.domain.objects import live_bucket
from emulator.replication import acceleration, regions
from emulator.replication.freezing import check_versioning_unlocked
from emulator.replication.model import Refusal, RtcStatus, Rule, RuleState
from emulator.replication.pairs import check_rtc
from emulator.replication.ports import (
    NewRule,
    ReplicationStore,
    ReplicationTx,
    ReplicationView,
)
from emulator.replication.regions import ReplicationLocations
from emulator.replication.rtc import ask_rtc
from emulator.replication.rule_state import RuleEvent, next_rule_state
from emulator.replication.rules import (
    RequestedRule,
    RuleFacts,
    only_rule,
    validate_rule,
)
from emulator.replication.settings import ReplicationSettings
from emulator.replication.timing import Timings
from emulator.rng import Rng


class Progress(Protocol):
    """How far a rule that is ``doing`` has come."""

    @property
    def historical_ratio(self) -> float:
        """Historical data done, 0 to 1; 1 when there was none."""
        ...

    @property
    def new_object_ms(self) -> int:
        """Everything written to the source before this instant is at the destination."""
        ...


class RuleProgress(msgspec.Struct, frozen=True):
    """A rule with its progress, which only a rule in state ``doing`` has."""

    rule: Rule
    progress: Progress | None


class DeleteOutcome(Enum):
    """What DeleteBucketReplication found."""

    NO_RULES = "no-rules"
    CLOSED = "closed"
    ALREADY_CLOSING = "already-closing"


# (account uid, role name) -> why OSS cannot assume the role, or None
RoleCheck = Callable[[str, str], Refusal | None]
# (view, rule, now_ms) -> its progress
ProgressOf = Callable[[ReplicationView, Rule, int], Progress]


class ReplicationService:
    """Rules as users see and change them. Carrying them out is the engine's."""

    def __init__(  # noqa: PLR0913 - what it is put together from
        self,
        store: ReplicationStore,
        settings: ReplicationSettings,
        *,
        clock: Clock,
        rng: Rng,
        role_check: RoleCheck,
        progress_of: ProgressOf,
        timing: Timings,
    ) -> None:
        self.settings = settings
        self._store = store
        self._clock = clock
        self._rng = rng
        self._role_check = role_check
        self._progress_of = progress_of
        self._timing = timing

    async def add_rule(self, bucket: Bucket, requested: Sequence[RequestedRule]) -> Rule:
        """Store a new rule of ``bucket`` (OSS PutBucketReplication; documented).

        One of type ``oss_acc`` turns transfer acceleration of its destination on (documented).
        Raises what ``rules.only_rule`` and ``rules.validate_rule`` raise, and NoPermission when
        OSS cannot assume the sync role.
        """
        wanted = only_rule(requested)

        def work(tx: ReplicationTx) -> Rule:
            source = live_bucket(tx, bucket)
            facts = _facts(tx, source, wanted.destination_bucket)
            spec = validate_rule(wanted, facts, self.settings, self._rng)
            if spec.sync_role:
                self._check_role(source.owner_uid, spec.role_name)
            now_ms = self._clock.now_ms()
            if spec.transfer_type == regions.ACCELERATED and facts.destination is not None:
                acceleration.turn_on(tx, facts.destination)
            rule = tx.insert_rule(
                NewRule(
                    source_bucket_id=source.id,
                    spec=spec,
                    created_ms=now_ms,
                    starts_ms=now_ms + self._timing.start_delay_ms(tx, source, spec),
                    cursor_seq=tx.last_change_seq(),
                    bound_seq=tx.next_seq(),
                )
            )
            if spec.rtc is RtcStatus.ENABLING:
                ask_rtc(tx, rule, now_ms)
            return rule

        return await self._store.write(work)

    def rules(self, bucket: Bucket) -> list[Rule]:
        """The rules of a bucket, closing ones too. Raises NoSuchReplicationConfiguration."""
        with self._store.read() as view:
            rules = view.rules_of(bucket.id)
        if not rules:
            raise errors.NoSuchReplicationConfiguration(bucket.name)
        return rules

    async def delete_rule(self, bucket: Bucket, rule_ids: Sequence[str]) -> DeleteOutcome:
        """Begin to remove a rule (OSS DeleteBucketReplication; documented).

        Raises TooManyReplicationRules for several ids, InvalidArgument for none or an empty one,
        NoSuchReplicationRule for an unknown id while the bucket has other rules.
        """
        if len(rule_ids) > 1:
            raise errors.TooManyReplicationRules
        if not rule_ids or not rule_ids[0]:
            raise errors.InvalidArgument("The rule ID is missing.", name="ID", value="")

        def work(tx: ReplicationTx) -> DeleteOutcome:
            source = live_bucket(tx, bucket)
            if not tx.rules_of(source.id):
                return DeleteOutcome.NO_RULES
            rule = tx.rule(source.id, rule_ids[0])
            if rule is None:
                raise errors.NoSuchReplicationRule(source.name)
            if rule.state is RuleState.CLOSING:
                return DeleteOutcome.ALREADY_CLOSING
            assert next_rule_state(rule.state, RuleEvent.DELETED) is RuleState.CLOSING
            closes_ms = self._clock.now_ms() + self.settings.close_delay_ms
            tx.close_rule(rule.uid, closes_ms=closes_ms, last_seq=tx.last_change_seq())
            return DeleteOutcome.CLOSED

        return await self._store.write(work)

    def progress(self, bucket: Bucket, rule_id: str) -> list[RuleProgress]:
        """The progress of one rule, or of all for ``""`` (OSS GetBucketReplicationProgress).

        Raises NoSuchReplicationRule for an unknown id, also on a bucket without rules (observed),
        and NoSuchReplicationConfiguration when none is asked for and there are none.
        """
        now_ms = self._clock.now_ms()
        with self._store.read() as view:
            rules = view.rules_of(bucket.id)
            if rule_id:
                rules = [rule for rule in rules if rule.spec.rule_id == rule_id]
                if not rules:
                    raise errors.NoSuchReplicationRule(bucket.name)
            if not rules:
                raise errors.NoSuchReplicationConfiguration(bucket.name)
            return [
                RuleProgress(
                    rule,
                    self._progress_of(view, rule, now_ms)
                    if rule.state is RuleState.DOING
                    else None,
                )
                for rule in rules
            ]

    def locations(self, bucket: Bucket) -> ReplicationLocations:
        """Where the bucket can replicate to (OSS GetBucketReplicationLocation; observed)."""
        return regions.locations_for(bucket.region)

    async def set_rtc(self, bucket: Bucket, rule_id: str, status: str) -> None:
        """Switch replication time control of a rule (OSS PutBucketRTC; documented).

        Raises InvalidArgument for the status (EC 0031-00000013), a missing id (0031-00000015) or
        an unknown one (0031-00000110); BucketReplicationInClosingStatus; when enabling,
        BucketReplicationNotSupportRtc for a rule inside one region and
        ReplicationLocationNotSupportRtc for a pair of regions without RTC.
        """
        if status not in ("enabled", "disabled"):
            raise errors.InvalidArgument(
                "The RTC status must be enabled or disabled.",
                name="Status",
                value=status,
                ec="0031-00000013",
            )
        if not rule_id:
            raise errors.InvalidArgument(
                "The rule ID is missing.", name="ID", value="", ec="0031-00000015"
            )

        def work(tx: ReplicationTx) -> None:
            source = live_bucket(tx, bucket)
            rule = tx.rule(source.id, rule_id)
            if rule is None:
                raise errors.InvalidArgument(
                    "The rule ID matches no replication rule.",
                    name="ID",
                    value=rule_id,
                    ec="0031-00000110",
                )
            if rule.state is RuleState.CLOSING:
                raise errors.BucketReplicationInClosingStatus
            rtc = RtcStatus.DISABLED
            if status == "enabled":
                _check_rtc_of(rule, source)
                if rule.spec.rtc is not RtcStatus.DISABLED:
                    return  # asked for already
                rtc = RtcStatus.ENABLING
                ask_rtc(tx, rule, self._clock.now_ms())
            else:
                tx.drop_rtc(rule.uid)
            tx.set_rule_spec(rule.uid, msgspec.structs.replace(rule.spec, rtc=rtc))

        await self._store.write(work)

    def check_versioning_unlocked(self, view: ReplicationView, bucket: Bucket) -> None:
        """Raise VersioningLocked while a rule, also a closing one, leaves or reaches the bucket.

        To be called in the transaction of PutBucketVersioning.
        """
        if not self.settings.allow_mixed_versioning:
            check_versioning_unlocked(view, bucket)

    def _check_role(self, account_uid: str, role_name: str) -> None:
        refusal = self._role_check(account_uid, role_name)
        if refusal is not None:
            raise errors.NoPermission(refusal.message)


def _facts(view: ReplicationView, source: Bucket, destination_name: str) -> RuleFacts:
    leaving = view.rules_of(source.id)
    destination = view.bucket(destination_name)
    destination_rule_count = len(view.rules_to(destination_name))
    if destination is not None:
        destination_rule_count += len(view.rules_of(destination.id))
    return RuleFacts(
        source=source,
        destination=destination,
        source_rules=leaving,
        source_rule_count=len(leaving) + len(view.rules_to(source.name)),
        destination_rule_count=destination_rule_count,
    )


def _check_rtc_of(rule: Rule, source: Bucket) -> None:
    destination_region = regions.region_of(rule.spec.destination_location)
    if destination_region == source.region:
        raise errors.BucketReplicationNotSupportRtc
    check_rtc(source.region, destination_region)
