"""What the key service asks of its surroundings: where keys are kept, and chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from emulator.kms.model import Alias, ImportTicket, Key, KeyVersion

T = TypeVar("T")

Entropy = Callable[[int], bytes]
"""So many bytes that nobody can guess: for key material and nonces, so never a seeded source."""


class KeyView(Protocol):
    """A consistent reading of keys. Instants do not matter here: see ``states.as_of``."""

    def kms_key(self, key_id: str) -> Key | None:
        """The key of this id, of whatever account."""
        ...

    def kms_key_of_version(self, version_id: str) -> Key | None:
        """The key that has this version."""
        ...

    def kms_keys(self, account_uid: str, region: str) -> list[Key]:
        """Every key of an account in a region, the newest first."""
        ...

    def kms_version(self, version_id: str) -> KeyVersion | None:
        """The version of this id."""
        ...

    def kms_versions(self, key_id: str) -> list[KeyVersion]:
        """Every version of a key, the newest first."""
        ...

    def kms_alias(self, account_uid: str, region: str, name: str) -> Alias | None:
        """The alias of this name."""
        ...

    def kms_aliases(self, account_uid: str, region: str) -> list[Alias]:
        """Every alias of an account in a region, by name."""
        ...

    def kms_aliases_of_key(self, key_id: str) -> list[Alias]:
        """Every alias of a key, by name."""
        ...

    def kms_ticket(self, key_id: str) -> ImportTicket | None:
        """The newest parameters for an import into the key."""
        ...

    def kms_due(self, now_ms: int, *, limit: int) -> list[Key]:
        """Keys whose ``due_ms`` has come, the earliest first."""
        ...

    def kms_next_due_ms(self) -> int | None:
        """The earliest ``due_ms`` of all keys."""
        ...


class KeyTx(KeyView, Protocol):
    """A write transaction."""

    def put_kms_key(self, key: Key) -> None:
        """Store a key, in place of the one of its id."""
        ...

    def delete_kms_key(self, key_id: str) -> None:
        """Remove a key with its versions, aliases and tickets."""
        ...

    def put_kms_version(self, version: KeyVersion, root: str) -> None:
        """Store a version, in place of the one of its id.

        ``root`` is the fingerprint of the root key it is sealed with: the store keeps that of the
        first and is asked for it when it is opened the next time.
        """
        ...

    def put_kms_alias(self, alias: Alias) -> None:
        """Store an alias, in place of the one of its name."""
        ...

    def delete_kms_alias(self, alias: Alias) -> None:
        """Remove an alias; one that is not there is no error."""
        ...

    def put_kms_ticket(self, ticket: ImportTicket) -> None:
        """Store the parameters for an import, in place of earlier ones."""
        ...

    def delete_kms_ticket(self, key_id: str) -> None:
        """Remove the parameters for an import; none is no error."""
        ...


class KeyStore(Protocol):
    """The metadata store as the key service sees it."""

    async def write(self, work: Callable[[KeyTx], T]) -> T:
        """Run ``work`` in one transaction; its result comes back once it is durable."""
        ...
