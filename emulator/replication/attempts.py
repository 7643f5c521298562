"""Trying the work of one rule inside one transaction: rights, then the effect, then the reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from emulator.access.audit import Audit, Origin, PlainVerdict
from emulator.access.identity import Principal, PrincipalKind
from emulator.domain.encryption import ReplicaKeys
from emulator.domain.model import Bucket, Change, ObjectVersion, StorageClass, Versioning
from emulator.replication.apply import Applier
from emulator.replication.counts import Counts
from emulator.replication.decide import CompiledRule, compile_rule
from emulator.replication.encrypting import (
    KeyTools,
    ReplicaEncryption,
    ReplicaNotEncrypted,
    replica_keys,
)
from emulator.replication.journal import Journal
from emulator.replication.model import FailureReason, Refusal, Rule, RuleSpec, Skip, Work
from emulator.replication.outcomes import OutcomeLog
from emulator.replication.ports import ReplicationTx, ReplicationView
from emulator.replication.rights import Note, Rights, RuleRights, context_at
from emulator.replication.settings import ReplicationSettings
from emulator.replication.target import Target, find_target
from emulator.replication.timing import Timings
from emulator.rng import Rng

PreparedRules: TypeAlias = "dict[int, tuple[RuleSpec, ReplicaKeys | None, CompiledRule]]"

_RULES_KEPT = 1024
_NO_ROLE = frozenset({FailureReason.ROLE_MISSING, FailureReason.ROLE_NOT_ASSUMABLE})


class Tools(msgspec.Struct, frozen=True):
    """What the engine works with."""

    settings: ReplicationSettings
    timing: Timings
    rights: Rights
    rng: Rng
    keys: KeyTools
    audit: Audit = msgspec.field(default_factory=Audit)
    outcomes: OutcomeLog = msgspec.field(default_factory=OutcomeLog)
    prepared: PreparedRules = msgspec.field(default_factory=dict)

    def prepared_rule(self, rule: Rule, keys: ReplicaKeys | None) -> CompiledRule:
        """A rule prepared for decisions, as long as it asks for the same."""
        kept = self.prepared.get(rule.uid)
        if kept is not None and kept[0] is rule.spec and kept[1] == keys:
            return kept[2]
        if len(self.prepared) >= _RULES_KEPT:
            self.prepared.clear()
        made = compile_rule(rule.spec, self.settings, keys)
        self.prepared[rule.uid] = (rule.spec, keys, made)
        return made

    def compiled(
        self, view: ReplicationView, rule: Rule, source: Bucket, destination: Bucket | None
    ) -> CompiledRule:
        """A rule prepared for decisions between its buckets as they are now."""
        if destination is None:
            return compile_rule(rule.spec, self.settings)
        key_id, table = rule.spec.replica_kms_key_id, self.settings.kms_table
        keys = replica_keys(view, source, destination, key_id, table)
        return compile_rule(rule.spec, self.settings, keys)

    def encryption(
        self,
        view: ReplicationView,
        target: Target,
        rights: RuleRights,
        now_ms: int,
        note: Note | None = None,
    ) -> ReplicaEncryption:
        """How the replicas of a rule are encrypted, by whoever acts for it."""
        key_id = target.rule.spec.replica_kms_key_id
        return ReplicaEncryption(
            tools=self.keys,
            rule_uid=target.rule.uid,
            keys=replica_keys(
                view, target.source, target.destination, key_id, self.settings.kms_table
            ),
            role=rights.principal,
            now_ms=now_ms,
            note=note,
            context=context_at(now_ms),
        )


class Attempts:
    """The attempts of one rule in one transaction: its buckets and rights as they are there.

    ``refusal`` is why nothing of the rule can be carried out, whatever the key. ``refused`` is the
    first attempt refused for each reason and action, with its key. ``destination_versioning``
    and ``destination_class`` are None while nothing can be said of the destination.
    """

    def __init__(
        self, tx: ReplicationTx, rule: Rule, tools: Tools, now_ms: int, counts: Counts
    ) -> None:
        self.refusal: Refusal | None = None
        self.refused: dict[tuple[FailureReason, str], tuple[Refusal, str]] = {}
        self.source: Bucket | None = None
        self.source_versioning = Versioning.NEVER
        self.destination_versioning: Versioning | None = None
        self.destination_class: StorageClass | None = None
        self._tx = tx
        self._rule = rule
        self._tools = tools
        self._now_ms = now_ms
        self._counts = counts
        threshold_ms = tools.settings.rtc_threshold_ms
        self.journal = Journal(tx, rule, tools.outcomes, now_ms, threshold_ms)
        self.replica_keys: ReplicaKeys | None = None
        self._applier: Applier | None = None
        self._rights: RuleRights | None = None
        self._note: Note | None = None
        target = find_target(tx, rule, tools.settings)
        if isinstance(target, Refusal):
            self.refusal = target
            self.source = tx.bucket_by_id(rule.source_bucket_id)
            if self.source is not None:
                self.source_versioning = self.source.versioning
        else:
            self._open(target)

    def _open(self, target: Target) -> None:
        self.journal.destination_id = target.destination.id
        self.source = target.source
        self.source_versioning = target.source.versioning
        self.destination_versioning = target.destination.versioning
        self.destination_class = target.destination.storage_class
        rights = self._tools.rights.of_rule(target, self._now_ms)
        if isinstance(rights, Refusal):
            self.refusal = rights
            return
        self._rights = rights
        if rights.principal is not None:
            self._note = partial(self._tools.audit.record, self._origin(rights.principal))
        encryption = self._tools.encryption(self._tx, target, rights, self._now_ms, self._note)
        self.replica_keys = encryption.keys
        self._applier = Applier(self._tx, target, self._now_ms, self._tools.rng, encryption)

    @property
    def destination_id(self) -> int | None:
        """The bucket that is written to, if it can be."""
        return None if self._applier is None else self._applier.destination_id

    def prepare(self, keys: Sequence[str]) -> None:
        """Read what the destination holds of the keys that are about to be worked on."""
        if self._applier is not None:
            self._applier.prepare(keys)

    def flush(self) -> None:
        """Write everything collected so far."""
        if self._applier is not None:
            self._applier.flush()

    def list_refusal(self) -> Refusal | None:
        """Why the rule may not read history, if it may not."""
        if self._rights is None:
            self._note_nobody_acts()
            return self.refusal
        return self._rights.list_refusal(self._note)

    def note_refused(self, refusal: Refusal, key: str) -> None:
        """Remember a refused attempt for the log; no key: the reading of history."""
        self.refused.setdefault((refusal.reason, refusal.action), (refusal, key))

    def attempt(self, work: Work, change: Change, source: ObjectVersion | None) -> Refusal | None:
        """Try a piece of work; why it was refused, if it was. Raises ReplicaNotReady."""
        if self._rights is None or self._applier is None:
            assert self.refusal is not None
            self._counts.refused += 1
            self.note_refused(self.refusal, change.key)
            self.journal.refused(work, change, self.refusal)
            self._note_nobody_acts()
            return self.refusal
        skip: Skip | None = None
        refusal = self._rights.refusal(work, change.key, self._note)
        if refusal is None:
            try:
                skip = self._applier.apply(work, change, source)
            except ReplicaNotEncrypted as error:
                refusal = error.refusal
        if refusal is not None:
            self._counts.refused += 1
            self.note_refused(refusal, change.key)
            self.journal.refused(work, change, refusal)
            return refusal
        if skip is None:
            self.journal.applied(work, change, source)
        else:
            self._counts.skipped += 1
            self.journal.skipped(change, skip, work.effect.value)
        return None

    def _origin(self, role: Principal) -> Origin:
        """Who asks for the rights of this rule, for the audit log."""
        return Origin(self._now_ms, role, f"replication {self._rule.spec.rule_id}")

    def _note_nobody_acts(self) -> None:
        """Note in the audit log that OSS could not take the rule's role on, if that is why."""
        refusal = self.refusal
        if refusal is None or refusal.reason not in _NO_ROLE or not refusal.resource:
            return
        role = Principal(
            kind=PrincipalKind.ROLE, name=self._rule.spec.role_name, arn=refusal.resource
        )
        verdict = PlainVerdict(False, refusal.message, refusal.statement or None)
        self._tools.audit.record(self._origin(role), "sts:AssumeRole", refusal.resource, verdict)
