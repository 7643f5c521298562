"""The key store as plain dictionaries, and a world of keys around it."""

from __future__ import annotations

import random

from emulator.domain.encryption import KeyHolder
from emulator.kms.keys import NewKey, create_key
from emulator.kms.model import Alias, ImportTicket, Key, KeySpec, KeyVersion, Origin
from emulator.kms.vault import Vault
from emulator.rng import SeededRng

OWNER, OTHER = "1000", "2000"
REGION = "cn-hangzhou"
HOLDER = KeyHolder(OWNER, REGION)
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


class KeysTwin:
    """Implements ``kms.ports.KeyTx``."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.versions: dict[str, KeyVersion] = {}
        self.aliases: dict[tuple[str, str, str], Alias] = {}
        self.tickets: dict[str, ImportTicket] = {}

    def kms_key(self, key_id: str) -> Key | None:
        return self.keys.get(key_id)

    def kms_key_of_version(self, version_id: str) -> Key | None:
        version = self.versions.get(version_id)
        return None if version is None else self.keys.get(version.key_id)

    def kms_keys(self, account_uid: str, region: str) -> list[Key]:
        owner = (account_uid, region)
        found = [key for key in self.keys.values() if (key.account_uid, key.region) == owner]
        return sorted(found, key=lambda key: (-key.created_ms, key.id))

    def kms_version(self, version_id: str) -> KeyVersion | None:
        return self.versions.get(version_id)

    def kms_versions(self, key_id: str) -> list[KeyVersion]:
        return [v for v in reversed(self.versions.values()) if v.key_id == key_id]

    def kms_alias(self, account_uid: str, region: str, name: str) -> Alias | None:
        return self.aliases.get((account_uid, region, name))

    def kms_aliases(self, account_uid: str, region: str) -> list[Alias]:
        return [a for at, a in sorted(self.aliases.items()) if at[:2] == (account_uid, region)]

    def kms_aliases_of_key(self, key_id: str) -> list[Alias]:
        return [a for _, a in sorted(self.aliases.items()) if a.key_id == key_id]

    def kms_ticket(self, key_id: str) -> ImportTicket | None:
        return self.tickets.get(key_id)

    def kms_due(self, now_ms: int, *, limit: int) -> list[Key]:
        due = [key for key in self.keys.values() if 0 < key.due_ms <= now_ms]
        return sorted(due, key=lambda key: key.due_ms)[:limit]

    def kms_next_due_ms(self) -> int | None:
        return min((key.due_ms for key in self.keys.values() if key.due_ms), default=None)

    def put_kms_key(self, key: Key) -> None:
        self.keys[key.id] = key

    def delete_kms_key(self, key_id: str) -> None:
        self.keys.pop(key_id, None)
        self.versions = {k: v for k, v in self.versions.items() if v.key_id != key_id}
        self.aliases = {k: v for k, v in self.aliases.items() if v.key_id != key_id}
        self.tickets.pop(key_id, None)

    def put_kms_version(self, version: KeyVersion, root: str) -> None:
        self.versions[version.id] = version

    def put_kms_alias(self, alias: Alias) -> None:
        self.aliases[alias.account_uid, alias.region, alias.name] = alias

    def delete_kms_alias(self, alias: Alias) -> None:
        self.aliases.pop((alias.account_uid, alias.region, alias.name), None)

    def put_kms_ticket(self, ticket: ImportTicket) -> None:
        self.tickets[ticket.key_id] = ticket

    def delete_kms_ticket(self, key_id: str) -> None:
        self.tickets.pop(key_id, None)


class KeyWorld:
    """A store, a vault and chance, all of them repeatable."""

    def __init__(self, seed: int = 1, *, ciphers_max: int = 8) -> None:
        self.tx = KeysTwin()
        self.rng = SeededRng(seed)
        self.entropy = random.Random(seed).randbytes
        self.vault = Vault(bytes(range(32)), self.entropy, ciphers_max=ciphers_max)

    def key(
        self,
        holder: KeyHolder = HOLDER,
        *,
        spec: KeySpec = KeySpec.AES_256,
        origin: Origin = Origin.KMS,
        policy: str = "",
    ) -> Key:
        """A new key."""
        new = NewKey(
            holder=holder, creator=holder.account_uid, spec=spec, origin=origin, policy=policy
        )
        return create_key(self.tx, self.vault, self.rng, new, NOW_MS)
