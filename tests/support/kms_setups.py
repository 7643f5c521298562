"""Replication of encrypted objects set up as the documentation does it, by real clients."""

from __future__ import annotations

import json
from typing import Any

import alibabacloud_oss_v2 as oss_v2

from tests.support.clients import v2_client_of
from tests.support.kms_lacks import (
    DECRYPT,
    GENERATE,
    KEY_RIGHTS,
    AnyLack,
    KeyLack,
    KeyPart,
    KmsKind,
)
from tests.support.lab import HANGZHOU, SHANGHAI, Lab, fresh
from tests.support.process import UID_A, UID_B
from tests.support.ram_setups import (
    KEY,
    ROOTS,
    Kind,
    Lack,
    Part,
    RamSetup,
    Right,
    Services,
)

CRYPTO = "AliyunKMSCryptoUserAccess"
SSE, SSE_KEY = "x-oss-server-side-encryption", "x-oss-server-side-encryption-key-id"
NEITHER = "neither the key policy nor a RAM policy allows it"
_WHERE = {
    Part.ROLE_ACTION: "no policy of the role allows it",
    Part.BUCKET_ACTION: "the bucket policy does not allow it",
    Part.CASE: "the bucket policy does not allow it",
    Part.TRUST: "The trust policy of the role",
    Part.ROLE: "has no role",
}


