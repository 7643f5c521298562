"""Who may do what: users, role sessions, other accounts, anonymous; with real clients."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import oss2
import pytest

from tests.support.process import KEY_A, KEY_B, SECRET_A, SECRET_B, UID_A, UID_B, EmulatorProcess

TRUST = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",\
"Principal":{"Service":["oss.aliyuncs.com"]}}]}'
WORLD = f"""
accounts:
  - uid: "{UID_A}"
    keys: [{{id: {KEY_A}, secret: {SECRET_A}}}]
    policies:
      - name: reads-shared
        document: {{Version: "1", Statement: [
          {{Effect: Allow, Action: ["oss:GetObject", "oss:ListObjects"],
            Resource: ["acs:oss:*:*:shared", "acs:oss:*:*:shared/*"]}},
          {{Effect: Deny, Action: "oss:*", Resource: "acs:oss:*:*:shared/secret*"}}]}}
    users:
      - {{name: reader, uid: "2222222222222222", keys: [{{id: LTAIreader, secret: s1}}],
          policies: [reads-shared]}}
      - {{name: nobody, uid: "3333333333333333", keys: [{{id: LTAInobody, secret: s2}}]}}
    roles:
      - name: Reader
        trust: '{TRUST}'
        policies: [reads-shared]
        sessions:
          - {{name: one, key: {{id: STS.one, secret: s3}}, token: token-one, expires_in_s: 600}}
          - {{name: late, key: {{id: STS.late, secret: s4}}, token: token-late, expires_in_s: 1}}
    buckets:
      - {{name: shared, region: cn-hangzhou}}
      - {{name: open, region: cn-hangzhou, acl: public-read}}
  - uid: "{UID_B}"
    keys: [{{id: {KEY_B}, secret: {SECRET_B}}}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """A server whose world has a user, a role with sessions, and two objects."""
    world = tmp_path_factory.mktemp("world") / "world.yaml"
    world.write_text(WORLD)
    with EmulatorProcess(world=world) as process:
        for name in ("shared", "open"):
            owner = oss2.Bucket(oss2.Auth(KEY_A, SECRET_A), process.endpoint, name)
            owner.put_object("a.txt", b"content")
            owner.put_object("secret.txt", b"secret")
        process.advance(5)  # so that one of the sessions is over
        yield process
        assert process.errors() == ""


def denied(call: Callable[[], object], code: str = "AccessDenied") -> None:
    """The call must be refused with this code."""
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        call()
    assert refused.value.status == 403
    assert refused.value.code == code


def shared(server: EmulatorProcess, auth: object, name: str = "shared") -> oss2.Bucket:
    return oss2.Bucket(auth, server.endpoint, name)


@pytest.mark.parametrize(
    "auth",
    [
        oss2.Auth("LTAIreader", "s1"),
        oss2.StsAuth("STS.one", "s3", "token-one"),
        oss2.make_auth("LTAIreader", "s1", "v4"),
    ],
    ids=["user", "role session", "user with V4"],
)
def test_a_ram_identity_may_what_its_policies_allow(server: EmulatorProcess, auth: object) -> None:
    bucket = oss2.Bucket(auth, server.endpoint, "shared", region="cn-hangzhou")
    assert bucket.get_object("a.txt").read() == b"content"
    assert "a.txt" in [entry.key for entry in bucket.list_objects().object_list]
    denied(lambda: bucket.get_object("secret.txt"))  # the explicit Deny
    denied(lambda: bucket.put_object("b.txt", b""))
    denied(bucket.get_bucket_policy)


def test_an_identity_without_policies_may_nothing(server: EmulatorProcess) -> None:
    bucket = shared(server, oss2.Auth("LTAInobody", "s2"))
    denied(lambda: bucket.get_object("a.txt"))
    denied(lambda: bucket.get_object("does-not-exist"))  # the same answer, whether it is there


def test_another_account_needs_the_bucket_policy(server: EmulatorProcess) -> None:
    stranger = shared(server, oss2.Auth(KEY_B, SECRET_B))
    denied(lambda: stranger.get_object("a.txt"))
    owner = shared(server, oss2.Auth(KEY_A, SECRET_A))
    owner.put_bucket_policy(
        json.dumps(
            {
                "Version": "1",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["oss:GetObject"],
                        "Principal": [UID_B],
                        "Resource": [f"acs:oss:*:{UID_A}:shared/*"],
                    }
                ],
            }
        )
    )
    assert stranger.get_object("a.txt").read() == b"content"
    denied(lambda: stranger.delete_object("a.txt"))
    owner.delete_bucket_policy()
    denied(lambda: stranger.get_object("a.txt"))


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        (oss2.StsAuth("STS.late", "s4", "token-late"), "SecurityTokenExpired"),
        (oss2.StsAuth("STS.one", "s3", "token-late"), "InvalidSecurityToken"),
        (oss2.Auth("STS.one", "s3"), "InvalidAccessKeyId"),
        (oss2.StsAuth("LTAIreader", "s1", "token-one"), "AccessKeyIdAndSecurityTokenNotMatch"),
        (oss2.StsAuth("STS.one", "wrong", "token-one"), "SignatureDoesNotMatch"),
    ],
    ids=["expired", "of another key", "missing", "with a permanent key", "wrong secret"],
)
def test_temporary_credentials_are_checked(
    server: EmulatorProcess, auth: object, code: str
) -> None:
    denied(lambda: shared(server, auth).get_object("a.txt"), code)


def test_anonymous_callers_read_what_is_public_and_nothing_else(server: EmulatorProcess) -> None:
    with urllib.request.urlopen(f"{server.endpoint}/open/a.txt") as answer:
        assert answer.read() == b"content"
    for path in ("shared/a.txt", "open?policy", "open?acl", ""):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.endpoint}/{path}")
        with refused.value as error:
            assert error.code == 403
            assert b"<Code>AccessDenied</Code>" in error.read()


@pytest.mark.parametrize("checked", [True, False])
def test_the_time_of_signatures_need_not_be_checked(checked: bool) -> None:
    settings = (f"oss.check_signing_time={str(checked).lower()}",)
    with EmulatorProcess(settings=settings) as process:
        process.advance(86_400)
        bucket = oss2.Bucket(oss2.Auth(KEY_A, SECRET_A), process.endpoint, "src-bucket")
        url = bucket.sign_url("GET", "a.txt", 60)
        if checked:
            denied(lambda: bucket.put_object("a.txt", b"content"), "RequestTimeTooSkewed")
            return
        bucket.put_object("a.txt", b"content")
        assert bucket.get_object_with_url(url).read() == b"content"
        denied(lambda: bucket.get_object_with_url(url + "x"), "SignatureDoesNotMatch")
