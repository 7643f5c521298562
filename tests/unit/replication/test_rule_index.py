"""Which rules a key concerns: the index against asking every rule, and readings against that."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.model import Change, ChangeKind, Versioning
from emulator.replication.decide import Facts, compile_rule, decide
from emulator.replication.matching import RuleIndex
from emulator.replication.model import RuleSpec, Work
from emulator.replication.settings import ReplicationSettings
from tests.unit.replication.engine_world import World

# Few letters, so that prefixes nest; one beyond the plane that UTF-16 reaches with one unit.
TEXTS = st.text(alphabet="ab/\U0001f600", max_size=6)
RULES = st.dictionaries(st.integers(1, 30), st.lists(TEXTS, max_size=5), max_size=12)


def naive(rules: dict[int, list[str]], key: str) -> list[int]:
    """Every rule is asked."""
    return sorted(
        uid
        for uid, prefixes in rules.items()
        if not prefixes or any(key.startswith(prefix) for prefix in prefixes)
    )


@given(rules=RULES, keys=st.lists(TEXTS, max_size=20))
def test_index_finds_what_asking_every_rule_finds(
    rules: dict[int, list[str]], keys: list[str]
) -> None:
    index = RuleIndex(rules)
    nested = [prefix + "b" for prefixes in rules.values() for prefix in prefixes]
    for key in [*keys, *nested, *(prefix for each in rules.values() for prefix in each)]:
        assert list(index.matching(key)) == naive(rules, key)


@given(st.lists(TEXTS, max_size=4), TEXTS)
def test_r29_a_key_matches_when_it_starts_with_a_prefix(prefixes: list[str], key: str) -> None:
    expected = not prefixes or any(key[: len(prefix)] == prefix for prefix in prefixes)
    assert bool(RuleIndex({1: prefixes}).matching(key)) is expected
    rule = compile_rule(
        RuleSpec(
            rule_id="r",
            destination_bucket="dst",
            destination_location="oss-cn-shanghai",
            prefixes=tuple(prefixes),
        ),
        ReplicationSettings(),
    )
    change = Change(
        seq=1,
        bucket_id=1,
        key=key,
        kind=ChangeKind.DELETE,
        version_id="null",
        version_seq=0,
        at_ms=0,
    )
    facts = Facts(
        source=None,
        source_versioning=Versioning.NEVER,
        destination_versioning=Versioning.NEVER,
    )
    assert isinstance(decide(rule, change, facts), Work) is expected


def test_deeply_nested_prefixes_are_all_found() -> None:
    rules = {number: ["a" * number] for number in range(1, 101)}
    index = RuleIndex(rules)
    assert index.matching("a" * 50 + "b") == tuple(range(1, 51))
    assert index.matching("ab") == (1,)
    assert index.matching("b") == ()
    assert not index.is_plain


def test_rules_without_prefixes_are_for_every_key() -> None:
    index = RuleIndex({7: [], 3: ["x/"], 5: []})
    assert index.matching("x/1") == (3, 5, 7)
    assert index.matching("y") == (5, 7)
    assert RuleIndex({1: []}).is_plain


KEYS = ["a/1", "a/x1", "b/1", "c"]
PREFIXES = [(), ("a/",), ("b/",), ("a/x", "b/")]
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS)),
        st.tuples(st.just("rule"), st.sampled_from(["0", "1", "2", "3"])),
        st.tuples(st.just("close"), st.sampled_from(["0", "1", "2", "3"])),
        st.tuples(st.just("run some"), st.just("")),
        st.tuples(st.just("run"), st.just("")),
        st.tuples(st.just("tick"), st.just("")),
    ),
    max_size=40,
)


class Expected:
    """What each rule's destination should hold, and how many changes are outside of a rule."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[str, ...]] = {}
        self.wanted: dict[str, list[str]] = {}
        self.outside = 0

    def put(self, key: str, version_id: str) -> None:
        for name, prefixes in self.open.items():
            if not prefixes or key.startswith(prefixes):
                self.wanted[name].append(version_id)
            else:
                self.outside += 1


async def play(operations: list[tuple[str, str]], batch_len: int) -> None:
    options = ReplicationSettings(start_delay_s=2, close_delay_s=1_000, batch_len=batch_len)
    world = World(settings=options)
    expected = Expected()
    await world.bucket("src")
    rules = {}
    for number in range(len(PREFIXES)):
        await world.bucket(f"dst{number}")
        expected.wanted[str(number)] = []
    skipped = 0
    for name, what in [*operations, ("tick", ""), ("run", "")]:
        match name:
            case "put":
                version = await world.put("src", what)
                expected.put(what, version.version_id)
            case "rule" if what not in rules:
                prefixes = PREFIXES[int(what)]
                rules[what] = await world.rule("src", f"dst{what}", prefixes=prefixes, rule_id=what)
                expected.open[what] = prefixes
            case "close" if what in expected.open:
                skipped += (await world.due()).skipped
                with world.store.read() as view:
                    rule = view.rule_by_uid(rules[what].uid)
                assert rule is not None
                if rule.state == "doing":
                    await world.close_rule(rule)
                    del expected.open[what]
            case "run some":
                skipped += (await world.engine.run_due(limit=1)).skipped
            case "run":
                skipped += (await world.due()).skipped
            case "tick":
                world.clock.advance(2_000)
            case _:
                pass  # the rule is there already, or there is none to close
    assert skipped == expected.outside
    for name, wanted in expected.wanted.items():
        found = [entry for key in KEYS for entry in world.ids(f"dst{name}", key)]
        assert sorted(found) == sorted(wanted)
    await world.store.close()


@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS, batch_len=st.sampled_from([1, 3, 256]))
def test_rules_that_come_and_go_each_get_their_changes_once(
    operations: list[tuple[str, str]], batch_len: int
) -> None:
    asyncio.run(play(operations, batch_len))
