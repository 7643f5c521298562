"""What docs/identities.md says of a bucket policy that locks the bucket's owner out."""

from __future__ import annotations

import json
import re

import oss2
import pytest

from tests.support.process import KEY_A, ROOT, SECRET_A, UID_A, EmulatorProcess

PAGE = (ROOT / "docs" / "identities.md").read_text("utf-8")
OUTSIDE = {"StringNotEquals": {"acs:SourceVpc": "vpc-1"}}


@pytest.mark.parametrize(
    "elements",
    [{"Principal": [UID_A]}, {"Principal": ["*"], "Condition": OUTSIDE}],
    ids=["uid", "everyone with a condition"],
)
def test_a_world_lets_the_owner_in_again(elements: dict[str, object]) -> None:
    section = PAGE.partition("## Locked out of a bucket")[2]
    (world,) = re.findall(r"-d '(.*?)'\n", section, re.DOTALL)
    answer = json.loads(section.partition("]}'\n")[2].partition("\n")[0])
    resources = ["acs:oss:*:*:invoices", "acs:oss:*:*:invoices/*"]
    with EmulatorProcess() as server:
        bucket = oss2.Bucket(oss2.Auth(KEY_A, SECRET_A), server.endpoint, "invoices")
        bucket.create_bucket()
        bucket.put_object("k", b"1")
        statement = {"Effect": "Deny", "Action": ["oss:*"], "Resource": resources, **elements}
        bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket.delete_bucket_policy()
        said = server.control("POST", "world", json.loads(world))
        assert said == answer
        assert bucket.get_object("k").read() == b"1"
        with pytest.raises(oss2.exceptions.NoSuchBucketPolicy):
            bucket.get_bucket_policy()
