"""Replication set up as the documentation does it: role, policies and rule by real clients."""

from __future__ import annotations

import enum
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import alibabacloud_oss_v2 as oss_v2
import oss2

from tests.support.clients import v2_client_of
from tests.support.lab import (
    DELETE,
    GET,
    HANGZHOU,
    LIST,
    PUT,
    SHANGHAI,
    TRUSTS_OSS,
    Lab,
    allow,
    bucket_policy,
    content,
    fresh,
)
from tests.support.process import (
    KEY_A,
    KEY_B,
    SECRET_A,
    SECRET_B,
    UID_A,
    UID_B,
    EmulatorProcess,
)
from tests.support.rpc import CoreClient, Keys, ServiceClient, TeaClient

AT_SOURCE = (LIST, GET)
AT_DESTINATION = (LIST, GET, PUT, DELETE)
KEY = "dir/k.txt"
FULL = "AliyunOSSFullAccess"
ACCOUNTS_ONLY = {
    "accounts": [
        {"uid": UID_A, "name": "account-a", "keys": [{"id": KEY_A, "secret": SECRET_A}]},
        {"uid": UID_B, "name": "account-b", "keys": [{"id": KEY_B, "secret": SECRET_B}]},
    ]
}
ROOTS = {"a": Keys(KEY_A, SECRET_A), "b": Keys(KEY_B, SECRET_B)}
FAMILIES = ("core", "tea")
RULE_CLIENTS = ("oss2", "v2")
_SCOPE = re.compile(r"^acs:oss:[^:]*:")
Right = tuple[str, str]


def start_accounts(*settings: str) -> EmulatorProcess:
    """A server, not started, on a virtual clock; signing times may differ from it."""
    return EmulatorProcess(world=None, settings=("oss.check_signing_time=false", *settings))


class Services:
    """The RAM and STS clients of one server, by family and keys."""

    def __init__(self, server: EmulatorProcess) -> None:
        self.server = server
        self._clients: dict[tuple[str, Keys, str], ServiceClient] = {}

    def client(self, family: str, keys: Keys = ROOTS["a"], region: str = HANGZHOU) -> ServiceClient:
        """``core`` is aliyun-python-sdk-core, which alone says a region, ``tea`` the generated
        clients."""
        name = (family, keys, region)
        if name not in self._clients:
            self._clients[name] = (
                CoreClient(self.server, keys, region=region)
                if family == "core"
                else TeaClient(self.server, keys)
            )
        return self._clients[name]

    def close(self) -> None:
        """Close the connections of the clients that keep theirs open."""
        for client in self._clients.values():
            if isinstance(client, CoreClient):
                client.close()


class Kind(enum.Enum):
    """The set-ups of the documentation that take no KMS."""

    CROSS_CUSTOM = "cross-account custom policy"
    CROSS_FULL = "cross-account AliyunOSSFullAccess"
    SAME_CUSTOM = "same-account custom policy"


class Part(enum.Enum):
    """What of a set-up can be taken away."""

    ROLE_ACTION = "role policy"
    BUCKET_ACTION = "bucket policy"
    TRUST = "trust policy"
    CASE = "lower case of the role"
    ATTACHMENT = "attachment"
    ROLE = "role"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """One thing taken away: a part, and of the two policies one action at one end."""

    part: Part
    side: str = ""
    action: str = ""

    def __str__(self) -> str:
        return " ".join(each for each in (self.part.value, self.side, self.action[4:]) if each)


def lacks_of(kind: Kind) -> Iterator[Lack]:
    """Every single thing that can be taken from a set-up."""
    if kind is not Kind.CROSS_FULL:
        for action in AT_SOURCE:
            yield Lack(part=Part.ROLE_ACTION, side="source", action=action)
    part = Part.ROLE_ACTION if kind is Kind.SAME_CUSTOM else Part.BUCKET_ACTION
    for action in AT_DESTINATION:
        yield Lack(part=part, side="destination", action=action)
    yield Lack(part=Part.TRUST)
    yield Lack(part=Part.ATTACHMENT)
    yield Lack(part=Part.ROLE)
    if kind is not Kind.SAME_CUSTOM:
        yield Lack(part=Part.CASE)


