"""The truth table of deletions: what a deletion at the source does to the destination.

Each line makes a state, lets it replicate, does one thing and lets that replicate. Stacks are
written newest first, with the labels that the line gave to what it made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import oss2
from oss2.models import BatchDeleteObjectVersion, BatchDeleteObjectVersionList

from tests.behaviours.looking import SKIPPED, outcome
from tests.support.lab import HANGZHOU, Lab, content, rule_xml, stack, tag_filter_xml

State = dict[str, list[str]]


@dataclass(slots=True)
class Bench:
    """The two buckets of a line. Everything made through it gets a label."""

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
class Line:
    """One line of the table; ``kept`` and ``copied`` are the destination without and with
    deletions in the rule's Action. ``kept`` alone stands for both. ``left_out`` is the reason for
    which a rule without deletions leaves the change of a key out, by keys."""

    row_id: str
    name: str
    versioned: bool
    before: Act
    act: Act
    source: State
    kept: State
    copied: State | None = None
    prefix: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)


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
    Line(
        row_id="T1",
        name="U/U delete",
        versioned=U,
        before=one_object,
        act=delete_key,
        source={"k": []},
        kept={"k": ["v1"]},
        copied={"k": []},
    ),
    Line(
        row_id="T2",
        name="U/U delete of a missing key",
        versioned=U,
        before=native_at_destination,
        act=delete_key,
        source={"k": []},
        kept={"k": ["native"]},
        copied={"k": []},
    ),
    Line(
        row_id="T4",
        name="V/V delete",
        versioned=V,
        before=two_versions,
        act=delete_key,
        source={"k": ["m1", "v2", "v1"]},
        kept={"k": ["m1", "v2", "v1"]},
    ),
    Line(
        row_id="T5",
        name="V/V delete of a key without versions",
        versioned=V,
        before=nothing,
        act=delete_key,
        source={"k": ["m1"]},
        kept={"k": ["m1"]},
    ),
    Line(
        row_id="T5",
        name="V/V delete of a deleted key",
        versioned=V,
        before=deleted_object,
        act=lambda bench: bench.delete("k", "m2"),
        source={"k": ["m2", "m1", "v1"]},
        kept={"k": ["m2", "m1", "v1"]},
    ),
    Line(
        row_id="T6",
        name="V/V delete of a noncurrent version",
        versioned=V,
        before=two_versions,
        act=lambda bench: bench.delete_version("k", "v1"),
        source={"k": ["v2"]},
        kept={"k": ["v2", "v1"]},
        copied={"k": ["v2"]},
    ),
    Line(
        row_id="T6",
        name="V/V delete of the current version",
        versioned=V,
        before=two_versions,
        act=lambda bench: bench.delete_version("k", "v2"),
        source={"k": ["v1"]},
        kept={"k": ["v2", "v1"]},
        copied={"k": ["v1"]},
    ),
    Line(
        row_id="T7",
        name="V/V delete of a delete marker",
        versioned=V,
        before=deleted_object,
        act=lambda bench: bench.delete_version("k", "m1"),
        source={"k": ["v1"]},
        kept={"k": ["m1", "v1"]},
        copied={"k": ["v1"]},
    ),
    Line(
        row_id="T8",
        name="V/V delete of many",
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
    Line(
        row_id="T11",
        name="V/V delete outside the prefixes",
        versioned=V,
        prefix="in/",
        before=one_object,
        act=delete_key,
        source={"k": ["m1", "v1"]},
        kept={"k": []},
        left_out={"k": "outside-prefixes"},
    ),
    Line(
        row_id="T12",
        name="V/V delete under a tag filter",
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
        left_out={"out": "tags-do-not-match", "left": "tags-do-not-match"},
    ),
    Line(
        row_id="T15",
        name="U/U delete of a replica",
        versioned=U,
        before=one_object,
        act=delete_at_destination,
        source={"k": ["v1"]},
        kept={"k": []},
    ),
    Line(
        row_id="T15",
        name="V/V delete of a replica",
        versioned=V,
        before=one_object,
        act=delete_at_destination,
        source={"k": ["v1"]},
        kept={"k": ["theirs", "v1"]},
    ),
    Line(
        row_id="T16",
        name="V/V overwrite",
        versioned=V,
        before=one_object,
        act=overwrite,
        source={"k": ["v2", "v1"]},
        kept={"k": ["v2", "v1"]},
    ),
    Line(
        row_id="T17",
        name="U/U overwrite",
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
    """When the rule is made and what has replicated by the time of the line's act."""

    FIRST = "rule first"
    HISTORY = "after the history"  # what was before is the rule's history
    STARTING = "while starting"  # nothing is copied before everything has happened


Case = tuple[Line, str, When]
CASES: list[Case] = [
    (line, action, when)
    for line in TABLE
    for action in (KEEPS, COPIES)
    for when in When
    if not (action == COPIES and line.tags)  # tag filters and deletions exclude each other
    # What is deleted before it was copied may be copied or not; a replica has to be there first.
    if when is not When.STARTING or action == COPIES or line.copied is None
    if when is not When.STARTING or line.act is not delete_at_destination
]


def differences(lab: Lab, line: Line, action: str, when: When, role: str = "") -> list[str]:
    """Carry a line out; what is not as the table says."""
    source, destination = lab.pair(versioned=line.versioned)
    bench = Bench(lab, source, destination)
    if when is When.HISTORY:
        line.before(bench)
    inner = f"<Action>{action}</Action>"
    if role:
        inner += f"<SyncRole>{role}</SyncRole>"
    if line.prefix:
        inner += f"<PrefixSet><Prefix>{line.prefix}</Prefix></PrefixSet>"
    if line.tags:
        inner += tag_filter_xml("AND", dict(line.tags))
    lab.add_xml(source, rule_xml(destination, HANGZHOU, inner))
    if when is not When.STARTING:
        lab.settle()
    if when is not When.HISTORY:
        line.before(bench)
    if when is When.FIRST:
        lab.settle()
    line.act(bench)
    counts = lab.settle()
    found = [f"left over: {counts}"] if counts["pending"] or counts["failed"] else []
    wanted = line.kept if action == KEEPS or line.copied is None else line.copied
    for bucket, state, side in ((source, line.source, "source"), (destination, wanted, "target")):
        seen = bench.state(bucket, tuple(state), versioned=line.versioned)
        if seen != state:
            found.append(f"{side}: {seen}, wanted {state}")
    return found + _wrong_reasons(bench, line, action)


def _wrong_reasons(bench: Bench, line: Line, action: str) -> list[str]:
    """Keys that were left out for another reason than the table has it, as ``explain`` says."""
    reasons = dict(line.left_out)
    if action == KEEPS and line.copied is not None:
        differing = [key for key in line.kept if line.kept[key] != line.copied[key]]
        reasons |= dict.fromkeys(differing, "deletes-not-replicated")
    said = {key: outcome(bench.lab, bench.source, key) for key in reasons}
    return [
        f"explain of {key}: {said[key]}, wanted {reason}"
        for key, reason in reasons.items()
        if said[key] != (SKIPPED, reason)
    ]
