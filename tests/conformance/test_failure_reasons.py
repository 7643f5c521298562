"""Each reason for which an attempt is refused comes about, is counted, and has its words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import oss2
import pytest

from emulator.replication.model import FailureReason, SkipReason
from emulator.replication.reasons import REASONS
from tests.support.encrypted import default_of, kms, on_key, replicating
from tests.support.lab import (
    DELETE,
    GET,
    LIST,
    PUT,
    Lab,
    allow,
)
from tests.support.process import KEY_A, SECRET_A, EmulatorProcess
from tests.support.rpc import CoreClient, Keys

pytestmark = pytest.mark.conformance

# Brings the reason about and answers the source bucket; the lab settles afterwards.
Case: TypeAlias = Callable[[Lab], oss2.Bucket]
EVERY = (LIST, GET, PUT, DELETE)
CASES: dict[FailureReason, Case] = {}
# Links have tests of their own.
ELSEWHERE = {FailureReason.LINK_DOWN}


def case(reason: FailureReason) -> Callable[[Case], Case]:
    """Enter a case."""

    def enter(of: Case) -> Case:
        CASES[reason] = of
        return of

    return enter


def lacking(
    lab: Lab, *, source: tuple[str, ...] = EVERY, target: tuple[str, ...] = EVERY, **fields: Any
) -> tuple[oss2.Bucket, oss2.Bucket, str]:
    """A rule whose role has these rights at the two ends."""
    one, two = lab.pair()
    one.put_object("old", b"1")
    role = lab.role([allow(source, one), allow(target, two)])
    lab.add_rule(one, two, sync_role_name=role, **fields)
    return one, two, role


@case(FailureReason.ROLE_MISSING)
def role_missing(lab: Lab) -> oss2.Bucket:
    source, _, role = lacking(lab)
    lab.settle()
    ram = CoreClient(lab.server, Keys(KEY_A, SECRET_A))
    ram(
        "ram",
        "DetachPolicyFromRole",
        PolicyType="Custom",
        PolicyName=f"of-{role}",
        RoleName=role,
    )
    ram("ram", "DeleteRole", RoleName=role)
    source.put_object("k", b"1")
    return source


@case(FailureReason.ROLE_NOT_ASSUMABLE)
def role_not_assumable(lab: Lab) -> oss2.Bucket:
    source, target, role = lacking(lab)
    statements = [allow(EVERY, source), allow(EVERY, target)]
    nobody = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["x.y.com"]}}
    lab.put_role(role, statements, trust={"Version": "1", "Statement": [nobody]})
    return source


@case(FailureReason.SOURCE_LIST_DENIED)
def source_list(lab: Lab) -> oss2.Bucket:
    return lacking(lab, source=(GET,))[0]


@case(FailureReason.SOURCE_READ_DENIED)
def source_read(lab: Lab) -> oss2.Bucket:
    return lacking(lab, source=(LIST,))[0]


@case(FailureReason.DESTINATION_LIST_DENIED)
def destination_list(lab: Lab) -> oss2.Bucket:
    return lacking(lab, target=(GET, PUT, DELETE))[0]


@case(FailureReason.DESTINATION_READ_DENIED)
def destination_read(lab: Lab) -> oss2.Bucket:
    return lacking(lab, target=(LIST, PUT, DELETE))[0]


@case(FailureReason.DESTINATION_WRITE_DENIED)
def destination_write(lab: Lab) -> oss2.Bucket:
    return lacking(lab, target=(LIST, GET, DELETE))[0]


@case(FailureReason.DESTINATION_DELETE_DENIED)
def destination_delete(lab: Lab) -> oss2.Bucket:
    source, _, _ = lacking(lab, target=(LIST, GET, PUT))
    lab.settle()
    source.delete_object("old")
    return source


def encrypted(lab: Lab, replica_key: str, **fields: Any) -> oss2.Bucket:
    """An object under a key of its own, and a rule with a key for replicas."""
    first, _ = lab.key()
    source, _, _ = replicating(lab, replica_key, **fields)
    source.put_object("secret", b"1", headers=kms(first))
    return source


@case(FailureReason.SOURCE_KEY_DENIED)
def source_key(lab: Lab) -> oss2.Bucket:
    return encrypted(lab, lab.key()[0], rights=on_key("kms:GenerateDataKey"))


@case(FailureReason.REPLICA_KEY_DENIED)
def replica_key(lab: Lab) -> oss2.Bucket:
    return encrypted(lab, lab.key()[0], rights=on_key("kms:Decrypt"))


@case(FailureReason.KEY_DISABLED)
def key_disabled(lab: Lab) -> oss2.Bucket:
    key, _ = lab.key()
    lab.kms("DisableKey", KeyId=key)
    return encrypted(lab, key)


@case(FailureReason.KEY_PENDING_DELETION)
def key_pending_deletion(lab: Lab) -> oss2.Bucket:
    key, _ = lab.key()
    lab.kms("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=366)
    return encrypted(lab, key)


@case(FailureReason.KEY_PENDING_IMPORT)
def key_pending_import(lab: Lab) -> oss2.Bucket:
    return encrypted(lab, lab.kms("CreateKey", Origin="EXTERNAL")["KeyMetadata"]["KeyId"])


@case(FailureReason.KEY_MISSING)
def key_missing(lab: Lab) -> oss2.Bucket:
    return encrypted(lab, "alias/nobody-made-it")


@case(FailureReason.KEY_UNUSABLE)
def key_unusable(lab: Lab) -> oss2.Bucket:
    return encrypted(lab, "no name of a key")


@case(FailureReason.DESTINATION_BUCKET_MISSING)
def destination_missing(lab: Lab) -> oss2.Bucket:
    source, target = lab.pair()
    lab.add_rule(source, target, is_enable_historical_object_replication=False)
    target.delete_bucket()
    lab.settle()
    source.put_object("k", b"1")
    return source


@case(FailureReason.VERSIONING_MISMATCH)
def versioning_mismatch(lab: Lab) -> oss2.Bucket:
    source, target = lab.pair(versioned=True)
    lab.add_rule(source, target)
    lab.settle()
    target.delete_bucket()
    target.create_bucket()
    source.put_object("k", b"1")
    return source


def refused_of(server: EmulatorProcess, source: oss2.Bucket) -> dict[str, int]:
    """How often each reason refused the bucket's rule."""
    shown = server.control("GET", f"replication/rules?bucket={source.bucket_name}")
    return dict(shown["rules"][0]["refused"])


