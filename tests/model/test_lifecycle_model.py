"""Random rules on random stacks: the scan does what a plain reading of the rules says.

The second implementation looks at a bucket as lists of entries and at rules as the dictionaries
that were put; it knows no pages, spans, caches or transactions.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.model import StorageClass, Versioning, VersionKind
from emulator.storage.sqlite.stats import kept, recount
from tests.support.lifecycle_world import DAY, START, LifecycleWorld

CLASSES = ["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"]
KEYS = ["a", "a/b", "a/b/c", "ab", "b", "c/d", "日/本"]
PREFIXES = ["", "a", "a/", "a/b", "b", "c", "日"]
TAGS = [{}, {"t": "1"}, {"t": "2"}, {"t": "1", "u": "1"}]
SIZES = [0, 10, 65_535, 65_536, 200_000]


class Entry(NamedTuple):
    """One entry of a stack, the newest first."""

    name: str
    is_marker: bool
    size: int
    written: int
    storage_class: str
    tags: dict[str, str]
    is_null: bool


# the plain reading


def ripe(time: dict[str, Any], since: int, now: int) -> bool:
    """Whether the time of an action has come for something that old."""
    if "Date" in time:
        return bool(now >= START + DAY * time["Date"])
    if "CreatedBeforeDate" in time:
        date = START + DAY * time["CreatedBeforeDate"]
        return bool(since < date <= now)
    days = time.get("Days", time.get("NoncurrentDays", 0))
    whole_days_since = (since + DAY - 1) // DAY
    return bool(now // DAY >= whole_days_since + days)


def concerns(rule: dict[str, Any], key: str, entry: Entry) -> bool:
    """Whether a rule is about an entry."""
    if rule["Status"] != "Enabled" or not key.startswith(rule["Prefix"]):
        return False
    filters = rule.get("Filter", {})
    if not filters.get("ObjectSizeGreaterThan", -1) < entry.size:
        return False
    if not filters.get("ObjectSizeLessThan", 10**9) > entry.size:
        return False
    if any(entry.tags.get(tag["Key"]) != tag["Value"] for tag in rule.get("Tag", [])):
        return False
    for left_out in filters.get("Not", []):
        tag = left_out.get("Tag")
        if key.startswith(left_out["Prefix"]) and (
            tag is None or entry.tags.get(tag["Key"]) == tag["Value"]
        ):
            return False
    return True


def colder(rules: list[dict[str, Any]], tag: str, entry: Entry, since: int, now: int) -> str:
    """The class an entry has after all changes that are due."""
    found = entry.storage_class
    for rule in rules:
        for move in rule.get(tag, []):
            is_small = entry.size < 65_536 and move.get("AllowSmallFile") is False
            if not is_small and ripe(move, since, now):
                found = max(found, move["StorageClass"], key=CLASSES.index)
    return found


def after_scan(
    rules: list[dict[str, Any]], versioning: Versioning, key: str, stack: list[Entry], now: int
) -> list[Entry]:
    """A stack after one scan at this instant."""
    left: list[Entry] = []
    expired = False
    for place, entry in enumerate(stack):
        mine = [rule for rule in rules if concerns(rule, key, entry)]
        if place > 0:
            since = stack[place - 1].written
            ends = [rule.get("NoncurrentVersionExpiration", {}) for rule in mine]
            if any(end and ripe(end, since, now) for end in ends):
                continue
            moved = colder(mine, "NoncurrentVersionTransition", entry, since, now)
            left.append(entry if entry.is_marker else entry._replace(storage_class=moved))
        elif entry.is_marker:
            cleans = any(
                rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker") for rule in mine
            )
            if not (cleans and len(stack) == 1):
                left.append(entry)
        else:
            ends = [
                rule["Expiration"]
                for rule in mine
                if "Expiration" in rule and "ExpiredObjectDeleteMarker" not in rule["Expiration"]
            ]
            expired = any(ripe(end, entry.written, now) for end in ends)
            moved = colder(mine, "Transition", entry, entry.written, now)
            left.append(entry if expired else entry._replace(storage_class=moved))
    if not expired:
        return left
    if versioning is Versioning.NEVER:
        return left[1:]
    is_null = versioning is Versioning.SUSPENDED
    if is_null:
        left = [entry for entry in left if not entry.is_null]
    return [Entry("new", True, 0, now, "Standard", {}, is_null), *left]


def stacks_of(world: LifecycleWorld) -> dict[str, list[Entry]]:
    """Every stack as the second implementation sees it."""
    return {
        key: [
            Entry(
                str(each.seq),
                each.kind is VersionKind.DELETE_MARKER,
                each.size_bytes,
                each.modified_ms,
                each.storage_class.value,
                each.tags,
                each.version_id == "null",
            )
            for each in entries
        ]
        for key in KEYS
        if (entries := world.stack(key))
    }


def document(rules: list[dict[str, Any]]) -> str:
    """The rules as the store keeps them: dates as text."""

    def dated(value: Any) -> Any:
        if isinstance(value, list):
            return [dated(each) for each in value]
        if isinstance(value, dict):
            return {
                name: _date(each) if name in ("Date", "CreatedBeforeDate") else dated(each)
                for name, each in value.items()
            }
        return value

    return msgspec.json.encode({"Rule": dated(rules)}).decode()


def _date(day: int) -> str:
    assert 0 <= day < 20
    return f"2024-10-{4 + day:02d}T00:00:00.000Z"  # START is 4 October


# what is drawn

_days = st.integers(1, 5)
_times = st.one_of(
    st.fixed_dictionaries({"Days": _days}),
    st.fixed_dictionaries({"CreatedBeforeDate": st.integers(0, 8)}),
)
_ends = st.one_of(
    _times,
    st.fixed_dictionaries({"Date": st.integers(0, 8)}),
    st.just({"ExpiredObjectDeleteMarker": True}),
)
_small = st.sampled_from([{}, {"AllowSmallFile": True}, {"AllowSmallFile": False}])
_cold = st.sampled_from(CLASSES[1:]).map(lambda name: {"StorageClass": name})


def merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {k: v for each in found for k, v in each.items()})


_tag = st.sampled_from([{"Key": "t", "Value": "1"}, {"Key": "u", "Value": "1"}])
_not = st.one_of(
    st.fixed_dictionaries({"Prefix": st.sampled_from(PREFIXES[1:])}),
    st.fixed_dictionaries({"Prefix": st.sampled_from(PREFIXES), "Tag": _tag}),
)
_filter = st.fixed_dictionaries(
    {},
    optional={
        "ObjectSizeGreaterThan": st.sampled_from(SIZES),
        "ObjectSizeLessThan": st.sampled_from(SIZES),
        "Not": st.lists(_not, min_size=1, max_size=2),
    },
)
_old = merged(st.fixed_dictionaries({"NoncurrentDays": _days}), _cold, _small)
_rule = st.fixed_dictionaries(
    {
        "Prefix": st.sampled_from(PREFIXES),
        "Status": st.sampled_from(["Enabled", "Enabled", "Enabled", "Disabled"]),
    },
    optional={
        "Tag": st.lists(_tag, min_size=1, max_size=1),
        "Filter": _filter,
        "Expiration": _ends,
        "Transition": st.lists(merged(_times, _cold, _small), min_size=1, max_size=2),
        "NoncurrentVersionExpiration": st.fixed_dictionaries({"NoncurrentDays": _days}),
        "NoncurrentVersionTransition": st.lists(_old, min_size=1, max_size=2),
    },
)
_step = st.one_of(
    st.tuples(
        st.just("put"),
        st.sampled_from(KEYS),
        st.sampled_from(SIZES),
        st.sampled_from(CLASSES),
        st.sampled_from(TAGS),
    ),
    st.tuples(st.just("delete"), st.sampled_from(KEYS)),
    st.tuples(st.just("wait"), st.integers(1, 3 * DAY)),
    st.tuples(st.just("scan"), st.integers(0, 3)),
    st.tuples(st.just("suspend")),
)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(_rule, min_size=1, max_size=4),
    st.lists(_step, min_size=1, max_size=30),
    st.sampled_from([Versioning.NEVER, Versioning.ENABLED]),
    st.sampled_from([1, 2, 3, 500]),
)
def test_scans_do_what_the_rules_say(
    rules: list[dict[str, Any]], steps: list[Any], versioning: Versioning, page_len: int
) -> None:
    numbered = [{"ID": f"r{place}", **rule} for place, rule in enumerate(rules)]
    asyncio.run(_play(numbered, [*steps, ("scan", 3)], versioning, page_len))


async def _play(
    rules: list[dict[str, Any]], steps: list[Any], versioning: Versioning, page_len: int
) -> None:
    world = LifecycleWorld(page_len=page_len)
    await world.begin(versioning)
    scanned = [START // DAY]
    await world.put_rules_document(document(rules))
    for step in steps:
        match step:
            case ("put", key, size, storage_class, tags):
                await world.put(key, size, StorageClass(storage_class), tags)
            case ("delete", key):
                await world.delete(key)
            case ("wait", for_ms):
                world.clock.advance(for_ms)
                await _scan_and_compare(world, rules, scanned)
            case ("scan", days):
                world.clock.set((world.clock.now_ms() // DAY + 1 + days) * DAY)
                await _scan_and_compare(world, rules, scanned)
            case _:
                if world.versioning() is not Versioning.NEVER:
                    await world.set_versioning(Versioning.SUSPENDED)
    await world.store.close()


async def _scan_and_compare(
    world: LifecycleWorld, rules: list[dict[str, Any]], scanned: list[int]
) -> None:
    before, now = stacks_of(world), world.clock.now_ms()
    await world.worker.run_due()
    expected = before
    if now // DAY > scanned[-1]:
        versioning = world.versioning()
        found = {key: after_scan(rules, versioning, key, of, now) for key, of in before.items()}
        expected = {key: of for key, of in found.items() if of}
    scanned.append(now // DAY)
    actual = stacks_of(world)
    known = {entry.name for of in before.values() for entry in of}
    named = {
        key: [entry if entry.name in known else entry._replace(name="new") for entry in of]
        for key, of in actual.items()
    }
    assert named == expected
    connection = world.store._reading
    assert kept(connection) == recount(connection)
