"""What other readings of the sources make of a decision: the KMS table of 2021, transitions."""

from __future__ import annotations

import json

import msgspec
import pytest

from emulator.domain.encryption import (
    Encryption,
    KeyHolder,
    ReplicaKeys,
    default_key_id,
    encryption_of,
    replica_encryption,
)
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
from emulator.replication.decide import Facts, compile_rule, decide
from emulator.replication.model import RuleSpec, Skip, TagFilter
from emulator.replication.settings import KmsTable, ReplicationSettings, settings_from

HERE, THERE = KeyHolder("1", "cn-hangzhou"), KeyHolder("1", "cn-shanghai")
NAMED, UNNAMED = "a-key", default_key_id(HERE)
OBJECT = ObjectVersion(
    bucket_id=1,
    key="k",
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
SPEC = RuleSpec(rule_id="r", destination_bucket="dest", destination_location="oss-cn-shanghai")


def default_of(algorithm: str, key_id: str = "") -> str:
    """The "encryption" setting of a destination; "" for none."""
    if not algorithm:
        return ""
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key_id} if key_id else {})}
    return json.dumps({"ApplyServerSideEncryptionByDefault": default})


def decided(
    kind: ChangeKind,
    source: ObjectVersion | None,
    *,
    spec: RuleSpec = SPEC,
    default: str = "",
    table: KmsTable = KmsTable.CURRENT,
) -> str:
    """What is decided of a change, in a word."""
    keys = ReplicaKeys(HERE, THERE, default)
    rule = compile_rule(spec, ReplicationSettings(kms_table=table), keys)
    change = Change(seq=1, bucket_id=1, key="k", kind=kind, version_id="v5", version_seq=5, at_ms=0)
    facts = Facts(
        source=source,
        source_versioning=Versioning.NEVER,
        destination_versioning=Versioning.NEVER,
    )
    outcome = decide(rule, change, facts)
    return outcome.reason.value if isinstance(outcome, Skip) else outcome.effect.value


COPY, LEFT_OUT = "copy-version", "sse-kms-not-selected"
KMS_NAMED = Encryption("KMS", NAMED).to_json()
KMS_UNNAMED = Encryption("KMS", UNNAMED).to_json()
SSE_OSS = Encryption("AES256").to_json()


@pytest.mark.parametrize("status", ["", "Disabled", "Enabled"])
@pytest.mark.parametrize(
    ("encryption", "default", "current", "of_2021"),
    [
        ("", "", COPY, COPY),
        ("", default_of("AES256"), COPY, COPY),
        ("", default_of("KMS"), COPY, COPY),
        ("", default_of("KMS", NAMED), COPY, LEFT_OUT),
        (SSE_OSS, default_of("KMS", NAMED), COPY, COPY),
        (KMS_NAMED, "", LEFT_OUT, LEFT_OUT),
        (KMS_UNNAMED, "", LEFT_OUT, COPY),
        (KMS_UNNAMED, default_of("KMS", NAMED), LEFT_OUT, COPY),
        ("no json", "", COPY, COPY),
    ],
)
def test_c5_the_two_encryption_tables(
    status: str, encryption: str, default: str, current: str, of_2021: str
) -> None:
    source = msgspec.structs.replace(OBJECT, encryption_json=encryption)
    spec = msgspec.structs.replace(SPEC, sse_kms_status=status)
    for table, wanted in ((KmsTable.CURRENT, current), (KmsTable.OF_2021, of_2021)):
        said = decided(ChangeKind.PUT, source, spec=spec, default=default, table=table)
        assert said == (COPY if status == "Enabled" else wanted)


def test_c5_without_a_destination_nothing_is_known_of_keys() -> None:
    settings = ReplicationSettings(kms_table=KmsTable.OF_2021)
    assert compile_rule(SPEC, settings) == compile_rule(SPEC, ReplicationSettings())


@pytest.mark.parametrize(("keeps", "key_id"), [(False, "rule-key"), (True, default_key_id(THERE))])
def test_c5_an_object_that_names_no_key_may_be_spared_the_key_of_the_rule(
    keeps: bool, key_id: str
) -> None:
    keys = ReplicaKeys(HERE, THERE, "", "rule-key", keeps_service_key=keeps)
    replica = encryption_of(replica_encryption(KMS_UNNAMED, keys))
    assert replica is not None
    assert replica.key_id == key_id
    named = encryption_of(replica_encryption(KMS_NAMED, keys))
    assert named is not None
    assert named.key_id == "rule-key"


def test_c3_transitions_that_are_recorded_are_copied_like_updates() -> None:
    colder = msgspec.structs.replace(OBJECT, storage_class=StorageClass.COLD_ARCHIVE)
    replica = msgspec.structs.replace(OBJECT, origin=Origin(1, 1, 1, 0))
    for source, wanted in (
        (OBJECT, "update-version"),
        (colder, "update-version"),  # no content moves
        (replica, "is-replica"),
        (None, "source-gone"),
    ):
        assert decided(ChangeKind.TRANSITION, source) == wanted
        assert decided(ChangeKind.CLASS, source) == "class-change-only"
    tagged = msgspec.structs.replace(
        SPEC, action="PUT", tag_filter=TagFilter(match_all=True, tags=(("k", "v"),))
    )
    assert decided(ChangeKind.TRANSITION, OBJECT, spec=tagged) == "tags-do-not-match"


def test_both_settings_are_read_and_off_by_default() -> None:
    usual = ReplicationSettings()
    assert (usual.kms_table, usual.replicate_transitions) == (KmsTable.CURRENT, False)
    for year in ("2021", 2021):  # as text, and as YAML reads it
        given = settings_from({"repl.kms_table": year, "repl.replicate_transitions": "true"})
        assert (given.kms_table, given.replicate_transitions) == (KmsTable.OF_2021, True)
    with pytest.raises(ValueError, match="must be one of current, 2021"):
        settings_from({"repl.kms_table": "2022"})
