"""What a change asks of a destination: triggers, filters and the deletion truth table."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.model import (
    Acl,
    Change,
    ChangeKind,
    ObjectVersion,
    Origin,
    StorageClass,
    Versioning,
    VersionKind,
)
from emulator.replication.decide import Facts, compile_rule, decide, matches_tags
from emulator.replication.model import (
    Effect,
    RuleSpec,
    Skip,
    SkipReason,
    TagFilter,
    Work,
)
from emulator.replication.settings import (
    MarkerPermission,
    MarkerPolicy,
    ReplicationSettings,
)

U, V, S = Versioning.NEVER, Versioning.ENABLED, Versioning.SUSPENDED
PUT, ALL = "PUT", "ALL"

_SPEC = RuleSpec(
    rule_id="r", destination_bucket="dest-bucket", destination_location="oss-cn-shanghai"
)
_OBJECT = ObjectVersion(
    bucket_id=1,
    key="Tax/doc1",
    seq=5,
    version_id="v5",
    kind=VersionKind.NORMAL,
    size_bytes=3,
    etag="E",
    crc64=1,
    modified_ms=0,
    storage_class=StorageClass.STANDARD,
    acl=Acl.DEFAULT,
    owner_uid="1",
)
_MARKER = msgspec.structs.replace(_OBJECT, kind=VersionKind.DELETE_MARKER)
_REPLICA_OF = Origin(3, 1, 2, 0)


def _change(kind: ChangeKind, **fields: Any) -> Change:
    values: dict[str, Any] = {
        "seq": 9,
        "bucket_id": 1,
        "key": "Tax/doc1",
        "version_id": "v5",
        "version_seq": 5,
        "at_ms": 0,
        **fields,
    }
    return Change(kind=kind, **values)


def _decide(
    kind: ChangeKind,
    *,
    source: ObjectVersion | None = None,
    between: tuple[Versioning, Versioning | None] = (U, U),
    was_current: bool = False,
    spec: dict[str, Any] | None = None,
    change: dict[str, Any] | None = None,
    **setting: Any,
) -> Work | Skip:
    rule = compile_rule(
        msgspec.structs.replace(_SPEC, **(spec or {})), ReplicationSettings(**setting)
    )
    facts = Facts(
        source=source,
        source_versioning=between[0],
        destination_versioning=between[1],
        removed_was_current=was_current,
    )
    return decide(rule, _change(kind, **(change or {})), facts)


def _shown(outcome: Work | Skip) -> str:
    """``copy-marker``, ``delete-object!`` (with the delete right) or ``skip: …``."""
    if isinstance(outcome, Skip):
        return f"skip: {outcome.reason}"
    return outcome.effect + ("!" if outcome.needs_delete_right else "")


# --- the deletion truth table ---------------------------------------------------------------

_NO_DELETES = "skip: deletes-not-replicated"

_DELETE = ChangeKind.DELETE
_MARK = ChangeKind.MARKER
_VERSION = ChangeKind.DELETE_VERSION

# id, source/destination, what the client did, outcome without and with DELETE in the Action
_TRUTH: list[tuple[str, tuple[Versioning, Versioning], ChangeKind, dict[str, Any], str, str]] = [
    ("T1 delete a key", (U, U), _DELETE, {}, _NO_DELETES, "delete-object!"),
    ("T2 delete a missing key", (U, U), _DELETE, {"absent": True}, _NO_DELETES, "delete-object!"),
    ("T4 delete a key", (V, V), _MARK, {}, "copy-marker", "copy-marker!"),
    ("T5 nothing there", (V, V), _MARK, {"absent": True}, "copy-marker", "copy-marker!"),
    ("T5 deleted already", (V, V), _MARK, {"marker": True}, "copy-marker", "copy-marker!"),
    ("T6 remove a version", (V, V), _VERSION, {}, _NO_DELETES, "delete-version!"),
    ("T7 remove a marker", (V, V), _VERSION, {"marker": True}, _NO_DELETES, "delete-version!"),
    ("T11 outside", (V, V), _MARK, {"key": "Legal/x"}, "skip: outside-prefixes", ""),
    ("T11 outside", (U, U), _DELETE, {"key": "Legal/x"}, "skip: outside-prefixes", ""),
    ("T11 outside", (V, V), _VERSION, {"key": "Legal/x"}, "skip: outside-prefixes", ""),
    ("T18 delete a key", (S, S), _MARK, {}, "copy-marker", "copy-marker!"),
    ("T19 remove null", (S, S), _VERSION, {}, _NO_DELETES, "delete-version!"),
    ("T20 delete a key", (V, U), _MARK, {}, _NO_DELETES, "delete-object!"),
    ("T21 remove an old version", (V, U), _VERSION, {}, _NO_DELETES, _NO_DELETES),
    ("T21 the current one", (V, U), _VERSION, {"current": True}, _NO_DELETES, "delete-object!"),
    (
        "T21 the current marker",
        (V, U),
        _VERSION,
        {"current": True, "marker": True},
        _NO_DELETES,
        _NO_DELETES,
    ),
    ("T22 delete a key", (U, V), _DELETE, {}, _NO_DELETES, "delete-object!"),
    ("T22 remove null", (U, V), _VERSION, {}, _NO_DELETES, "delete-object!"),
    ("T23 delete a key", (V, S), _MARK, {}, "delete-object", "delete-object!"),
    ("T23 delete a key", (S, V), _MARK, {}, "delete-object", "delete-object!"),
    ("T23 delete a key", (S, U), _MARK, {}, _NO_DELETES, "delete-object!"),
    ("T23 delete a key", (U, S), _DELETE, {}, _NO_DELETES, "delete-object!"),
    ("T23 remove the current", (V, S), _VERSION, {"current": True}, _NO_DELETES, "delete-object!"),
    ("T23 remove an old one", (S, V), _VERSION, {}, _NO_DELETES, _NO_DELETES),
]


@pytest.mark.parametrize("action", [PUT, ALL])
@pytest.mark.parametrize(
    ("name", "between", "kind", "how", "without", "with_delete"),
    _TRUTH,
    ids=[f"{row[0]} {row[1][0] or 'U'}-{row[1][1] or 'U'}" for row in _TRUTH],
)
def test_deletion_truth_table(
    name: str,
    between: tuple[Versioning, Versioning],
    kind: ChangeKind,
    how: dict[str, Any],
    without: str,
    with_delete: str,
    action: str,
) -> None:
    removed = "" if how.get("absent") else VersionKind.NORMAL
    if how.get("marker"):
        removed = VersionKind.DELETE_MARKER
    outcome = _decide(
        kind,
        source=_MARKER if kind is ChangeKind.MARKER else None,
        between=between,
        was_current=bool(how.get("current")),
        spec={"action": action, "prefixes": ("Tax/",)},
        change={"key": how.get("key", "Tax/doc1"), "removed_kind": removed},
    )
    expected = with_delete if action == ALL and with_delete else without
    assert _shown(outcome) == expected, name


@pytest.mark.parametrize("action", [PUT, ALL])
@pytest.mark.parametrize("between", [(V, V), (U, U), (S, S), (V, U), (U, None)])
def test_t16_t17_an_overwrite_is_copied(
    between: tuple[Versioning, Versioning | None], action: str
) -> None:
    outcome = _decide(ChangeKind.PUT, source=_OBJECT, between=between, spec={"action": action})
    assert outcome == Work(Effect.COPY_VERSION)


@pytest.mark.parametrize(
    ("prior_tags", "outcome"),
    [
        ('{"k":"v"}', "copy-marker"),
        ('{"k":"x"}', "skip: tags-do-not-match"),
        ("", "skip: tags-do-not-match"),
    ],
)
def test_t12_under_a_tag_filter_what_the_marker_hides_decides(
    prior_tags: str, outcome: str
) -> None:
    tag_filter = TagFilter(match_all=True, tags=(("k", "v"),))
    decided = _decide(
        ChangeKind.MARKER,
        source=_MARKER,
        between=(V, V),
        spec={"action": PUT, "tag_filter": tag_filter},
        change={"prior_tags_json": prior_tags},
    )
    assert _shown(decided) == outcome


@pytest.mark.parametrize(
    ("permission", "without", "with_delete"),
    [
        (MarkerPermission.AUTO, False, True),
        (MarkerPermission.PUT, False, False),
        (MarkerPermission.DELETE, True, True),
    ],
)
@pytest.mark.parametrize("destination", [V, S])
def test_the_right_a_marker_takes(
    permission: MarkerPermission, without: bool, with_delete: bool, destination: Versioning
) -> None:
    for action, needs in ((PUT, without), (ALL, with_delete)):
        outcome = _decide(
            ChangeKind.MARKER,
            source=_MARKER,
            between=(V, destination),
            spec={"action": action},
            dm_permission=permission,
        )
        assert isinstance(outcome, Work)
        assert outcome.needs_delete_right is needs


def test_c1_markers_can_be_left_out_under_a_rule_without_deletions() -> None:
    for action, outcome in ((PUT, "skip: markers-not-replicated"), (ALL, "copy-marker!")):
        decided = _decide(
            ChangeKind.MARKER,
            source=_MARKER,
            between=(V, V),
            spec={"action": action},
            dm_when_no_delete=MarkerPolicy.SKIP,
        )
        assert _shown(decided) == outcome


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(ChangeKind.MARKER, "copy-marker!"), (ChangeKind.DELETE_VERSION, "delete-version!")],
)
def test_a_missing_destination_is_taken_to_be_like_the_source(
    kind: ChangeKind, outcome: str
) -> None:
    assert _shown(_decide(kind, source=_MARKER, between=(V, None))) == outcome


# --- what is copied -------------------------------------------------------------------------


def test_r29_only_keys_inside_the_prefixes() -> None:
    for key, outcome in (("Tax/doc1", "copy-version"), ("Legal/doc3", "skip: outside-prefixes")):
        decided = _decide(
            ChangeKind.PUT,
            source=_OBJECT,
            spec={"prefixes": ("Tax/", "img/")},
            change={"key": key},
        )
        assert _shown(decided) == outcome


@pytest.mark.parametrize(
    ("match_all", "tags", "matches"),
    [
        (True, {"k1": "v1", "k2": "v2", "k3": ""}, True),
        (True, {"k1": "v1"}, False),
        (True, {"k1": "v1", "k2": "V2"}, False),
        (False, {"k1": "v1"}, True),
        (False, {"k1": "v2", "k2": "v1"}, False),
        (False, {}, False),
    ],
)
def test_r30_tag_filters(match_all: bool, tags: dict[str, str], matches: bool) -> None:
    tag_filter = TagFilter(match_all=match_all, tags=(("k1", "v1"), ("k2", "v2")))
    source = msgspec.structs.replace(_OBJECT, tags_json=json.dumps(tags) if tags else "")
    for kind, work in (
        (ChangeKind.PUT, "copy-version"),
        (ChangeKind.UPDATE, "update-version"),
    ):
        outcome = _decide(kind, source=source, spec={"action": PUT, "tag_filter": tag_filter})
        assert _shown(outcome) == (work if matches else "skip: tags-do-not-match")


def test_without_a_tag_filter_every_object_matches() -> None:
    assert matches_tags(compile_rule(_SPEC, ReplicationSettings()), {})


def test_r41_a_change_of_the_storage_class_alone_is_not_copied() -> None:
    assert _shown(_decide(ChangeKind.CLASS, source=_OBJECT)) == "skip: class-change-only"


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        (ChangeKind.PUT, _OBJECT),
        (ChangeKind.UPDATE, _OBJECT),
        (ChangeKind.MARKER, _MARKER),
    ],
)
def test_r45_r46_a_replica_never_replicates_onward(kind: ChangeKind, source: ObjectVersion) -> None:
    replica = msgspec.structs.replace(source, origin=_REPLICA_OF)
    assert _shown(_decide(kind, source=replica, between=(V, V))) == "skip: is-replica"


@pytest.mark.parametrize("kind", [ChangeKind.DELETE, ChangeKind.DELETE_VERSION])
def test_deleting_a_replica_is_a_client_event_of_its_own(kind: ChangeKind) -> None:
    assert isinstance(_decide(kind, between=(U, U)), Work)


@pytest.mark.parametrize(
    ("storage_class", "copied"),
    [
        (StorageClass.STANDARD, True),
        (StorageClass.IA, True),
        (StorageClass.ARCHIVE, True),
        (StorageClass.COLD_ARCHIVE, False),
        (StorageClass.DEEP_COLD_ARCHIVE, False),
    ],
)
def test_r47_cold_archive_is_never_copied(storage_class: StorageClass, copied: bool) -> None:
    source = msgspec.structs.replace(_OBJECT, storage_class=storage_class)
    outcome = _decide(ChangeKind.PUT, source=source)
    if copied:
        assert outcome == Work(Effect.COPY_VERSION)
    else:
        assert outcome == Skip(SkipReason.STORAGE_CLASS, storage_class.value)


@pytest.mark.parametrize(
    ("encryption", "status", "outcome"),
    [
        ('{"algorithm":"KMS","key_id":"k"}', "", "skip: sse-kms-not-selected"),
        ('{"algorithm":"KMS"}', "Disabled", "skip: sse-kms-not-selected"),
        ('{"algorithm":"KMS"}', "Enabled", "copy-version"),
        ('{"algorithm":"AES256"}', "", "copy-version"),
        ("{}", "", "copy-version"),
        ("not json", "", "copy-version"),
        ("", "Enabled", "copy-version"),
    ],
)
def test_r48_sse_kms_objects_only_when_selected(encryption: str, status: str, outcome: str) -> None:
    source = msgspec.structs.replace(_OBJECT, encryption_json=encryption)
    decided = _decide(ChangeKind.PUT, source=source, spec={"sse_kms_status": status})
    assert _shown(decided) == outcome


def test_r66_acl_and_tags_of_an_existing_version() -> None:
    assert _decide(ChangeKind.UPDATE, source=_OBJECT) == Work(Effect.UPDATE_VERSION)


@pytest.mark.parametrize("kind", [ChangeKind.PUT, ChangeKind.UPDATE, ChangeKind.MARKER])
def test_r68_what_is_gone_before_its_copy_runs_is_not_copied(kind: ChangeKind) -> None:
    assert _shown(_decide(kind, between=(V, V))) == "skip: source-gone"


def test_an_entry_of_the_other_kind_counts_as_gone() -> None:
    put = _decide(ChangeKind.PUT, source=_MARKER, between=(S, S))
    marker = _decide(ChangeKind.MARKER, source=_OBJECT, between=(S, S))
    assert _shown(put) == _shown(marker) == "skip: source-gone"


# --- properties -----------------------------------------------------------------------------

_TAG_SETS = st.sampled_from(
    [{}, {"k": "v"}, {"k": ""}, {"l": "v"}, {"k": "v", "l": "v"}, {"k": "v", "l": ""}]
)
_SOURCES = st.none() | st.builds(
    lambda kind, origin, storage, tags, encryption: msgspec.structs.replace(
        _OBJECT,
        kind=kind,
        origin=origin,
        storage_class=storage,
        tags_json=json.dumps(tags) if tags else "",
        encryption_json=encryption,
    ),
    st.sampled_from(list(VersionKind)),
    st.sampled_from([None, _REPLICA_OF]),
    st.sampled_from(list(StorageClass)),
    _TAG_SETS,
    st.sampled_from(["", "x", "[]", '{"algorithm":1}', '{"algorithm":"KMS"}']),
)
_SPECS = st.builds(
    lambda action, prefixes, tag_filter, kms: msgspec.structs.replace(
        _SPEC, action=action, prefixes=prefixes, tag_filter=tag_filter, sse_kms_status=kms
    ),
    st.sampled_from(["ALL", "PUT", "PUT,DELETE", "ABORT", "ALL,PUT"]),
    st.sampled_from([(), ("a",), ("b/", "a/")]),
    st.none()
    | st.builds(
        lambda match_all, tags: TagFilter(match_all=match_all, tags=tuple(tags.items())),
        st.booleans(),
        _TAG_SETS.filter(bool),
    ),
    st.sampled_from(["", "Enabled", "Disabled"]),
)
_CHANGES = st.builds(
    lambda kind, key, removed, tags: _change(
        kind, key=key, removed_kind=removed, prior_tags_json=json.dumps(tags) if tags else ""
    ),
    st.sampled_from(list(ChangeKind)),
    st.text(alphabet="ab/", max_size=3),
    st.sampled_from(["", *VersionKind]),
    _TAG_SETS,
)
_STATES = st.sampled_from([U, V, S])
_SETTINGS = st.builds(
    ReplicationSettings,
    dm_when_no_delete=st.sampled_from(list(MarkerPolicy)),
    dm_permission=st.sampled_from(list(MarkerPermission)),
)


@settings(max_examples=300, deadline=None)
@given(_SPECS, _CHANGES, _SOURCES, _STATES, st.none() | _STATES, st.booleans(), _SETTINGS)
def test_a_decision_never_raises_and_never_breaks_a_promise(
    spec: RuleSpec,
    change: Change,
    source: ObjectVersion | None,
    source_versioning: Versioning,
    destination_versioning: Versioning | None,
    was_current: bool,
    chosen: ReplicationSettings,
) -> None:
    facts = Facts(
        source=source,
        source_versioning=source_versioning,
        destination_versioning=destination_versioning,
        removed_was_current=was_current,
    )
    outcome = decide(compile_rule(spec, chosen), change, facts)
    inside = not spec.prefixes or any(change.key.startswith(p) for p in spec.prefixes)
    assert (outcome == Skip(SkipReason.OUTSIDE_PREFIXES)) is not inside
    if isinstance(outcome, Skip):
        return
    if outcome.effect is Effect.DELETE_VERSION:
        assert spec.replicates_deletes
        assert outcome.needs_delete_right
    if outcome.effect is Effect.DELETE_OBJECT and change.kind is not ChangeKind.MARKER:
        assert spec.replicates_deletes
    if outcome.effect in (Effect.COPY_VERSION, Effect.UPDATE_VERSION, Effect.COPY_MARKER):
        assert source is not None
        assert source.origin is None
    if outcome.effect is Effect.COPY_VERSION:
        assert not outcome.needs_delete_right


def _model(action: str, source: str, kind: str) -> str:
    """The truth table for equal versioning as the documents put it, written once more."""
    deletions_copied = "ALL" in action or "DELETE" in action
    if kind == "permanent":
        gone_here_too = "delete-object" if source == "U" else "delete-version"
        return gone_here_too if deletions_copied else "kept"
    return "copy-marker" if source != "U" else ("delete-object" if deletions_copied else "kept")


@given(
    st.sampled_from(["ALL", "PUT", "PUT,DELETE", "PUT,ABORT", "DELETE"]),
    st.sampled_from(["U", "V", "S"]),
    st.sampled_from(["permanent", "plain"]),
)
def test_equal_versioning_follows_the_small_model(action: str, source: str, kind: str) -> None:
    state = {"U": U, "V": V, "S": S}[source]
    if kind == "permanent":
        change_kind = ChangeKind.DELETE_VERSION
    else:
        change_kind = ChangeKind.DELETE if source == "U" else ChangeKind.MARKER
    outcome = _decide(
        change_kind,
        source=_MARKER if change_kind is ChangeKind.MARKER else None,
        between=(state, state),
        spec={"action": action},
    )
    shown = "kept" if isinstance(outcome, Skip) else outcome.effect.value
    assert shown == _model(action, source, kind)
