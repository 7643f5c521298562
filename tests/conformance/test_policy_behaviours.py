"""What policies decide, behaviour by behaviour, asked with the vendor's clients.

The numbers are those of a list of documented behaviours of RAM, bucket policies and ACLs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import Tagging, TaggingRule

from tests.support.cast import Cast, give_policy, ram, refused
from tests.support.covers import covers
from tests.support.lab import BEIJING, Lab, fresh
from tests.support.process import UID_A, UID_B, EmulatorProcess

BUCKET_DENY, RAM_DENY, NO_ALLOW = "0003-00000101", "0003-00000201", "0003-00000202"
BOTH_DENY, BATCH_DENY, BY_ACL = "0003-00000203", "0003-00000204", "0003-00000001"


@pytest.fixture
def cast(server: EmulatorProcess) -> Iterator[Cast]:
    """Users and sessions."""
    made = Cast(server)
    yield made
    made.close()


@pytest.fixture
def nobody(cast: Cast, bucket: oss2.Bucket) -> oss2.Bucket:
    """The bucket as strangers see it."""
    return cast.client(oss2.AnonymousAuth(), bucket.bucket_name)


@pytest.fixture
def bucket(lab: Lab) -> oss2.Bucket:
    """A bucket of account A with one object, as its owner sees it."""
    made = lab.create("behaviour")
    made.put_object("a.txt", b"content")
    return made


def tags(**pairs: str) -> Tagging:
    rule = TaggingRule()
    for key, value in pairs.items():
        rule.add(key, value)
    return Tagging(rule)


@covers("GetObject", "PutBucketPolicy")
def test_b40_a_deny_of_either_policy_beats_the_allow_of_the_other(
    cast: Cast, bucket: oss2.Bucket
) -> None:
    denied = cast.user(ram("Deny", "oss:GetObject"))
    allowed = cast.user(ram("Allow", "oss:*"))
    give_policy(
        bucket,
        {"Effect": "Allow", "Action": ["oss:*"], "Principal": [denied.uid]},
        {"Effect": "Deny", "Action": ["oss:GetObject"], "Principal": [allowed.uid]},
    )
    assert refused(lambda: denied.bucket(bucket).get_object("a.txt")) == RAM_DENY
    assert refused(lambda: allowed.bucket(bucket).get_object("a.txt")) == BUCKET_DENY
    denied.bucket(bucket).put_object("b.txt", b"")
    allowed.bucket(bucket).put_object("b.txt", b"")


def test_b41_a_bucket_policy_is_enough_for_a_user(cast: Cast, bucket: oss2.Bucket) -> None:
    user = cast.user()
    assert refused(lambda: user.bucket(bucket).get_object("a.txt")) == NO_ALLOW
    give_policy(bucket, {"Effect": "Allow", "Action": ["oss:GetObject"], "Principal": [user.uid]})
    assert user.bucket(bucket).get_object("a.txt").read() == b"content"


def test_b42_a_ram_policy_does_not_reach_another_accounts_bucket(
    cast: Cast, bucket: oss2.Bucket
) -> None:
    stranger = cast.user(account="b", policies=["AliyunOSSFullAccess"])
    assert refused(lambda: stranger.bucket(bucket).get_object("a.txt")) == BY_ACL
    give_policy(
        bucket, {"Effect": "Allow", "Action": ["oss:GetObject"], "Principal": [stranger.uid]}
    )
    assert stranger.bucket(bucket).get_object("a.txt").read() == b"content"
    give_policy(bucket, {"Effect": "Allow", "Action": ["oss:GetObject"], "Principal": [UID_B]})
    assert stranger.bucket(bucket).get_object("a.txt").read() == b"content"


def test_b43_actions_have_no_case_and_resources_do(cast: Cast, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    user = cast.user(ram("Allow", "oss:getobject", f"{name}/a.txt"))
    assert user.bucket(bucket).get_object("a.txt").read() == b"content"
    other = cast.user(ram("Allow", "oss:GetObject", f"{name}/A.TXT"))
    refused(lambda: other.bucket(bucket).get_object("a.txt"))


@covers("ListObjects", "ListObjectsV2")
def test_b44_listing_is_a_right_on_the_bucket_itself(cast: Cast, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    inside = cast.user(ram("Allow", "oss:ListObjects", f"{name}/*"))
    refused(lambda: inside.bucket(bucket).list_objects())
    refused(lambda: inside.bucket(bucket).list_objects_v2())
    on_it = cast.user(ram("Allow", "oss:ListObjects", name))
    assert [each.key for each in on_it.bucket(bucket).list_objects_v2().object_list] == ["a.txt"]


@covers("GetObject", "DeleteObject")
def test_b45_versions_have_rights_of_their_own(cast: Cast, lab: Lab) -> None:
    bucket = lab.create("behaviour", versioned=True)
    version_id = bucket.put_object("k", b"one").versionid
    name = bucket.bucket_name
    plain = cast.user(ram("Allow", ["oss:GetObject", "oss:DeleteObject"], f"{name}/*"))
    assert plain.bucket(bucket).get_object("k").read() == b"one"
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        plain.v2().get_object(oss_v2.GetObjectRequest(name, "k", version_id=version_id))
    assert "AccessDenied" in str(caught.value)
    refused(lambda: plain.bucket(bucket).delete_object("k", params={"versionId": version_id}))
    of_versions = cast.user(ram("Allow", "oss:GetObjectVersion", f"{name}/*"))
    result = of_versions.v2().get_object(oss_v2.GetObjectRequest(name, "k", version_id=version_id))
    assert result.body.read() == b"one"
    refused(lambda: of_versions.bucket(bucket).get_object("k"))


@covers("PutObject", "PutObjectTagging", "CopyObject")
def test_b46_tags_need_the_right_to_tag(cast: Cast, bucket: oss2.Bucket) -> None:
    writer = cast.user(ram("Allow", ["oss:PutObject", "oss:GetObject"]))
    tagger = cast.user(ram("Allow", ["oss:PutObject", "oss:PutObjectTagging", "oss:GetObject"]))
    both = cast.user(ram("Allow", ["oss:Put*", "oss:Get*"]))
    tagged = {"x-oss-tagging": "k=v"}
    writer.bucket(bucket).put_object("plain", b"")
    refused(lambda: writer.bucket(bucket).put_object("k", b"", headers=tagged))
    tagger.bucket(bucket).put_object("k", b"", headers=tagged)
    # A copy takes the tags along: they are read and written.
    name = bucket.bucket_name
    writer.bucket(bucket).copy_object(name, "plain", "copy")
    refused(lambda: tagger.bucket(bucket).copy_object(name, "k", "copy"))
    both.bucket(bucket).copy_object(name, "k", "copy")
    assert bucket.get_object_tagging("copy").tag_set.tagging_rule == {"k": "v"}
    replaced = {"x-oss-tagging-directive": "REPLACE"}
    writer.bucket(bucket).copy_object(name, "k", "untagged", headers=replaced)


def test_b47_listings_can_be_limited_to_a_prefix(cast: Cast, bucket: oss2.Bucket) -> None:
    condition = {"StringLike": {"oss:Prefix": ["home/ann/*", "shared/*"]}}
    user = cast.user(ram("Allow", "oss:ListObjects", bucket.bucket_name, condition=condition))
    user.bucket(bucket).list_objects(prefix="home/ann/")
    user.bucket(bucket).list_objects_v2(prefix="shared/x")
    refused(lambda: user.bucket(bucket).list_objects())
    refused(lambda: user.bucket(bucket).list_objects(prefix="home/bob/"))
    root_only = {"StringEquals": {"oss:Prefix": "", "oss:Delimiter": "/"}}
    top = cast.user(ram("Allow", "oss:ListObjects", bucket.bucket_name, condition=root_only))
    top.bucket(bucket).list_objects(delimiter="/")
    refused(lambda: top.bucket(bucket).list_objects())


def test_b48_addresses(cast: Cast, bucket: oss2.Bucket) -> None:
    def user(effect: str, operator: str, block: str) -> oss2.Bucket:
        condition = {operator: {"acs:SourceIp": [block]}}
        made = cast.user(
            ram("Allow", "oss:PutObject"), ram(effect, "oss:GetObject", condition=condition)
        )
        return made.bucket(bucket)

    user("Allow", "IpAddress", "127.0.0.0/8").get_object("a.txt").read()
    user("Allow", "IpAddressIncludeBorder", "127.0.0.1").get_object("a.txt").read()
    user("Allow", "NotIpAddress", "10.0.0.0/8").get_object("a.txt").read()
    assert refused(lambda: user("Allow", "IpAddress", "10.0.0.0/8").get_object("a.txt")) == NO_ALLOW
    denied = user("Deny", "NotIpAddress", "10.0.0.0/8")
    assert refused(lambda: denied.get_object("a.txt")) == RAM_DENY


def test_b49_encrypted_connections_only(cast: Cast, bucket: oss2.Bucket) -> None:
    condition = {"Bool": {"acs:SecureTransport": "true"}}
    user = cast.user(ram("Allow", "oss:GetObject", condition=condition))
    refused(lambda: user.bucket(bucket).get_object("a.txt"))
    plain = cast.user(
        ram("Allow", "oss:GetObject", condition={"Bool": {"acs:SecureTransport": "false"}})
    )
    plain.bucket(bucket).get_object("a.txt").read()


def test_b50_a_missing_key_is_false_and_its_negation_true(cast: Cast, bucket: oss2.Bucket) -> None:
    from_vpc = {"x-ossemu-source-vpc": "vpc-one"}
    inside = cast.user(
        ram("Allow", "oss:GetObject", condition={"StringEquals": {"acs:SourceVpc": "vpc-one"}})
    ).bucket(bucket)
    refused(lambda: inside.get_object("a.txt"))
    inside.get_object("a.txt", headers=from_vpc).read()
    not_public = {"StringNotEquals": {"acs:SourceVpc": ["vpc-one"]}}
    user = cast.user(ram("Allow", "oss:*"), ram("Deny", "oss:GetObject", condition=not_public))
    assert refused(lambda: user.bucket(bucket).get_object("a.txt")) == RAM_DENY
    user.bucket(bucket).get_object("a.txt", headers=from_vpc).read()
    outside = cast.user(
        ram("Allow", "oss:GetObject", condition={"StringNotLike": {"acs:SourceVpc": "vpc-*"}})
    ).bucket(bucket)
    outside.get_object("a.txt").read()
    refused(lambda: outside.get_object("a.txt", headers=from_vpc))


def test_b51_keys_are_and_values_are_or(cast: Cast, bucket: oss2.Bucket) -> None:
    condition = {"StringEquals": {"oss:Prefix": ["a", "b"], "oss:Delimiter": "/"}}
    user = cast.user(ram("Allow", "oss:ListObjects", condition=condition)).bucket(bucket)
    user.list_objects(prefix="a", delimiter="/")
    user.list_objects(prefix="b", delimiter="/")
    refused(lambda: user.list_objects(prefix="c", delimiter="/"))
    refused(lambda: user.list_objects(prefix="a"))


@pytest.mark.parametrize("everyone", [["*"], []], ids=["star", "empty list"])
def test_b52_everyone_is_the_owner_too_only_under_a_condition(
    cast: Cast, bucket: oss2.Bucket, everyone: list[str]
) -> None:
    user = cast.user(ram("Allow", "oss:*")).bucket(bucket)
    deny: dict[str, object] = {"Effect": "Deny", "Action": ["oss:GetObject"], "Principal": everyone}
    give_policy(bucket, deny)
    bucket.get_object("a.txt").read()
    assert refused(lambda: user.get_object("a.txt")) == BUCKET_DENY
    give_policy(bucket, {**deny, "Condition": {"IpAddress": {"acs:SourceIp": ["127.0.0.1"]}}})
    assert refused(lambda: bucket.get_object("a.txt")) == BUCKET_DENY
    assert refused(lambda: user.get_object("a.txt")) == BUCKET_DENY


def test_b53_roles_are_named_in_lower_case(cast: Cast, lab: Lab) -> None:
    bucket = lab.create("behaviour", account="b")
    bucket.put_object("a.txt", b"content")
    session = cast.session()
    assert session.name != session.name.lower()

    def allow_role(name: str, uid: str = UID_A) -> None:
        arn = f"arn:sts::{uid}:assumed-role/{name}/*"
        give_policy(bucket, {"Effect": "Allow", "Action": ["oss:GetObject"], "Principal": [arn]})

    allow_role(session.name)
    refused(lambda: session.bucket(bucket).get_object("a.txt"))
    allow_role(session.name.lower())
    assert session.bucket(bucket).get_object("a.txt").read() == b"content"
    allow_role(session.name.lower(), UID_B)
    refused(lambda: session.bucket(bucket).get_object("a.txt"))
    give_policy(
        bucket, {"Effect": "Allow", "Action": ["oss:Get*"], "Principal": ["arn:sts::*:*/*/*"]}
    )
    session.bucket(bucket).get_object("a.txt").read()


@covers("PutBucketPolicy")
@pytest.mark.parametrize(
    ("text", "ec"),
    [
        ('{"Version":1,"Statement":[%s]}', "0030-00000005"),
        ('{"Version":"2","Statement":[%s]}', "0030-00000002"),
        ('{"Version":"1","Statement":[%s]}' + " " * 17_000, "0030-00000001"),
        (
            '{"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:*"],"Principal":["*"],'
            '"Resource":["acs:oss:*:*:**"]}]}',
            "0030-00000007",
        ),
        (
            '{"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:*"],"Principal":["*"],'
            '"Resource":["*"],"Condition":{"StringLike":{"oss:Prefix":["a**"]}}}]}',
            "0030-00000007",
        ),
        (
            '{"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:*"],"NotPrincipal":["1"],'
            '"Resource":["*"]}]}',
            "0030-00000005",
        ),
    ],
    ids=["number", "version", "size", "resource", "value", "NotPrincipal"],
)
def test_b54_policies_that_cannot_be_stored(bucket: oss2.Bucket, text: str, ec: str) -> None:
    statement = '{"Effect":"Allow","Action":["oss:*"],"Principal":["*"],"Resource":["*"]}'
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_bucket_policy(text.replace("%s", statement))
    assert (caught.value.status, caught.value.code) == (400, "InvalidPolicyDocument")
    assert caught.value.details["EC"] == ec
    with pytest.raises(oss2.exceptions.NoSuchBucketPolicy):
        bucket.get_bucket_policy()


@covers("GetBucketPolicy", "DeleteBucketPolicy")
def test_b55_no_policy(bucket: oss2.Bucket) -> None:
    with pytest.raises(oss2.exceptions.NoSuchBucketPolicy) as caught:
        bucket.get_bucket_policy()
    assert (caught.value.status, caught.value.details["EC"]) == (404, "0030-00000006")
    assert bucket.delete_bucket_policy().status == 204


@covers("PutBucketPolicy", "GetBucketPolicy")
def test_b56_a_policy_replaces_the_former_one_and_is_shown_as_it_was_put(
    cast: Cast, bucket: oss2.Bucket
) -> None:
    first, second = cast.user(), cast.user()
    give_policy(bucket, {"Effect": "Allow", "Action": ["oss:GetObject"], "Principal": [first.uid]})
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": [second.uid],
        "Resource": [f"acs:oss:*:*:{bucket.bucket_name}/*"],
    }
    text = json.dumps({"Statement": [statement], "Version": "1"}, indent=3)
    bucket.put_bucket_policy(text)
    refused(lambda: first.bucket(bucket).get_object("a.txt"))
    second.bucket(bucket).get_object("a.txt").read()
    assert bucket.get_bucket_policy().policy == text


@covers("PutObjectTagging", "GetObject")
def test_b57_tags_of_objects_and_requests(cast: Cast, bucket: oss2.Bucket) -> None:
    secret = {"StringEquals": {"oss:ExistingObjectTag/class": "secret"}}
    user = cast.user(ram("Allow", "oss:*"), ram("Deny", "oss:GetObject", condition=secret))
    bucket.put_object("secret", b"", headers={"x-oss-tagging": "class=secret"})
    found = user.v2().get_object(oss_v2.GetObjectRequest(bucket.bucket_name, "a.txt"))
    assert found.body.read() == b"content"
    assert refused(lambda: user.bucket(bucket).get_object("secret")) == RAM_DENY
    # The tags of a request, in its header or in its body.
    allowed = {"StringEquals": {"oss:RequestObjectTag/allow": "yes"}}
    tagger = cast.user(
        ram("Allow", ["oss:PutObject"]), ram("Allow", "oss:PutObjectTagging", condition=allowed)
    ).bucket(bucket)
    tagger.put_object_tagging("a.txt", tags(allow="yes", more="1"))
    refused(lambda: tagger.put_object_tagging("a.txt", tags(allow="no")))
    refused(lambda: tagger.put_object_tagging("a.txt", tags(more="1")))
    tagger.put_object("k", b"", headers={"x-oss-tagging": "allow=yes"})
    refused(lambda: tagger.put_object("k", b"", headers={"x-oss-tagging": "allow=no"}))
    no_secrets = {"StringEquals": {"oss:RequestObjectTag/class": "secret"}}
    careful = cast.user(
        ram("Allow", "oss:*"), ram("Deny", "oss:PutObjectTagging", condition=no_secrets)
    ).bucket(bucket)
    assert refused(lambda: careful.put_object_tagging("a.txt", tags(**{"class": "secret"}))) == (
        RAM_DENY
    )
    careful.put_object_tagging("a.txt", tags(other="x"))


@covers("PutBucketTags", "ListBuckets")
def test_b57_tags_of_buckets(cast: Cast, bucket: oss2.Bucket) -> None:
    condition = {"StringEquals": {"oss:BucketTag/stage": "test"}}
    user = cast.user(ram("Allow", ["oss:GetObject", "oss:ListBuckets"], condition=condition))
    refused(lambda: user.bucket(bucket).get_object("a.txt"))
    bucket.put_bucket_tagging(tags(stage="test", other="1"))
    user.bucket(bucket).get_object("a.txt").read()
    service = user.service()
    refused(service.list_buckets)
    found = service.list_buckets(params={"tag-key": "stage", "tag-value": "test"})
    assert bucket.bucket_name in [each.name for each in found.buckets]


@covers("PutObject", "PutObjectAcl")
def test_b58_public_uploads_can_be_forbidden(cast: Cast, bucket: oss2.Bucket) -> None:
    public = {"StringNotEquals": {"oss:x-oss-object-acl": ["private", "default"]}}
    user = cast.user(
        ram("Allow", "oss:*"), ram("Deny", ["oss:PutObject", "oss:PutObjectAcl"], condition=public)
    ).bucket(bucket)
    user.put_object("k", b"")
    user.put_object("k", b"", headers={"x-oss-object-acl": "private"})
    opened = {"x-oss-object-acl": "public-read"}
    assert refused(lambda: user.put_object("k", b"", headers=opened)) == RAM_DENY
    assert refused(lambda: user.put_object_acl("k", "public-read-write")) == RAM_DENY


@covers("GetBucketAcl", "PutBucketAcl")
def test_b59_strangers_read_what_is_public_and_manage_nothing(
    bucket: oss2.Bucket, nobody: oss2.Bucket
) -> None:
    refused(lambda: nobody.get_object("a.txt"))
    bucket.put_bucket_acl("public-read-write")
    assert nobody.get_object("a.txt").read() == b"content"
    nobody.list_objects()
    nobody.put_object("b.txt", b"")
    for manage in (nobody.get_bucket_acl, nobody.get_bucket_info, nobody.delete_bucket):
        refused(manage)
    refused(lambda: nobody.put_bucket_acl("private"))
    bucket.put_bucket_acl("private")
    give_policy(bucket, {"Effect": "Allow", "Action": ["oss:*"], "Principal": ["*"]})
    assert nobody.get_object("a.txt").read() == b"content"
    nobody.list_objects()
    for manage in (nobody.get_bucket_acl, nobody.get_bucket_info, nobody.get_bucket_policy):
        refused(manage)
    refused(nobody.delete_bucket_policy)
    refused(lambda: nobody.put_bucket_acl("public-read-write"))
    bucket.get_bucket_policy()


def test_b60_the_acl_of_an_object_goes_before_that_of_its_bucket(
    bucket: oss2.Bucket, nobody: oss2.Bucket
) -> None:
    bucket.put_object_acl("a.txt", "public-read")
    nobody.get_object("a.txt").read()
    refused(lambda: nobody.put_object("a.txt", b""))
    bucket.put_bucket_acl("public-read-write")
    refused(lambda: nobody.put_object("a.txt", b""))
    bucket.put_object_acl("a.txt", "private")
    refused(lambda: nobody.get_object("a.txt"))
    bucket.put_object_acl("a.txt", "default")
    nobody.get_object("a.txt").read()


@covers("PutBucketPublicAccessBlock")
def test_b61_blocked_public_access(bucket: oss2.Bucket, nobody: oss2.Bucket) -> None:
    bucket.put_bucket_acl("public-read")
    nobody.get_object("a.txt").read()
    bucket.put_bucket_public_access_block(True)
    refused(lambda: nobody.get_object("a.txt"))
    refused(lambda: bucket.put_bucket_acl("public-read-write"))
    bucket.delete_bucket_public_access_block()
    nobody.get_object("a.txt").read()


@covers("DeleteMultipleObjects")
def test_b62_the_numbers_of_denials(
    cast: Cast, bucket: oss2.Bucket, server: EmulatorProcess
) -> None:
    deny = ram("Deny", ["oss:GetObject", "oss:DeleteObject"])
    user, nothing = cast.user(ram("Allow", "oss:*"), deny), cast.user()
    assert refused(lambda: nothing.bucket(bucket).get_object("a.txt")) == NO_ALLOW
    assert refused(lambda: user.bucket(bucket).get_object("a.txt")) == RAM_DENY
    assert refused(lambda: user.bucket(bucket).batch_delete_objects(["a.txt"])) == BATCH_DENY
    by_bucket = {
        "Effect": "Deny",
        "Action": ["oss:GetObject"],
        "Principal": [user.uid, nothing.uid],
    }
    give_policy(bucket, by_bucket)
    assert refused(lambda: user.bucket(bucket).get_object("a.txt")) == BOTH_DENY
    assert refused(lambda: nothing.bucket(bucket).get_object("a.txt")) == BUCKET_DENY
    narrow = {"Version": "1", "Statement": [ram("Allow", "oss:PutObject")]}
    said: dict[str, Any] = server.control(
        "POST",
        "simulate",
        {
            "principal": cast.session(ram("Allow", "oss:*")).arn,
            "action": "oss:GetObject",
            "resource": f"{bucket.bucket_name}/a.txt",
            "session_policy": narrow,
        },
    )
    assert (said["ec"], said["message"]) == (
        "0003-00000301",
        "Access denied by authorizer's policy.",
    )


@covers("PutBucketReplication")
def test_b67_naming_a_sync_role_takes_the_right_to_replicate(cast: Cast, lab: Lab) -> None:
    source, destination = lab.pair(region=BEIJING)
    rule = lab.rule_of(destination)
    plain = cast.user(ram("Allow", "oss:PutBucketReplication")).bucket(source)
    refused(lambda: plain.put_bucket_replication(rule))
    both = cast.user(ram("Allow", ["oss:PutBucketReplication", "oss:ReplicateGet"])).bucket(source)
    result = both.put_bucket_replication(rule)
    lab._made(source, str(result.headers["x-oss-replication-rule-id"]))


@covers("PutBucketLogging")
def test_logs_go_only_where_the_caller_may_write(cast: Cast, lab: Lab, bucket: oss2.Bucket) -> None:
    target = lab.create(fresh("logs"))
    logging = oss2.models.BucketLogging(target.bucket_name, "logs/")
    name = target.bucket_name
    plain = cast.user(ram("Allow", "oss:PutBucketLogging"))
    refused(lambda: plain.bucket(bucket).put_bucket_logging(logging))
    writes = ram("Allow", "oss:PutObject", f"{name}/logs/*")
    user = cast.user(ram("Allow", "oss:PutBucketLogging"), writes)
    user.bucket(bucket).put_bucket_logging(logging)
    assert bucket.get_bucket_logging().target_prefix == "logs/"
