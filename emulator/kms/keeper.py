"""What time does to keys: deletion after the window, loss of material, rotation."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from emulator.clock import Clock
from emulator.domain.workers import Background
from emulator.kms.keys import remove_due
from emulator.kms.ports import KeyStore, KeyTx, KeyView
from emulator.kms.vault import Vault
from emulator.rng import Rng

_KEYS_AT_ONCE = 64
_LOOK_MS = 3_600_000


class ReadableKeyStore(KeyStore, Protocol):
    """The metadata store as this worker sees it."""

    def read(self) -> AbstractContextManager[KeyView]:
        """A consistent view of what is committed."""
        ...


class KeyKeeper(Background):
    """Carries out what is due. States never wait for it: ``states.as_of`` knows them."""

    name = "keys"
    heeds_changes = False

    def __init__(self, store: ReadableKeyStore, clock: Clock, rng: Rng, vault: Vault) -> None:
        super().__init__(clock)
        self._store = store
        self._rng = rng
        self._vault = vault

    async def _work(self) -> int:
        done = 0
        now_ms = self._clock.now_ms()
        while (due_ms := self._due_ms()) is not None and due_ms <= now_ms:
            carried_out = await self._store.write(lambda tx: self._carry_out(tx, now_ms))
            if not carried_out:
                break
            done += carried_out
        return done

    def _carry_out(self, tx: KeyTx, now_ms: int) -> int:
        due = tx.kms_due(now_ms, limit=_KEYS_AT_ONCE)
        return sum(remove_due(tx, self._vault, self._rng, key, now_ms) for key in due)

    def next_due_ms(self) -> int | None:
        """When the next key is due, or when to look whether one has become due sooner: nobody
        wakes this worker for each change of a key."""
        look_ms = self._clock.now_ms() + _LOOK_MS
        due_ms = self._due_ms()
        return look_ms if due_ms is None else min(due_ms, look_ms)

    def _due_ms(self) -> int | None:
        with self._store.read() as view:
            return view.kms_next_due_ms()

    def next_planned_ms(self) -> int | None:
        """Nothing: rotation has no end, and a test that lets time pass says how much."""
        return None
