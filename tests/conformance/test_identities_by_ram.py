"""Users, groups, keys and role sessions made with the RAM and STS clients, at work on OSS.

The server knows two accounts and their keys and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.covers import covers
from tests.support.lab import Lab, fresh
from tests.support.process import UID_A, UID_B, EmulatorProcess
from tests.support.ram_setups import ACCOUNTS_ONLY, FAMILIES, ROOTS, Services, start_accounts
from tests.support.rpc import Keys, Refused

pytestmark = pytest.mark.conformance

NO_ALLOW, BY_IDENTITY, BY_SESSION = "0003-00000202", "0003-00000201", "0003-00000301"
TRUSTS_A = {"RAM": [f"acs:ram::{UID_A}:root"]}


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """Two accounts and their keys, in memory, on a virtual clock."""
    with start_accounts() as process:
        process.load_world(json.dumps(ACCOUNTS_ONLY))
        yield process
        assert process.errors() == ""  # nothing failed behind an answer


@pytest.fixture(scope="module")
def services(server: EmulatorProcess) -> Iterator[Services]:
    """The clients of RAM and STS."""
    made = Services(server)
    yield made
    made.close()


def document(*actions: str, effect: str = "Allow", resource: object = "*") -> str:
    """A RAM policy of one statement."""
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "1", "Statement": [statement]})


def trust(principal: object = TRUSTS_A) -> str:
    """A trust policy of one statement."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return json.dumps({"Version": "1", "Statement": [statement]})


