"""One server for all tests of the services; each test has names of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.process import KEY_A, SECRET_A, EmulatorProcess
from tests.support.rpc import CoreClient, Keys, ServiceClient, TeaClient

ROOT_A = Keys(KEY_A, SECRET_A)


@pytest.fixture(scope="session")
def server() -> Iterator[EmulatorProcess]:
    """The two-account world in memory on a virtual clock that starts now."""
    with EmulatorProcess() as process:
        yield process
        assert process.errors() == ""  # nothing failed behind an answer


@pytest.fixture(scope="session", params=["core", "tea"])
def family(request: pytest.FixtureRequest) -> str:
    """Both client families."""
    return str(request.param)


class World:
    """Makes users, roles and policies with fresh names, and clients for them."""

    numbers = itertools.count(1)

    def __init__(self, server: EmulatorProcess, family: str) -> None:
        self.server = server
        self.family = family
        self.root = self.client(ROOT_A)

    def client(self, keys: Keys) -> ServiceClient:
        """A client of this family."""
        kind = CoreClient if self.family == "core" else TeaClient
        return kind(self.server, keys)

    def ram(self, action: str, **parameters: Any) -> dict[str, Any]:
        """A call of RAM by the account itself."""
        return self.root("ram", action, **parameters)

    def name(self, stem: str) -> str:
        """A name nothing had before."""
        return f"{stem}-{next(self.numbers)}"

    def user(self, *policies: str) -> tuple[str, Keys]:
        """A user with a key and these custom policies (documents)."""
        name = self.name("user")
        self.ram("CreateUser", UserName=name)
        key = self.ram("CreateAccessKey", UserName=name)["AccessKey"]
        for document in policies:
            self.ram(
                "AttachPolicyToUser",
                UserName=name,
                PolicyType="Custom",
                PolicyName=self.policy(document),
            )
        return name, Keys(key["AccessKeyId"], key["AccessKeySecret"])

    def policy(self, document: str) -> str:
        """A custom policy."""
        name = self.name("policy")
        self.ram("CreatePolicy", PolicyName=name, PolicyDocument=document)
        return name

    def role(self, trust: str, *policies: str, **parameters: Any) -> str:
        """A role with these custom policies (documents)."""
        name = self.name("Role")
        self.ram("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust, **parameters)
        for document in policies:
            self.ram(
                "AttachPolicyToRole",
                RoleName=name,
                PolicyType="Custom",
                PolicyName=self.policy(document),
            )
        return name


@pytest.fixture
def world(server: EmulatorProcess, family: str) -> World:
    """Fresh names on the server, through one client family."""
    return World(server, family)


def policy(*actions: str, effect: str = "Allow", resource: str = "*", **more: Any) -> str:
    """A policy document of one statement."""
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource, **more}
    return json.dumps({"Version": "1", "Statement": [statement]})


def trust(principal: dict[str, Any], **more: Any) -> str:
    """A trust policy of one statement."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return json.dumps({"Version": "1", "Statement": [statement]})
