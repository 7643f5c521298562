"""The deletion truth table over HTTP: what a deletion at the source does to the destination.

Each row makes a state, lets it replicate, does one thing and lets that replicate. Stacks are
written newest first, with the labels that the row gave to what it made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import oss2
import pytest
from oss2.models import BatchDeleteObjectVersion, BatchDeleteObjectVersionList

from tests.support.covers import covers
from tests.support.lab import (
    HANGZHOU,
    Lab,
    content,
    rule_xml,
    stack,
    tag_filter_xml,
)
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance

State = dict[str, list[str]]


@dataclass(slots=True)
class Bench:
    """The two buckets of a row. Everything made through it gets a label."""

    lab: Lab
    source: oss2.Bucket
    destination: oss2.Bucket
    labels: dict[str, str] = field(default_factory=dict)

    def put(self, key: str, label: str, tags: str = "") -> None:
        """An object whose content is its label."""
        headers = {"x-oss-tagging": tags} if tags else None
        self._remember(label, self.source.put_object(key, label, headers=headers))

    def delete(self, key: str, label: str = "") -> None:
        """A deletion without a version id; ``label`` names the marker it makes."""
        self._remember(label, self.source.delete_object(key))

    def delete_version(self, key: str, label: str) -> None:
        """A deletion of the version or marker with this label."""
        self.source.delete_object(key, params={"versionId": self.id_of(label)})

    def id_of(self, label: str) -> str:
        """The version id behind a label."""
        return next(version_id for version_id, named in self.labels.items() if named == label)

    def _remember(self, label: str, result: Any) -> None:
        if label and result.versionid:
            self.labels[result.versionid] = label

    def state(self, bucket: oss2.Bucket, keys: tuple[str, ...], *, versioned: bool) -> State:
        """The stacks of the keys in labels; without versions, the contents."""
        if versioned:
            return {
                key: [self.labels.get(e.version_id, e.version_id) for e in stack(bucket, key)]
                for key in keys
            }
        contents = {key: content(bucket, key) for key in keys}
        return {key: [] if read is None else [read.decode()] for key, read in contents.items()}


Act = Callable[[Bench], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table; ``kept`` and ``copied`` are the destination without and with
    deletions in the rule's Action. ``kept`` alone stands for both."""

    name: str
    versioned: bool
    before: Act
    act: Act
    source: State
    kept: State
    copied: State | None = None
    prefix: str = ""
    tags: tuple[tuple[str, str], ...] = ()


def nothing(_bench: Bench) -> None:
    """Start from empty buckets."""


def one_object(bench: Bench) -> None:
    bench.put("k", "v1")


def two_versions(bench: Bench) -> None:
    bench.put("k", "v1")
    bench.put("k", "v2")


def deleted_object(bench: Bench) -> None:
    bench.put("k", "v1")
    bench.delete("k", "m1")


def native_at_destination(bench: Bench) -> None:
    bench.destination.put_object("k", "native")


def many_keys(bench: Bench) -> None:
    for key in ("plain", "version"):
        bench.put(key, f"{key}-v1")
        bench.put(key, f"{key}-v2")
    bench.put("marker", "marker-v1")
    bench.delete("marker", "marker-m1")


def delete_many(bench: Bench) -> None:
    bench.source.delete_object_versions(
        BatchDeleteObjectVersionList(
            [
                BatchDeleteObjectVersion("plain"),
                BatchDeleteObjectVersion("version", bench.id_of("version-v1")),
                BatchDeleteObjectVersion("marker", bench.id_of("marker-m1")),
            ]
        )
    )
    marker = stack(bench.source, "plain")[0]
    assert marker.is_marker
    bench.labels[marker.version_id] = "plain-m1"


def tagged_keys(bench: Bench) -> None:
    bench.put("in", "in-v1", "copy=yes")
    bench.put("out", "out-v1")
    bench.put("left", "left-v1", "copy=yes")
    bench.put("left", "left-v2")


def delete_tagged_keys(bench: Bench) -> None:
    for key in ("in", "out", "left"):
        bench.delete(key, f"{key}-m1")