class KmsSetup(RamSetup):
    """A set-up whose objects are encrypted with a key of the source and one of the replica.

    The classic clients say a region: there the destination and its key are in Shanghai.
    """

    def __init__(self, lab: Lab, services: Services, kind: KmsKind, family: str) -> None:
        base = Kind.CROSS_CUSTOM if kind.crosses else Kind.SAME_CUSTOM
        self.region = SHANGHAI if family == "core" else HANGZHOU
        super().__init__(lab, services.client(family), base, self.region)
        self.kms_kind, self._services, self._family = kind, services, family
        self._lack: KeyLack | None = None
        self._denying = fresh("deny")
        self.ids: dict[str, str] = {}
        self.arns: dict[str, str] = {}
        for side in ("source", "replica"):
            made = self.kms(side, "CreateKey")["KeyMetadata"]
            self.ids[side], self.arns[side] = made["KeyId"], made["Arn"]
        self.alias = f"alias/{fresh('replica')}"
        self.kms("replica", "CreateAlias", AliasName=self.alias, KeyId=self.ids["replica"])

    # the owners of the keys, by KMS

    def kms(self, side: str, action: str, **parameters: Any) -> dict[str, Any]:
        """One call of KMS by the account and in the region of a key."""
        foreign = side == "replica"
        keys = ROOTS["b" if foreign and self.crosses else "a"]
        region = self.region if foreign else HANGZHOU
        return self._services.client(self._family, keys, region)("kms", action, **parameters)

    def build(self) -> None:
        """Everything but the rule."""
        super().build()
        self.write_key_policies()

    def attach(self) -> None:
        """Attach the role's policies."""
        super().attach()
        self._crypto("AttachPolicyToRole")

    def _crypto(self, action: str) -> None:
        if self.kms_kind.has_crypto:
            self.ram(action, RoleName=self.role, PolicyType="System", PolicyName=CRYPTO)

    def document(self, lack: Lack | None = None) -> str:
        """The least-privilege policy, with the rights on the keys if it has to give them."""
        whole = json.loads(super().document(lack))
        if self.kms_kind.is_custom:
            for side in ("source", "replica"):
                actions = self._actions(KeyPart.ROLE_POLICY, side)
                resource = self.arns[side]
                if actions:
                    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
                    whole["Statement"].append(statement)
        return json.dumps(whole)

    def _actions(self, part: KeyPart, side: str) -> list[str]:
        gone = self._lack if self._lack and self._lack.part is part else None
        return [
            action
            for at, action in KEY_RIGHTS
            if at == side and (gone is None or (gone.side, gone.action) != (at, action))
        ]

    def _sides_with_policy(self) -> tuple[str, ...]:
        if self.kms_kind is KmsKind.SAME_KEY_POLICIES:
            return ("source", "replica")
        return ("replica",) if self.crosses else ()

    def write_key_policies(self) -> None:
        """SetKeyPolicy of every key whose policy has to name the role."""
        for side in self._sides_with_policy():
            policy = json.dumps(self._key_policy(side))
            self.kms(side, "SetKeyPolicy", KeyId=self.ids[side], Policy=policy)

    def _key_policy(self, side: str) -> dict[str, Any]:
        """The policy of a key: its account, and the role with what it needs."""
        uid = UID_B if side == "replica" and self.crosses else UID_A
        is_gone = self._lack == KeyLack(part=KeyPart.KEY_PRINCIPAL, side=side)
        role = f"acs:ram::{UID_A}:role/{'another' if is_gone else self.role}"
        rights = [(f"acs:ram::{uid}:*", ["kms:*"])]
        actions = self._actions(KeyPart.KEY_POLICY, side)
        if actions:
            rights.append((role, actions))
        return {
            "Version": "1",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"RAM": [name]},
                    "Action": actions,
                    "Resource": ["*"],
                }
                for name, actions in rights
            ],
        }

    def deny(self, side: str, action: str, *, by_key: bool) -> str:
        """Deny a right on a key in its policy or in one of the role's; what it is called."""
        statement: dict[str, Any] = {"Sid": "Never", "Effect": "Deny", "Action": [action]}
        if by_key:
            whole = self._key_policy(side)
            who = {"Principal": {"RAM": [self.role_arn]}, "Resource": ["*"]}
            whole["Statement"].append(statement | who)
            self.kms(side, "SetKeyPolicy", KeyId=self.ids[side], Policy=json.dumps(whole))
            number = len(whole["Statement"]) - 1
            return f"Deny statement {number} (Never) of key policy {self.ids[side]}"
        document = {"Version": "1", "Statement": [statement | {"Resource": self.arns[side]}]}
        name = self._denying
        self.ram("CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(document))
        self.ram("AttachPolicyToRole", RoleName=self.role, PolicyType="Custom", PolicyName=name)
        return f"Deny statement 0 (Never) of RAM policy {name}"

    def undeny(self, side: str, *, by_key: bool) -> None:
        """Take what ``deny`` wrote away."""
        if by_key:
            policy = json.dumps(self._key_policy(side))
            self.kms(side, "SetKeyPolicy", KeyId=self.ids[side], Policy=policy)
        else:
            name = {"PolicyType": "Custom", "PolicyName": self._denying}
            self.ram("DetachPolicyFromRole", RoleName=self.role, **name)

    # the rule and the object

    def put(self, key: str = KEY, body: bytes = b"secret") -> None:
        """PutObject under the source's key."""
        headers = {SSE: "KMS", SSE_KEY: self.ids["source"]}
        self.source.put_object(key, body, headers=headers)

    def replica_key(self, lack: AnyLack | None = None) -> str:
        """What the rule calls the replica's key: in another account it takes the ARN."""
        is_alias = isinstance(lack, KeyLack) and lack.part is KeyPart.ALIAS
        if self.crosses:
            return self.alias_arn if is_alias else self.arns["replica"]
        return self.alias if is_alias else self.ids["replica"]

    @property
    def alias_arn(self) -> str:
        """The ARN of the replica key's alias."""
        return f"{self.arns['replica'].rpartition(':')[0]}:{self.alias}"

    def add_kms_rule(self, client: str, lack: AnyLack | None = None) -> str:
        """PutBucketReplication by ``oss2`` or ``v2``; the id of the rule."""
        key = self.replica_key(lack)
        if client == "v2":
            self.rule_id = self._add_kms_rule_by_v2(key)
            return self.rule_id
        self.rule_id = self.lab.add_rule(
            self.source,
            self.destination,
            sync_role_name=self.role,
            sse_kms_encrypted_objects_status="Enabled",
            replica_kms_keyid=key,
        )
        return self.rule_id

    def _add_kms_rule_by_v2(self, key: str) -> str:
        rule = oss_v2.ReplicationRule(
            action="ALL",
            destination=oss_v2.ReplicationDestination(
                bucket=self.destination.bucket_name, location=f"oss-{self.region}"
            ),
            historical_object_replication="enabled",
            sync_role=self.role,
            source_selection_criteria=oss_v2.ReplicationSourceSelectionCriteria(
                sse_kms_encrypted_objects=oss_v2.SseKmsEncryptedObjects(status="Enabled")
            ),
            encryption_configuration=oss_v2.ReplicationEncryptionConfiguration(
                replica_kms_key_id=key
            ),
        )
        made = v2_client_of(self.lab.server).put_bucket_replication(
            oss_v2.PutBucketReplicationRequest(
                bucket=self.source.bucket_name,
                replication_configuration=oss_v2.ReplicationConfiguration(rules=[rule]),
            )
        )
        return self.lab._made(self.source, str(made.headers["x-oss-replication-rule-id"]))

    # taking away and giving back

    def take_any(self, lack: AnyLack) -> None:
        """Take one thing away, by the client its owner would use."""
        if isinstance(lack, KeyLack):
            self._change(lack, lack)
        else:
            if lack.part is Part.ROLE:
                self._crypto("DetachPolicyFromRole")
            self.take(lack)

    def give_any(self, lack: AnyLack) -> None:
        """Give the same thing back; the rule is left alone."""
        if isinstance(lack, KeyLack):
            self._change(lack, None)
        elif lack.part is Part.ATTACHMENT:
            super().attach()
        else:
            self.give(lack)

    def _change(self, lack: KeyLack, gone: KeyLack | None) -> None:
        self._lack, key = gone, self.ids.get(lack.side, "")
        match lack.part:
            case KeyPart.ROLE_POLICY:
                self.replace_policy()
            case KeyPart.KEY_POLICY | KeyPart.KEY_PRINCIPAL:
                self.write_key_policies()
            case KeyPart.ATTACHMENT:
                self._crypto("DetachPolicyFromRole" if gone else "AttachPolicyToRole")
            case KeyPart.DISABLED:
                self.kms(lack.side, "DisableKey" if gone else "EnableKey", KeyId=key)
            case KeyPart.PENDING if gone:
                self.kms(lack.side, "ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=30)
            case KeyPart.PENDING:
                self.kms(lack.side, "CancelKeyDeletion", KeyId=key)
            case KeyPart.ALIAS if gone:
                self.kms(lack.side, "DeleteAlias", AliasName=self.alias)
            case KeyPart.ALIAS:
                self.kms(lack.side, "CreateAlias", AliasName=self.alias, KeyId=key)

    # what has to be said

    def missing_any(self, lack: AnyLack) -> list[Right]:
        """The rights gone with what was taken, as explain has to name them; all, in any order."""
        if not isinstance(lack, KeyLack):
            all_gone = lack.part is Part.ATTACHMENT and self.kms_kind.is_custom
            rights = KEY_RIGHTS if all_gone else ()
            return self.missing(lack) + [(action, self.arns[side]) for side, action in rights]
        match lack.part:
            case KeyPart.ROLE_POLICY | KeyPart.KEY_POLICY:
                return [(lack.action, self.arns[lack.side])]
            case KeyPart.ATTACHMENT:
                return [(action, self.arns[side]) for side, action in KEY_RIGHTS]
            case KeyPart.KEY_PRINCIPAL:
                return [
                    (action, self.arns[side]) for side, action in KEY_RIGHTS if side == lack.side
                ]
            case KeyPart.ALIAS:
                return [(GENERATE, self.alias_arn)]
            case _:
                return [(DECRYPT if lack.side == "source" else GENERATE, self.arns[lack.side])]

    def where(self, lack: AnyLack) -> tuple[str, str]:
        """Words of the message and the audit log that say where it is missing, and of the cure."""
        if not isinstance(lack, KeyLack):
            said = _WHERE.get(lack.part, "no policy of the role allows it")
            return said, self._cure(lack)
        match lack.part:
            case KeyPart.KEY_POLICY | KeyPart.KEY_PRINCIPAL if self.crosses:
                said = "the key policy does not allow it to the other account's caller"
                return said, f"to {self.role_arn} in the key's policy."
            case KeyPart.ROLE_POLICY if self.crosses and lack.side == "replica":
                said = "the key policy allows it, no RAM policy of the caller does"
                return said, f"to {self.role_arn} in a policy of the role."
            case KeyPart.DISABLED:
                return "the key is disabled", f"Enable the key {self.arns[lack.side]}."
            case KeyPart.PENDING:
                arn = self.arns[lack.side]
                return "the key is about to be deleted", f"Cancel the deletion of the key {arn}."
            case KeyPart.ALIAS:
                return "The specified Alias is not found", f"Create the alias {self.alias_arn}."
            case _:
                cure = f"to {self.role_arn} in a policy of the role, or in the key's policy."
                return NEITHER, cure

    def _cure(self, lack: Lack) -> str:
        match lack.part:
            case Part.BUCKET_ACTION:
                return f"assumed-role/{self.role.lower()}/*"
            case Part.CASE:
                return "in lower case"
            case Part.TRUST:
                return "oss.aliyuncs.com"
            case _:
                return self.role
