"""Says why a rule is refused: a line when it begins, not one for each attempt."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from emulator.replication.batch import RuleBatch
from emulator.replication.explain_words import refusal_sentences
from emulator.replication.model import FailureReason, Refusal, Rule
from emulator.replication.ports import ReplicationTx

_LOG = logging.getLogger("ossemu.replication")
_RULES_KEPT = 1024


class _News(msgspec.Struct, frozen=True):
    """What a transaction found of a rule; no ``kind``: nothing refused of it is left."""

    uid: int
    kind: tuple[FailureReason, str] | None = None
    line: str = ""


class RefusalLog:
    """Remembers what was said of each rule, until nothing refused of the rule is left.

    ``note`` gathers inside a transaction, ``say`` speaks once it is committed.
    """

    def __init__(self) -> None:
        self._said: dict[int, set[tuple[FailureReason, str]]] = {}
        self._news: list[_News] = []

    def note(self, tx: ReplicationTx, batches: Iterable[RuleBatch]) -> None:
        """Gather what is new of the rules that were worked on."""
        self._news = []
        for batch in batches:
            uid = batch.rule.uid
            said = self._said.get(uid)
            if not batch.refused:
                if said is not None and not _is_held_up(tx, uid):
                    self._news.append(_News(uid))
                continue
            for kind, (refusal, key) in batch.refused.items():
                if said is None or kind not in said:
                    self._news.append(_News(uid, kind, _line(tx, batch.rule, refusal, key)))

    def say(self) -> None:
        """Log what the last ``note`` gathered."""
        for news in self._news:
            if news.kind is None:
                self._said.pop(news.uid, None)
                continue
            if news.uid not in self._said and len(self._said) >= _RULES_KEPT:
                del self._said[next(iter(self._said))]
            self._said.setdefault(news.uid, set()).add(news.kind)
            _LOG.info("%s", news.line)
        self._news = []


def _is_held_up(tx: ReplicationTx, uid: int) -> bool:
    return tx.has_tasks(uid) or tx.history_pause(uid).attempts > 0


def _line(tx: ReplicationTx, rule: Rule, refusal: Refusal, key: str) -> str:
    source = tx.bucket_by_id(rule.source_bucket_id)
    name = "" if source is None else source.name
    if not key:
        history = rule.history
        page = tx.history_page(
            rule.source_bucket_id,
            history.bound_seq,
            at_key=history.at_key,
            at_seq=history.at_seq,
            limit=1,
        )
        key = page[0].key if page else "any"
    return (
        f"rule {rule.spec.rule_id} from {name} to {rule.spec.destination_bucket}: "
        f"{refusal_sentences(refusal)} (see /_emulator/explain?bucket={name}&key={quote(key)})"
    )