def delete_at_destination(bench: Bench) -> None:
    result = bench.destination.delete_object("k")
    if result.versionid:
        bench.labels[result.versionid] = "theirs"


def overwrite(bench: Bench) -> None:
    bench.put("k", "v2")


def delete_key(bench: Bench) -> None:
    bench.delete("k", "m1")


U, V = False, True
TABLE = [
    Row(
        name="T1 U/U delete",
        versioned=U,
        before=one_object,
        act=delete_key,
        source={"k": []},
        kept={"k": ["v1"]},
        copied={"k": []},
    ),
    Row(
        name="T2 U/U delete of a missing key",
        versioned=U,
        before=native_at_destination,
        act=delete_key,
        source={"k": []},
        kept={"k": ["native"]},
        copied={"k": []},
    ),
    Row(
        name="T4 V/V delete",
        versioned=V,
        before=two_versions,
        act=delete_key,
        source={"k": ["m1", "v2", "v1"]},
        kept={"k": ["m1", "v2", "v1"]},
    ),
    Row(
        name="T5 V/V delete of a key without versions",
        versioned=V,
        before=nothing,
        act=delete_key,
        source={"k": ["m1"]},
        kept={"k": ["m1"]},
    ),
    Row(
        name="T5 V/V delete of a deleted key",
        versioned=V,
        before=deleted_object,
        act=lambda bench: bench.delete("k", "m2"),
        source={"k": ["m2", "m1", "v1"]},
        kept={"k": ["m2", "m1", "v1"]},
    ),
    Row(
        name="T6 V/V delete of a noncurrent version",
        versioned=V,
        before=two_versions,
        act=lambda bench: bench.delete_version("k", "v1"),
        source={"k": ["v2"]},
        kept={"k": ["v2", "v1"]},
        copied={"k": ["v2"]},
    ),
    Row(
        name="T6 V/V delete of the current version",
        versioned=V,
        before=two_versions,
        act=lambda bench: bench.delete_version("k", "v2"),
        source={"k": ["v1"]},
        kept={"k": ["v2", "v1"]},
        copied={"k": ["v1"]},
    ),
    Row(
        name="T7 V/V delete of a delete marker",
        versioned=V,
        before=deleted_object,
        act=lambda bench: bench.delete_version("k", "m1"),
        source={"k": ["v1"]},
        kept={"k": ["m1", "v1"]},
        copied={"k": ["v1"]},
    ),
    Row(
        name="T8 V/V delete of many",
        versioned=V,
        before=many_keys,
        act=delete_many,
        source={
            "plain": ["plain-m1", "plain-v2", "plain-v1"],
            "version": ["version-v2"],
            "marker": ["marker-v1"],
        },
        kept={
            "plain": ["plain-m1", "plain-v2", "plain-v1"],
            "version": ["version-v2", "version-v1"],
            "marker": ["marker-m1", "marker-v1"],
        },
        copied={
            "plain": ["plain-m1", "plain-v2", "plain-v1"],
            "version": ["version-v2"],
            "marker": ["marker-v1"],
        },
    ),
    Row(
        name="T11 V/V delete outside the prefixes",
        versioned=V,
        prefix="in/",
        before=one_object,
        act=delete_key,
        source={"k": ["m1", "v1"]},
        kept={"k": []},
    ),
    Row(
        name="T12 V/V delete under a tag filter",
        versioned=V,
        tags=(("copy", "yes"),),
        before=tagged_keys,
        act=delete_tagged_keys,
        source={
            "in": ["in-m1", "in-v1"],
            "out": ["out-m1", "out-v1"],
            "left": ["left-m1", "left-v2", "left-v1"],
        },
        kept={"in": ["in-m1", "in-v1"], "out": [], "left": ["left-v1"]},
    ),
    Row(
        name="T15 U/U delete of a replica",
        versioned=U,
        before=one_object,
        act=delete_at_destination,
        source={"k": ["v1"]},
        kept={"k": []},
    ),
    Row(
        name="T15 V/V delete of a replica",
        versioned=V,
        before=one_object,
        act=delete_at_destination,
        source={"k": ["v1"]},
        kept={"k": ["theirs", "v1"]},
    ),
    Row(
        name="T16 V/V overwrite",
        versioned=V,
        before=one_object,
        act=overwrite,
        source={"k": ["v2", "v1"]},
        kept={"k": ["v2", "v1"]},
    ),
    Row(
        name="T17 U/U overwrite",
        versioned=U,
        before=one_object,
        act=overwrite,
        source={"k": ["v2"]},
        kept={"k": ["v2"]},
    ),
]