class RamSetup:
    """Two buckets and a role with a name of mixed case; nothing of it comes from a world file."""

    def __init__(self, lab: Lab, ram: ServiceClient, kind: Kind, region: str = SHANGHAI) -> None:
        self.lab, self.kind, self._ram = lab, kind, ram
        self.role, self.policy = fresh("Sync-Role"), fresh("replicate")
        self.crosses = kind is not Kind.SAME_CUSTOM
        self.source, self.destination = lab.pair(
            account="b" if self.crosses else "a", region=region
        )
        self.rule_id = ""

    @property
    def role_arn(self) -> str:
        """How RAM names the role."""
        return f"acs:ram::{UID_A}:role/{self.role}"

    # account A, by RAM

    def ram(self, action: str, **parameters: Any) -> dict[str, Any]:
        """One call of RAM by account A."""
        return self._ram("ram", action, **parameters)

    def build(self) -> None:
        """Everything but the rule: role, policy, attachment, the other account's bucket policy."""
        if self.kind is not Kind.CROSS_FULL:
            self.ram("CreatePolicy", PolicyName=self.policy, PolicyDocument=self.document())
        self.create_role()
        if self.crosses:
            self.write_bucket_policy()

    def create_role(self) -> None:
        """CreateRole and AttachPolicyToRole."""
        trust = json.dumps(TRUSTS_OSS)
        self.ram("CreateRole", RoleName=self.role, AssumeRolePolicyDocument=trust)
        self.attach()

    @property
    def _attachment(self) -> dict[str, str]:
        custom = self.kind is not Kind.CROSS_FULL
        return {
            "RoleName": self.role,
            "PolicyType": "Custom" if custom else "System",
            "PolicyName": self.policy if custom else FULL,
        }

    def attach(self) -> None:
        """AttachPolicyToRole."""
        self.ram("AttachPolicyToRole", **self._attachment)

    def detach(self) -> None:
        """DetachPolicyFromRole."""
        self.ram("DetachPolicyFromRole", **self._attachment)

    def document(self, lack: Lack | None = None) -> str:
        """The least-privilege policy, without one action."""
        ends: list[tuple[str, tuple[str, ...], oss2.Bucket]] = [("source", AT_SOURCE, self.source)]
        if not self.crosses:
            ends.append(("destination", AT_DESTINATION, self.destination))
        statements = [
            allow(_without(lack, Part.ROLE_ACTION, side, actions), bucket)
            for side, actions, bucket in ends
        ]
        return json.dumps({"Version": "1", "Statement": statements})

    def replace_policy(self, lack: Lack | None = None) -> None:
        """CreatePolicyVersion that comes into force at once."""
        self.ram(
            "CreatePolicyVersion",
            PolicyName=self.policy,
            PolicyDocument=self.document(lack),
            SetAsDefault=True,
        )

    def trust(self, service: str) -> None:
        """UpdateRole: let one service alone take the role on."""
        principal = {"Service": [service]}
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        document = json.dumps({"Version": "1", "Statement": [statement]})
        self.ram("UpdateRole", RoleName=self.role, NewAssumeRolePolicyDocument=document)

    # account B, by OSS

    def write_bucket_policy(self, lack: Lack | None = None, role: str = "") -> None:
        """PutBucketPolicy for the role, spelled in lower case unless ``role`` is given."""
        actions = _without(lack, Part.BUCKET_ACTION, "destination", AT_DESTINATION)
        text = bucket_policy(self.destination, actions, role or self.role.lower())
        self.destination.put_bucket_policy(text)

    # the rule

    def add_rule(self, client: str = "oss2", *, action: str = "ALL") -> str:
        """PutBucketReplication by ``oss2`` or ``v2``; the id of the rule."""
        self.rule_id = (
            self.lab.add_rule(
                self.source, self.destination, sync_role_name=self.role, action_list=[action]
            )
            if client == "oss2"
            else self._add_rule_by_v2(action)
        )
        return self.rule_id

    def _add_rule_by_v2(self, action: str) -> str:
        rule = oss_v2.ReplicationRule(
            action=action,
            destination=oss_v2.ReplicationDestination(
                bucket=self.destination.bucket_name,
                location=f"oss-{SHANGHAI}",
                transfer_type="internal",
            ),
            historical_object_replication="enabled",
            sync_role=self.role,
        )
        made = v2_client_of(self.lab.server).put_bucket_replication(
            oss_v2.PutBucketReplicationRequest(
                bucket=self.source.bucket_name,
                replication_configuration=oss_v2.ReplicationConfiguration(rules=[rule]),
            )
        )
        return self.lab._made(self.source, str(made.headers["x-oss-replication-rule-id"]))

    # taking away and giving back

    def take(self, lack: Lack) -> None:
        """Take one thing away, by the client its owner would use."""
        match lack.part:
            case Part.ROLE_ACTION:
                self.replace_policy(lack)
            case Part.BUCKET_ACTION:
                self.write_bucket_policy(lack)
            case Part.TRUST:
                self.trust("ecs.aliyuncs.com")
            case Part.CASE:
                self.write_bucket_policy(role=self.role)
            case Part.ATTACHMENT:
                self.detach()
            case Part.ROLE:
                self.detach()
                self.ram("DeleteRole", RoleName=self.role)

    def give(self, lack: Lack) -> None:
        """Give the same thing back; the rule is left alone."""
        match lack.part:
            case Part.ROLE_ACTION:
                self.replace_policy()
            case Part.BUCKET_ACTION | Part.CASE:
                self.write_bucket_policy()
            case Part.TRUST:
                self.trust("oss.aliyuncs.com")
            case Part.ATTACHMENT:
                self.attach()
            case Part.ROLE:
                self.create_role()

    def resource(self, side: str, action: str) -> str:
        """What a right is about: the bucket for a listing, else the object."""
        bucket = self.source if side == "source" else self.destination
        uid = UID_B if side == "destination" and self.crosses else UID_A
        of_bucket = f"acs:oss:*:{uid}:{bucket.bucket_name}"
        return of_bucket if action == LIST else f"{of_bucket}/{KEY}"

    def missing(self, lack: Lack) -> list[Right]:
        """The rights gone with what was taken, as explain has to name them; all, in any order."""
        if lack.part in (Part.TRUST, Part.ROLE):
            return [("sts:AssumeRole", self.role_arn)]
        if lack.action:
            return [(lack.action, self.resource(lack.side, lack.action))]
        of_source = [(action, self.resource("source", action)) for action in AT_SOURCE]
        of_destination = [
            (action, self.resource("destination", action)) for action in AT_DESTINATION
        ]
        if lack.part is Part.CASE:
            return of_destination
        return of_source if self.crosses else of_source + of_destination

    # looking

    def is_there(self) -> bool:
        """Whether a client of the destination sees the object."""
        return content(self.destination, KEY) is not None

    def note(self) -> dict[str, Any]:
        """What ``explain`` says of the rule."""
        (note,) = self.lab.server.explain(self.source.bucket_name, KEY)["rules"]
        return dict(note)

    def audited(self, after_seq: int, **filters: str) -> list[Mapping[str, Any]]:
        """What the audit log has of the rule's own questions since a number."""
        asked = {"action": f"replication {self.rule_id}", "after": after_seq, "limit": 1000}
        found = self.lab.server.control("GET", f"audit?{urlencode({**asked, **filters})}")
        return list(found["entries"])

    def audit_seq(self) -> int:
        """The number of the newest entry of the audit log."""
        entries = self.lab.server.control("GET", "audit?limit=1")["entries"]
        return int(entries[0]["seq"]) if entries else 0


def right_of(entry: Mapping[str, Any]) -> Right:
    """The right an entry of the audit log is about, for any region, as policies name it."""
    return entry["action"], _SCOPE.sub("acs:oss:*:", entry["resource"])


def _without(lack: Lack | None, part: Part, side: str, actions: Iterable[str]) -> list[str]:
    is_meant = lack is not None and lack.part is part and lack.side == side
    return [each for each in actions if not (is_meant and lack and each == lack.action)]


def rows_of(rows: Iterable[tuple[Kind, Lack]]) -> Iterator[tuple[Kind, Lack, str, str]]:
    """Each row with both families of RAM clients, and in turn with either OSS client."""
    clients = itertools.cycle(RULE_CLIENTS)
    for kind, lack in rows:
        for family in FAMILIES:
            yield kind, lack, family, next(clients)
        next(clients)