class People:
    """Makes identities of an account and speaks for them."""

    def __init__(self, services: Services, family: str, lab: Lab) -> None:
        self.services, self.family, self.lab = services, family, lab
        self.server = lab.server
        self.http = oss2.Session()

    def ram(self, action: str, account: str = "a", **parameters: Any) -> dict[str, Any]:
        """One call of RAM by an account."""
        return self.services.client(self.family, ROOTS[account])("ram", action, **parameters)

    def policy(self, text: str, account: str = "a") -> dict[str, str]:
        """CreatePolicy; how to attach it."""
        name = fresh("policy")
        self.ram("CreatePolicy", account, PolicyName=name, PolicyDocument=text)
        return {"PolicyType": "Custom", "PolicyName": name}

    def user(self, *texts: str, account: str = "a") -> tuple[str, Keys]:
        """CreateUser, CreateAccessKey, and a policy for each text."""
        name = fresh("user")
        self.ram("CreateUser", account, UserName=name)
        made = self.ram("CreateAccessKey", account, UserName=name)["AccessKey"]
        for text in texts:
            policy = self.policy(text, account)
            self.ram("AttachPolicyToUser", account, UserName=name, **policy)
        return name, Keys(made["AccessKeyId"], made["AccessKeySecret"])

    def role(self, *texts: str) -> str:
        """CreateRole for the users of account A, and a policy for each text."""
        name = fresh("Role")
        self.ram("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust())
        for text in texts:
            self.ram("AttachPolicyToRole", RoleName=name, **self.policy(text))
        return name

    def session(self, role: str, **more: Any) -> Keys:
        """AssumeRole by a new user that may do just that."""
        arn = f"acs:ram::{UID_A}:role/{role}"
        _, keys = self.user(document("sts:AssumeRole", resource=arn))
        asked = {"RoleArn": arn, "RoleSessionName": "at-work", **more}
        made = self.services.client(self.family, keys)("sts", "AssumeRole", **asked)["Credentials"]
        return Keys(made["AccessKeyId"], made["AccessKeySecret"], made["SecurityToken"])

    def bucket(self, keys: Keys, bucket: oss2.Bucket) -> oss2.Bucket:
        """An oss2 client of a bucket."""
        auth, name = _auth(keys), bucket.bucket_name
        return oss2.Bucket(auth, self.server.endpoint, name, session=self.http)

    def service(self, keys: Keys) -> oss2.Service:
        """An oss2 client of the service."""
        return oss2.Service(_auth(keys), self.server.endpoint, session=self.http)

    def v2(self, keys: Keys) -> Any:
        """An alibabacloud-oss-v2 client."""
        config = oss_v2.config.load_default()
        provider = oss_v2.credentials.StaticCredentialsProvider
        config.credentials_provider = provider(keys.key_id, keys.secret, keys.token or None)
        config.region, config.endpoint = "cn-hangzhou", self.server.endpoint
        config.use_path_style = True
        return oss_v2.Client(config)


def _auth(keys: Keys) -> Any:
    if keys.token:
        return oss2.StsAuth(keys.key_id, keys.secret, keys.token)
    return oss2.Auth(keys.key_id, keys.secret)


@pytest.fixture(params=FAMILIES)
def people(services: Services, lab: Lab, request: pytest.FixtureRequest) -> Iterator[People]:
    """Fresh names, through either client family."""
    made = People(services, str(request.param), lab)
    yield made
    made.http.session.close()


@pytest.fixture
def bucket(lab: Lab) -> oss2.Bucket:
    """A bucket of account A with one object."""
    made = lab.create("work")
    made.put_object("there", b"there")
    return made


def refused(call: Callable[[], object], code: str = "AccessDenied") -> tuple[int, str]:
    """Status and EC of a refusal with a code."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call()
    assert caught.value.code == code, caught.value
    return caught.value.status, str(caught.value.details.get("EC", ""))


def denials_of(server: EmulatorProcess, keys: Keys) -> list[tuple[str, str, str]]:
    """Action, key and EC of everything the log has refused to these keys."""
    found = server.control("GET", f"audit?principal={keys.key_id}&decision=deny")["entries"]
    return [(each["action"], each["key"], each["ec"]) for each in found]


@covers("ListBuckets", "PutObject", "GetObject")
def test_users_do_what_their_policies_say(people: People, bucket: oss2.Bucket) -> None:
    name, keys = people.user()
    assert keys.key_id.startswith("LTAI")
    mine = people.bucket(keys, bucket)
    service = people.service(keys)
    assert refused(service.list_buckets) == (403, NO_ALLOW)
    assert refused(lambda: mine.put_object("k", b"x")) == (403, NO_ALLOW)
    of_bucket = f"acs:oss:*:{UID_A}:{bucket.bucket_name}/*"
    writes = people.policy(document("oss:PutObject", resource=of_bucket))
    lists = people.policy(document("oss:ListBuckets"))
    for policy in (writes, lists):
        people.ram("AttachPolicyToUser", UserName=name, **policy)
    mine.put_object("k", b"x")
    client = people.v2(keys)
    client.put_object(oss_v2.PutObjectRequest(bucket=bucket.bucket_name, key="k2", body=b"y"))
    assert bucket.get_object("k2").read() == b"y"
    assert bucket.bucket_name in [each.name for each in service.list_buckets().buckets]
    listed = client.list_buckets(oss_v2.ListBucketsRequest(prefix=bucket.bucket_name)).buckets
    assert [each.name for each in listed] == [bucket.bucket_name]
    assert refused(lambda: mine.get_object("k")) == (403, NO_ALLOW)
    people.ram("DetachPolicyFromUser", UserName=name, **writes)
    assert refused(lambda: mine.put_object("k", b"x")) == (403, NO_ALLOW)
    assert denials_of(people.server, keys) == [
        ("oss:ListBuckets", "", NO_ALLOW),
        ("oss:PutObject", "k", NO_ALLOW),
        ("oss:GetObject", "k", NO_ALLOW),
        ("oss:PutObject", "k", NO_ALLOW),
    ]


@covers("PutObject", "GetObject")
def test_policies_of_groups_count(people: People, bucket: oss2.Bucket) -> None:
    name, keys = people.user()
    mine, group = people.bucket(keys, bucket), fresh("group")
    people.ram("CreateGroup", GroupName=group)
    full = {"PolicyType": "System", "PolicyName": "AliyunOSSFullAccess"}
    people.ram("AttachPolicyToGroup", GroupName=group, **full)
    assert refused(lambda: mine.put_object("k", b"x")) == (403, NO_ALLOW)
    people.ram("AddUserToGroup", UserName=name, GroupName=group)
    mine.put_object("k", b"x")
    denial = people.policy(document("oss:GetObject", effect="Deny"))
    people.ram("AttachPolicyToUser", UserName=name, **denial)
    assert refused(lambda: mine.get_object("k")) == (403, BY_IDENTITY)
    people.ram("DetachPolicyFromUser", UserName=name, **denial)
    assert mine.get_object("k").read() == b"x"
    people.ram("DetachPolicyFromGroup", GroupName=group, **full)
    assert refused(lambda: mine.get_object("k")) == (403, NO_ALLOW)
    people.ram("AttachPolicyToGroup", GroupName=group, **full)
    mine.get_object("k").read()
    people.ram("RemoveUserFromGroup", UserName=name, GroupName=group)
    assert refused(lambda: mine.get_object("k")) == (403, NO_ALLOW)


@covers("PutObject")
def test_an_inactive_key_is_refused(people: People, bucket: oss2.Bucket) -> None:
    name, keys = people.user(document("oss:*"))
    mine = people.bucket(keys, bucket)
    mine.put_object("k", b"x")
    asked = {"UserName": name, "UserAccessKeyId": keys.key_id}
    people.ram("UpdateAccessKey", **asked, Status="Inactive")
    status, _ = refused(lambda: mine.put_object("k", b"x"), "InvalidAccessKeyId")
    assert status == 403
    people.ram("UpdateAccessKey", **asked, Status="Active")
    mine.put_object("k", b"x")
    people.ram("UpdateAccessKey", **asked, Status="Inactive")
    people.ram("DeleteAccessKey", **asked)
    assert refused(lambda: mine.put_object("k", b"x"), "InvalidAccessKeyId")[0] == 403


@covers("PutBucketPolicy", "GetObject")
def test_a_user_of_another_account_needs_the_bucket_policy(
    people: People, bucket: oss2.Bucket
) -> None:
    name, keys = people.user(document("oss:*"), account="b")
    mine = people.bucket(keys, bucket)
    assert refused(lambda: mine.get_object("there"))[0] == 403
    user_id = people.ram("GetUser", "b", UserName=name)["User"]["UserId"]
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": [user_id],
        "Resource": [f"acs:oss:*:{UID_A}:{bucket.bucket_name}/*"],
    }
    bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))
    assert mine.get_object("there").read() == b"there"
    assert user_id != UID_B


@covers("PutObject", "GetObject", "DeleteObject")
def test_a_session_does_what_role_and_session_policy_share(
    people: People, bucket: oss2.Bucket
) -> None:
    role = people.role(document("oss:PutObject", "oss:GetObject"))
    plain = people.session(role)
    people.bucket(plain, bucket).put_object("k", b"x")
    people.v2(plain).put_object(
        oss_v2.PutObjectRequest(bucket=bucket.bucket_name, key="v2", body=b"x")
    )
    assert refused(lambda: people.bucket(plain, bucket).delete_object("k")) == (403, NO_ALLOW)
    of_key = f"acs:oss:*:*:{bucket.bucket_name}/there"
    narrow = people.session(role, Policy=document("oss:*", resource=of_key))
    mine = people.bucket(narrow, bucket)
    assert mine.get_object("there").read() == b"there"
    assert refused(lambda: mine.get_object("k")) == (403, BY_SESSION)
    assert refused(lambda: mine.delete_object("there")) == (403, NO_ALLOW)
    assert denials_of(people.server, narrow) == [
        ("oss:GetObject", "k", BY_SESSION),
        ("oss:DeleteObject", "there", NO_ALLOW),
    ]
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        people.v2(narrow).get_object(oss_v2.GetObjectRequest(bucket=bucket.bucket_name, key="k"))
    error = caught.value.unwrap()
    assert isinstance(error, oss_v2.exceptions.ServiceError)
    assert (error.status_code, error.code, error.ec) == (403, "AccessDenied", BY_SESSION)


@covers("PutObject", "GetObject")
def test_a_session_ends_with_its_time(people: People, bucket: oss2.Bucket) -> None:
    keys = people.session(people.role(document("oss:*")), DurationSeconds=900)
    mine = people.bucket(keys, bucket)
    people.server.advance(899)
    mine.put_object("k", b"x")
    people.server.advance(1)
    assert refused(lambda: mine.get_object("k"), "SecurityTokenExpired")[0] == 403
    with pytest.raises(Refused) as caught:
        people.services.client(people.family, keys)("sts", "GetCallerIdentity")
    assert (caught.value.status, caught.value.code) == (400, "InvalidSecurityToken.Expired")


@covers("PutObject")
def test_a_live_session_follows_its_role(people: People, bucket: oss2.Bucket) -> None:
    role = people.role()
    policy = people.policy(document("oss:PutObject"))
    attached = {"RoleName": role, **policy}
    people.ram("AttachPolicyToRole", **attached)
    keys = people.session(role)
    mine = people.bucket(keys, bucket)
    mine.put_object("k", b"x")
    people.ram("DetachPolicyFromRole", **attached)
    assert refused(lambda: mine.put_object("k", b"x")) == (403, NO_ALLOW)
    people.ram("AttachPolicyToRole", **attached)
    mine.put_object("k", b"x")
    people.ram(
        "CreatePolicyVersion",
        PolicyName=policy["PolicyName"],
        PolicyDocument=document("oss:PutObject", effect="Deny"),
        SetAsDefault=True,
    )
    assert refused(lambda: mine.put_object("k", b"x")) == (403, BY_IDENTITY)
    people.ram("SetDefaultPolicyVersion", PolicyName=policy["PolicyName"], VersionId="v1")
    mine.put_object("k", b"x")
    people.ram("DetachPolicyFromRole", **attached)
    people.ram("DeleteRole", RoleName=role)
    assert refused(lambda: mine.put_object("k", b"x"), "InvalidAccessKeyId")[0] == 403
    people.ram("CreateRole", RoleName=role, AssumeRolePolicyDocument=trust())
    people.ram("AttachPolicyToRole", **attached)
    assert refused(lambda: mine.put_object("k", b"x"), "InvalidAccessKeyId")[0] == 403


@covers("PutObject")
def test_a_session_outlives_its_makers_rights_and_his_trust(
    people: People, bucket: oss2.Bucket
) -> None:
    role = people.role(document("oss:PutObject"))
    mine = people.bucket(people.session(role), bucket)
    other = trust({"Service": ["oss.aliyuncs.com"]})
    people.ram("UpdateRole", RoleName=role, NewAssumeRolePolicyDocument=other)
    mine.put_object("k", b"x")
    with pytest.raises(Refused) as caught:
        people.session(role)
    assert (caught.value.status, caught.value.code) == (403, "NoPermission")


@covers("PutBucketPolicy", "PutObject")
def test_bucket_policies_name_a_session_by_its_role_in_lower_case(
    people: People, bucket: oss2.Bucket
) -> None:
    role = people.role()
    mine = people.bucket(people.session(role), bucket)

    def say(name: str) -> None:
        statement = {
            "Effect": "Allow",
            "Action": ["oss:PutObject"],
            "Principal": [f"arn:sts::{UID_A}:assumed-role/{name}/*"],
            "Resource": [f"acs:oss:*:{UID_A}:{bucket.bucket_name}/*"],
        }
        bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": [statement]}))

    say(role)
    assert refused(lambda: mine.put_object("k", b"x")) == (403, NO_ALLOW)
    say(role.lower())
    mine.put_object("k", b"x")
