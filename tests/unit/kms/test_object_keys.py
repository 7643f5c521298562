"""Data keys of objects: wrapped for each encryption, and opened again by whoever may."""

from __future__ import annotations

import os

import pytest

from emulator.access.policy.cache import PolicyCache
from emulator.domain.encryption import Encryption, KeyHolder, default_key_id, encryption_of
from emulator.kms.keys import NewKey, create_key
from emulator.kms.model import Key
from emulator.kms.object_keys import (
    KeyUser,
    is_sealed,
    make_service_key,
    needs_service_key,
    new_data_key,
    open_data_key,
    rewrap,
)
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.vault import Vault
from emulator.rng import SeededRng
from tests.unit.kms.keys_twin import KeysTwin

HERE = KeyHolder("1000000000000001", "cn-hangzhou")
ITSELF = KeyUser(principal=None, policies=PolicyCache(), now_ms=0)


class Bench:
    """A vault and an empty store of keys."""

    def __init__(self) -> None:
        self.vault = Vault(bytes(32), os.urandom)
        self.rng = SeededRng(1)
        self.keys = KeysTwin()

    def key(self, holder: KeyHolder = HERE) -> Key:
        return create_key(self.keys, self.vault, self.rng, NewKey(holder=holder, creator="x"), 0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_is_wrapped_opens_and_is_never_the_key_itself(bench: Bench) -> None:
    key = bench.key()
    for asked in (Encryption("AES256"), Encryption("SM4"), Encryption("KMS", key.id)):
        made = new_data_key(bench.keys, bench.vault, asked.to_json(), HERE, ITSELF)
        assert is_sealed(made.encryption_json)
        assert not is_sealed(asked.to_json())
        opened = open_data_key(bench.keys, bench.vault, made.encryption_json, ITSELF)
        assert opened == made.data_key
        assert len(opened) == 32
        other = bench.key()
        shared = rewrap(
            bench.keys, bench.vault, Encryption("KMS", other.id).to_json(), HERE, ITSELF, opened
        )
        assert open_data_key(bench.keys, bench.vault, shared, ITSELF) == opened


def test_a_changed_wrapping_does_not_open(bench: Bench) -> None:
    for asked in (Encryption("AES256"), Encryption("KMS", bench.key().id)):
        made = new_data_key(bench.keys, bench.vault, asked.to_json(), HERE, ITSELF)
        kept = encryption_of(made.encryption_json)
        assert kept is not None
        for wrong in (kept.data_key[:-8] + "AAAAAAA=", "!", "AAAA"):
            changed = Encryption(kept.algorithm, kept.key_id, "", wrong).to_json()
            with pytest.raises(KeyRefused) as caught:
                open_data_key(bench.keys, bench.vault, changed, ITSELF)
            assert caught.value.reason is Reason.BAD_CIPHERTEXT


def test_the_service_key_is_asked_for_once(bench: Bench) -> None:
    asked = Encryption("KMS", default_key_id(HERE)).to_json()
    assert needs_service_key(bench.keys, asked, HERE)
    assert not needs_service_key(bench.keys, Encryption("AES256").to_json(), HERE)
    make_service_key(bench.keys, bench.vault, bench.rng, HERE, 0)
    assert not needs_service_key(bench.keys, asked, HERE)


def test_keys_of_other_places_are_named_by_arn_and_must_be_in_the_region(bench: Bench) -> None:
    there = bench.key(KeyHolder("2000000000000002", "cn-hangzhou"))
    far = bench.key(KeyHolder(HERE.account_uid, "cn-shanghai"))
    made = new_data_key(
        bench.keys, bench.vault, Encryption("KMS", there.arn).to_json(), HERE, ITSELF
    )
    shown = encryption_of(made.encryption_json)
    assert shown is not None
    assert shown.key_id == there.arn
    for name in (there.id, far.id, far.arn):
        with pytest.raises(KeyRefused) as caught:
            new_data_key(bench.keys, bench.vault, Encryption("KMS", name).to_json(), HERE, ITSELF)
        assert caught.value.reason is Reason.NOT_FOUND