# Action without deletions (ADD/CHANGE), and with them (ADD/DELETE/CHANGE).
KEEPS, COPIES = "PUT", "ALL"


class When(StrEnum):
    """When the rule is made and what has replicated by the time of the row's act."""

    FIRST = "rule first"
    HISTORY = "after the history"  # what was before is the rule's history
    STARTING = "while starting"  # nothing is copied before everything has happened


Case = tuple[Row, str, When]
CASES: list[Case] = [
    (row, action, when)
    for row in TABLE
    for action in (KEEPS, COPIES)
    for when in When
    if not (action == COPIES and row.tags)  # tag filters and deletions exclude each other
    # What is deleted before it was copied may be copied or not; a replica has to be there first.
    if when is not When.STARTING or action == COPIES or row.copied is None
    if when is not When.STARTING or row.act is not delete_at_destination
]


def name_of(case: Case) -> str:
    """A case as test reports show it."""
    row, action, when = case
    return f"{row.name} {action} {when}"


def differences(lab: Lab, row: Row, action: str, when: When) -> list[str]:
    """Carry a row out; what is not as the table says."""
    source, destination = lab.pair(versioned=row.versioned)
    bench = Bench(lab, source, destination)
    if when is When.HISTORY:
        row.before(bench)
    inner = f"<Action>{action}</Action>"
    if row.prefix:
        inner += f"<PrefixSet><Prefix>{row.prefix}</Prefix></PrefixSet>"
    if row.tags:
        inner += tag_filter_xml("AND", dict(row.tags))
    lab.add_xml(source, rule_xml(destination, HANGZHOU, inner))
    if when is not When.STARTING:
        lab.settle()
    if when is not When.HISTORY:
        row.before(bench)
    if when is When.FIRST:
        lab.settle()
    row.act(bench)
    counts = lab.settle()
    found = [f"left over: {counts}"] if counts["pending"] or counts["failed"] else []
    wanted = row.kept if action == KEEPS or row.copied is None else row.copied
    for bucket, state, side in ((source, row.source, "source"), (destination, wanted, "target")):
        seen = bench.state(bucket, tuple(state), versioned=row.versioned)
        if seen != state:
            found.append(f"{side}: {seen}, wanted {state}")
    return found


@covers("PutBucketReplication", "PutObject", "DeleteObject", "ListObjectVersions")
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_row_of_the_deletion_table(lab: Lab, case: Case) -> None:
    assert differences(lab, *case) == []


def test_every_row_that_is_built_is_in_the_table() -> None:
    wanted = {f"T{number}" for number in (*range(1, 9), 11, 12, 15, 16, 17)} - {"T3"}
    assert {row.name.partition(" ")[0] for row in TABLE} == wanted


@pytest.fixture(scope="module")
def wrong_server() -> Iterator[EmulatorProcess]:
    """A server that does not copy delete markers under rules without deletions."""
    with EmulatorProcess(settings=("repl.dm_when_no_delete=skip",)) as process:
        yield process


def test_the_table_notices_delete_markers_that_are_not_copied(
    wrong_server: EmulatorProcess,
) -> None:
    lab = Lab(wrong_server)
    noticed = [
        f"{row.name} {action}"
        for row, action, when in CASES
        if when is When.FIRST and differences(lab, row, action, when)
    ]
    lab.clear()
    # Every row in which a marker is made at the source and belongs to the rule, and no other.
    assert noticed == [
        "T4 V/V delete PUT",
        "T5 V/V delete of a key without versions PUT",
        "T5 V/V delete of a deleted key PUT",
        "T7 V/V delete of a delete marker PUT",
        "T8 V/V delete of many PUT",
        "T12 V/V delete under a tag filter PUT",
    ]