@pytest.mark.parametrize("reason", sorted(CASES))
def test_each_reason_comes_about_and_is_counted(lab: Lab, reason: FailureReason) -> None:
    source = CASES[reason](lab)
    lab.settle()
    refused = refused_of(lab.server, source)
    assert reason.value in refused, refused
    tasks = lab.server.control("GET", f"replication/tasks?bucket={source.bucket_name}")["tasks"]
    for task in tasks:
        assert task["reason"] == reason.value
        assert task["message"]
        assert task["remedy"]


def test_content_that_cannot_be_read_is_not_encrypted(tmp_path: Path) -> None:
    with EmulatorProcess(data=tmp_path / "data") as server:
        lab = Lab(server)
        source, target = lab.pair()
        default_of(target, "AES256")
        source.put_object("large", os.urandom(300_000))
        for path in (tmp_path / "data" / "blobs").rglob("*"):
            if path.is_file():
                path.unlink()
        lab.add_rule(source, target)
        lab.settle()
        assert refused_of(server, source).keys() == {"content-not-encrypted"}


def test_every_reason_has_a_case_and_its_words() -> None:
    covered = {*CASES, *ELSEWHERE, FailureReason.CONTENT_NOT_ENCRYPTED}
    assert covered == set(FailureReason) == set(REASONS)
    for doc in REASONS.values():
        assert doc.meaning.endswith(".")
        assert doc.remedy.endswith(".")
    assert SkipReason.DESTINATION_LOCKED.value == "destination-locked"  # WORM is a skip
