"""Whether a rule that selects SSE-KMS objects has to name the role and the key of its replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import v2_client_of
from tests.support.covers import covers
from tests.support.lab import FULL_ACCESS, HANGZHOU, Lab, get_text
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance

SETTING = "repl.require_replica_key"
Asked = tuple[str, str]  # SyncRole and ReplicaKmsKeyID
WHOLE, NO_KEY, NO_ROLE = (FULL_ACCESS, "alias/any"), (FULL_ACCESS, ""), ("", "alias/any")


@pytest.fixture(scope="module", params=["false", "true"])
def server(request: pytest.FixtureRequest) -> Iterator[EmulatorProcess]:
    """The two-account world under either value of the setting."""
    with EmulatorProcess(settings=(f"{SETTING}={request.param}",)) as process:
        yield process
        assert process.errors() == ""


def by_oss2(lab: Lab, source: oss2.Bucket, target: oss2.Bucket, asked: Asked) -> None:
    """Make the rule with oss2."""
    lab.add_rule(
        source,
        target,
        sync_role_name=asked[0] or None,
        sse_kms_encrypted_objects_status="Enabled",
        replica_kms_keyid=asked[1] or None,
    )


def by_v2(lab: Lab, source: oss2.Bucket, target: oss2.Bucket, asked: Asked) -> None:
    """Make the rule with alibabacloud-oss-v2."""
    key = oss_v2.ReplicationEncryptionConfiguration(replica_kms_key_id=asked[1])
    selected = oss_v2.SseKmsEncryptedObjects(status="Enabled")
    rule = oss_v2.ReplicationRule(
        destination=oss_v2.ReplicationDestination(
            bucket=target.bucket_name, location=f"oss-{HANGZHOU}"
        ),
        sync_role=asked[0] or None,
        source_selection_criteria=oss_v2.ReplicationSourceSelectionCriteria(
            sse_kms_encrypted_objects=selected
        ),
        encryption_configuration=key if asked[1] else None,
    )
    try:
        v2_client_of(lab.server).put_bucket_replication(
            oss_v2.PutBucketReplicationRequest(
                bucket=source.bucket_name,
                replication_configuration=oss_v2.ReplicationConfiguration(rules=[rule]),
            )
        )
    except oss_v2.exceptions.OperationError as error:
        said: Any = error.unwrap()
        details = {"Code": said.code, "Message": said.message}
        raise oss2.exceptions.ServerError(said.status_code, {}, "", details) from error


@covers("PutBucketReplication", "GetBucketReplication")
@pytest.mark.parametrize("make", [by_oss2, by_v2])
@pytest.mark.parametrize(
    ("asked", "missing"),
    [(WHOLE, ""), (NO_KEY, "ReplicaKmsKeyID"), (NO_ROLE, "SyncRole"), (("", ""), "SyncRole")],
    ids=["whole", "no key", "no role", "neither"],
)
def test_b79_role_and_key_are_required_if_the_setting_says_so(
    server: EmulatorProcess, make: Callable[..., None], asked: Asked, missing: str
) -> None:
    lab = Lab(server)
    source, target = lab.pair()
    is_required = f"{SETTING}=true" in server.command
    if missing and is_required:
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            make(lab, source, target, asked)
        said = caught.value
        assert (said.status, said.code) == (400, "InvalidArgument")
        assert missing in said.message
    else:
        make(lab, source, target, asked)
        stored = get_text(source, replication="")
        assert ("<SseKmsEncryptedObjects>" in stored) is bool(asked[0])
    lab.clear()
