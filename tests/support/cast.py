"""Users and role sessions with policies of their own, and their vendor clients."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import alibabacloud_oss_v2
import oss2
import pytest

from tests.support.lab import TRUSTS_OSS
from tests.support.process import UID_A, UID_B, EmulatorProcess

_UIDS = {"a": UID_A, "b": UID_B}
_NUMBERS = itertools.count(1)
Statement = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A user or a role's session: ``uid`` is the user's id, ``arn`` how RAM names it."""

    cast: Cast
    name: str
    uid: str
    arn: str
    key_id: str
    secret: str
    token: str = ""

    def bucket(self, bucket: oss2.Bucket | str) -> oss2.Bucket:
        """An oss2 client of a bucket in path style."""
        name = bucket if isinstance(bucket, str) else bucket.bucket_name
        return self.cast.client(self._auth(), name)

    def service(self) -> oss2.Service:
        """An oss2 client of the service."""
        return oss2.Service(self._auth(), self.cast.server.endpoint, session=self.cast.http)

    def _auth(self) -> Any:
        if self.token:
            return oss2.StsAuth(self.key_id, self.secret, self.token)
        return oss2.Auth(self.key_id, self.secret)

    def v2(self) -> Any:
        """An alibabacloud-oss-v2 client in path style."""
        config = alibabacloud_oss_v2.config.load_default()
        provider = alibabacloud_oss_v2.credentials.StaticCredentialsProvider
        config.credentials_provider = provider(self.key_id, self.secret, self.token or None)
        config.region = "cn-hangzhou"
        config.endpoint = self.cast.server.endpoint
        config.use_path_style = True
        return alibabacloud_oss_v2.Client(config)


class Cast:
    """Makes players in the accounts of one server."""

    def __init__(self, server: EmulatorProcess) -> None:
        self.server = server
        self.http = oss2.Session()

    def client(self, auth: Any, name: str) -> oss2.Bucket:
        """An oss2 client of a bucket in path style."""
        return oss2.Bucket(auth, self.server.endpoint, name, session=self.http)

    def close(self) -> None:
        """Close the connections."""
        self.http.session.close()

    def user(
        self, *statements: Statement, account: str = "a", policies: Sequence[str] = ()
    ) -> Player:
        """A new RAM user with one policy of these statements, and policies named."""
        number = next(_NUMBERS)
        name, uid = f"user-{number}", f"3{number:015d}"
        key_id = f"LTAIplayer{number}"
        user: dict[str, object] = {
            "name": name,
            "uid": uid,
            "keys": [{"id": key_id, "secret": "s"}],
        }
        self._load(account, "users", user, statements, policies)
        return Player(
            cast=self,
            name=name,
            uid=uid,
            arn=f"acs:ram::{_UIDS[account]}:user/{name}",
            key_id=key_id,
            secret="s",
        )

    def session(
        self, *statements: Statement, account: str = "a", policies: Sequence[str] = ()
    ) -> Player:
        """A new role with a name of mixed case, in a session."""
        number = next(_NUMBERS)
        name, key_id = f"Role-Of-{number}", f"STS.player{number}"
        session = {"name": "sess", "key": {"id": key_id, "secret": "s"}, "token": f"t{number}"}
        role: dict[str, object] = {"name": name, "trust": TRUSTS_OSS, "sessions": [session]}
        self._load(account, "roles", role, statements, policies)
        return Player(
            cast=self,
            name=name,
            uid="",
            arn=f"acs:ram::{_UIDS[account]}:assumed-role/{name}/sess",
            key_id=key_id,
            secret="s",
            token=f"t{number}",
        )

    def _load(
        self,
        account: str,
        field: str,
        who: dict[str, object],
        statements: Sequence[Statement],
        policies: Sequence[str],
    ) -> None:
        world: dict[str, object] = {"uid": _UIDS[account], "name": f"account-{account}"}
        attached = list(policies)
        if statements:
            attached.append(f"of-{who['name']}")
            document = {"Version": "1", "Statement": list(statements)}
            world["policies"] = [{"name": f"of-{who['name']}", "document": document}]
        who["policies"] = attached
        world[field] = [who]
        self.server.load_world(json.dumps({"accounts": [world]}))


def ram(
    effect: str, actions: str | list[str], *resources: str, condition: object = None
) -> dict[str, object]:
    """A RAM policy statement; ``bucket/key`` is short for the whole resource name."""
    names = [each if each == "*" else f"acs:oss:*:*:{each}" for each in resources] or ["*"]
    statement: dict[str, object] = {"Effect": effect, "Action": actions, "Resource": names}
    return statement if condition is None else statement | {"Condition": condition}


def give_policy(bucket: oss2.Bucket, *statements: Statement) -> None:
    """PutBucketPolicy; a statement without Resource is about the bucket and all in it."""
    name = bucket.bucket_name
    everything = {"Resource": [f"acs:oss:*:*:{name}", f"acs:oss:*:*:{name}/*"]}
    listed = [{**everything, **statement} for statement in statements]
    bucket.put_bucket_policy(json.dumps({"Version": "1", "Statement": listed}))


def refused(call: Callable[[], object], *, code: str = "AccessDenied") -> str:
    """The EC of a call that must be refused with 403."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call()
    assert (caught.value.status, caught.value.code) == (403, code), caught.value
    return str(caught.value.details.get("EC", ""))
