"""The next changes of a reading, dealt out to the rules that they concern."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.replication.matching import RuleIndex
from emulator.replication.model import Rule
from emulator.replication.ports import ChangeRead, Reading, ReplicationTx

# Rules that share a page get about so many changes each, if there are as many: fewer are not
# worth looking up their buckets and rights.
RULE_LEN_MIN = 32
_KEYS_MAX = 4096
_KEYS_A_CHANGE = 32  # so many keys are matched in the time that one change is carried out
_INDEXES_KEPT = 16_384
_PAGES_KEPT = 32


class Page:
    """Changes of a reading from after its cursor up to ``end_seq``.

    ``uids`` are the rules that any of them concerns and that are not done with it. ``outside``
    counts, over all rules, the changes that do not concern a rule; ``cost`` is what finding that
    out comes to, in changes carried out. ``is_last``: the reading ends with this page, for now.
    """

    __slots__ = (
        "_all", "_bucket_id", "_keys_len", "_of_rule", "cost", "end_seq", "is_last", "outside",
        "uids",
    )  # fmt: skip

    def __init__(self, reading: Reading, end_seq: int, *, is_last: bool) -> None:
        self._bucket_id = reading.bucket_id
        self._all: list[ChangeRead] = []
        self._of_rule: dict[int, list[int]] = {}
        self._keys_len = 0
        self.end_seq = end_seq
        self.is_last = is_last
        self.uids: list[int] = []
        self.outside = 0
        self.cost = 0

    @property
    def is_dealt(self) -> bool:
        """Whether the rules are concerned by different changes."""
        return not self._all

    def keep(self, changes: list[ChangeRead], uids: Sequence[int]) -> None:
        """Every change concerns every rule."""
        self._all = changes
        self.uids = list(uids)

    def deal(self, of_rule: dict[int, list[int]], keys_len: int, rules_len: int) -> None:
        """The ``seq`` of the changes that concern each rule, out of so many."""
        self._of_rule = of_rule
        self._keys_len = keys_len
        self.uids = sorted(of_rule)
        self.outside = keys_len * rules_len - sum(map(len, of_rule.values()))
        self.cost = keys_len // _KEYS_A_CHANGE

    def part_of(
        self, tx: ReplicationTx, rule: Rule, limit: int
    ) -> tuple[Sequence[ChangeRead], bool]:
        """The next changes that concern a rule, and whether these are the last ones of the page."""
        after_seq = rule.cursor_seq
        if self._all:
            if self._all[0][0].seq > after_seq:
                return self._all, True
            return [read for read in self._all if read[0].seq > after_seq], True
        seqs = [seq for seq in self._of_rule[rule.uid] if seq > after_seq]
        return tx.changes_at(self._bucket_id, seqs[:limit]), len(seqs) <= limit

    def leave_out(self, uid: int) -> None:
        """A rule has left the reading, and is to see these changes again."""
        self.uids.remove(uid)
        if self._of_rule:
            self.outside -= self._keys_len - len(self._of_rule[uid])


class PageCache:
    """What was worked out of readings and stays true: changes are never altered.

    The index of a reading is kept as long as its rules stay the same, a page that not all rules
    are done with, as long as the reading also stands where it did.
    """

    __slots__ = ("_indexes", "_pages")

    def __init__(self) -> None:
        self._indexes: dict[int, tuple[int, RuleIndex]] = {}
        self._pages: dict[int, tuple[Reading, Page]] = {}

    def index(self, tx: ReplicationTx, reading: Reading) -> RuleIndex:
        """The rules of a reading by their prefixes."""
        kept = self._indexes.get(reading.id)
        if kept is not None and kept[0] == reading.version:
            return kept[1]
        specs = tx.specs_of_reading(reading.id)
        index = RuleIndex({uid: spec.prefixes for uid, spec in specs.items()})
        if len(self._indexes) >= _INDEXES_KEPT:
            self._indexes.clear()
        self._indexes[reading.id] = (reading.version, index)
        return index

    def take_page(self, reading: Reading) -> Page | None:
        """The page that was kept of a reading, which is not kept any longer."""
        kept = self._pages.pop(reading.id, None)
        if kept is None or (kept[0].cursor_seq, kept[0].version) != (
            reading.cursor_seq,
            reading.version,
        ):
            return None
        return kept[1]

    def keep_page(self, reading: Reading, page: Page) -> None:
        """Keep a page until its rules are done with it. There may be more changes by then."""
        if not page.is_dealt:
            return
        if len(self._pages) >= _PAGES_KEPT:
            self._pages.clear()
        page.is_last = False
        page.cost = 0
        self._pages[reading.id] = (reading, page)


def read_page(tx: ReplicationTx, reading: Reading, index: RuleIndex, limit: int) -> Page:
    """The next changes of a reading, about ``limit`` if they concern few rules.

    It ends where another reading of the bucket stands, so that the two go on together.
    """
    until_seq = reading.until_seq
    if until_seq is None:
        until_seq = reading.further_seq
    if not index.is_plain:
        return _dealt_page(tx, reading, index, limit, until_seq)
    length = max(min(limit, RULE_LEN_MIN), limit // len(index.uids))
    changes = tx.changes_after(
        reading.bucket_id, reading.cursor_seq, until_seq=until_seq, limit=length
    )
    last_seq = changes[-1][0].seq if changes else reading.cursor_seq
    page = _page(reading, last_seq, until_seq, is_last=len(changes) < length)
    page.keep(changes, index.uids if changes else ())
    return page


def _dealt_page(
    tx: ReplicationTx, reading: Reading, index: RuleIndex, limit: int, until_seq: int | None
) -> Page:
    """A page of which every rule gets what is inside of its prefixes."""
    of_rule: dict[int, list[int]] = {}
    keys_len = dealt_len = 0
    is_last = False
    last_seq = reading.cursor_seq
    while (
        not is_last and dealt_len < max(limit, RULE_LEN_MIN * len(of_rule)) and keys_len < _KEYS_MAX
    ):
        keys = tx.change_keys_after(reading.bucket_id, last_seq, until_seq=until_seq, limit=limit)
        is_last = len(keys) < limit
        for seq, key in keys:
            for uid in index.matching(key):
                of_rule.setdefault(uid, []).append(seq)
                dealt_len += 1
        keys_len += len(keys)
        last_seq = keys[-1][0] if keys else last_seq
    page = _page(reading, last_seq, until_seq, is_last=is_last)
    page.deal(of_rule, keys_len, len(index.uids))
    return page


def _page(reading: Reading, last_seq: int, until_seq: int | None, *, is_last: bool) -> Page:
    """A page that ends at ``last_seq``, or where another reading goes on."""
    if is_last and reading.until_seq is None and until_seq is not None:
        return Page(reading, until_seq, is_last=False)
    return Page(reading, last_seq, is_last=is_last)
