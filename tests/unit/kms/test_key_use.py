"""Encrypting, decrypting, data keys: what comes back, and what never does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emulator.domain.encryption import KeyHolder, default_key_id
from emulator.kms.context import NO_CONTEXT, canonical, read_context
from emulator.kms.keys import add_version, service_key
from emulator.kms.model import KeySpec, KeyState
from emulator.kms.names import find_key
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.using import (
    VERSION_ID_BYTES,
    Rewrapping,
    decrypt,
    encrypt,
    generate_data_key,
    key_of_blob,
    rewrap,
)
from tests.unit.kms.keys_twin import HOLDER, NOW_MS, OTHER, REGION, KeyWorld

WORLD = KeyWorld()
KEYS = {spec: WORLD.key(spec=spec) for spec in KeySpec}
SPECS = st.sampled_from(list(KeySpec))
CONTEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


def opened(blob: bytes, context: dict[str, str] | None = None) -> bytes:
    """What a blob holds, by its own key."""
    key = key_of_blob(WORLD.tx, blob, NOW_MS)
    return decrypt(WORLD.tx, WORLD.vault, key, blob, context or NO_CONTEXT)


@given(SPECS, st.binary(max_size=200), CONTEXTS)
def test_what_was_encrypted_comes_back(
    spec: KeySpec, plaintext: bytes, context: dict[str, str]
) -> None:
    made = encrypt(WORLD.tx, WORLD.vault, KEYS[spec], plaintext, context)
    assert made.blob[:VERSION_ID_BYTES].decode() == made.version_id == KEYS[spec].primary_version
    assert plaintext not in made.blob or len(plaintext) < 8
    turned_round = dict(reversed(context.items()))
    assert opened(made.blob, turned_round) == plaintext


@given(SPECS, st.data())
@settings(max_examples=300)
def test_a_flipped_byte_is_refused(spec: KeySpec, data: st.DataObject) -> None:
    blob = encrypt(WORLD.tx, WORLD.vault, KEYS[spec], b"p" * 32, {"a": "b"}).blob
    place = data.draw(st.integers(0, len(blob) - 1))
    mask = data.draw(st.integers(1, 255))
    damaged = blob[:place] + bytes([blob[place] ^ mask]) + blob[place + 1 :]
    with pytest.raises(KeyRefused) as refused:
        opened(damaged, {"a": "b"})
    assert refused.value.reason in (Reason.BAD_CIPHERTEXT, Reason.NOT_FOUND)


def test_every_single_byte_matters() -> None:
    blob = encrypt(WORLD.tx, WORLD.vault, KEYS[KeySpec.AES_256], b"p" * 32).blob
    for place in range(len(blob)):
        damaged = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        with pytest.raises(KeyRefused):
            opened(damaged)


@given(SPECS, st.integers(0, 95))
def test_a_cut_ciphertext_is_refused(spec: KeySpec, length: int) -> None:
    blob = encrypt(WORLD.tx, WORLD.vault, KEYS[spec], b"p" * 32).blob
    with pytest.raises(KeyRefused) as refused:
        opened(blob[:length])
    assert refused.value.reason is Reason.BAD_CIPHERTEXT


@given(CONTEXTS, CONTEXTS)
def test_another_context_is_refused(one: dict[str, str], other: dict[str, str]) -> None:
    blob = encrypt(WORLD.tx, WORLD.vault, KEYS[KeySpec.AES_256], b"secret", one).blob
    if one == other:
        assert opened(blob, other) == b"secret"
        return
    with pytest.raises(KeyRefused) as refused:
        opened(blob, other)
    assert refused.value.reason is Reason.BAD_CIPHERTEXT


@given(CONTEXTS)
def test_a_context_is_read_from_its_json(context: dict[str, str]) -> None:
    text = json.dumps(context, indent=2, sort_keys=True)
    if len(text) <= 8192:
        assert canonical(read_context(text)) == canonical(context)


@pytest.mark.parametrize("text", ["[]", '{"a":1}', "{", "null", '"x"', "{" + '"a":' * 5000])
def test_what_is_no_context_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused) as refused:
        read_context(text)
    assert refused.value.reason is Reason.INVALID


def test_a_context_has_a_limit() -> None:
    filled = json.dumps({"a": "b" * (8192 - 9)})
    assert len(filled) == 8192
    assert read_context(filled)
    with pytest.raises(KeyRefused):
        read_context(filled + " ")


def test_the_blob_of_one_key_is_nothing_to_another() -> None:
    blob = encrypt(WORLD.tx, WORLD.vault, KEYS[KeySpec.AES_256], b"x" * 32).blob
    other = WORLD.key()
    moved = other.primary_version.encode() + blob[VERSION_ID_BYTES:]
    with pytest.raises(KeyRefused):
        opened(moved)
    for vault in (WORLD.vault, KeyWorld().vault):  # also if who asks mixes them up
        with pytest.raises(KeyRefused) as refused:
            decrypt(WORLD.tx, vault, other, blob)
        assert refused.value.reason is Reason.VERSION_NOT_FOUND


def test_a_data_key_is_fresh_and_of_any_length() -> None:
    key = KEYS[KeySpec.AES_256]
    one = generate_data_key(WORLD.tx, WORLD.vault, key)
    other = generate_data_key(WORLD.tx, WORLD.vault, key, length_bytes=1024)
    assert len(one.plaintext) == 32
    assert len(other.plaintext) == 1024
    assert opened(one.blob) == one.plaintext
    assert opened(other.blob) == other.plaintext
    assert one.plaintext != other.plaintext[:32]


def test_what_an_old_version_encrypted_can_be_read() -> None:
    world = KeyWorld()
    key = world.key()
    old = encrypt(world.tx, world.vault, key, b"old")
    key, version = add_version(world.tx, world.vault, world.rng, key, NOW_MS)
    new = encrypt(world.tx, world.vault, key, b"new")
    assert (old.version_id, new.version_id) == (world.tx.kms_versions(key.id)[-1].id, version.id)
    assert decrypt(world.tx, world.vault, key, old.blob) == b"old"
    assert decrypt(world.tx, world.vault, key, new.blob) == b"new"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (KeyState.DISABLED, Reason.DISABLED),
        (KeyState.PENDING_DELETION, Reason.PENDING_DELETION),
        (KeyState.PENDING_IMPORT, Reason.PENDING_IMPORT),
    ],
)
def test_only_an_enabled_key_is_used_whatever_is_kept_open(state: KeyState, reason: Reason) -> None:
    world = KeyWorld()
    key = world.key()
    blob = encrypt(world.tx, world.vault, key, b"x").blob
    stopped = replace(key, state=state, delete_ms=NOW_MS + 1)
    world.tx.put_kms_key(stopped)
    assert world.vault.open_cipher(key.id, key.primary_version) is not None
    found = key_of_blob(world.tx, blob, NOW_MS)
    for use in (
        lambda: decrypt(world.tx, world.vault, found, blob),
        lambda: encrypt(world.tx, world.vault, found, b"x"),
        lambda: generate_data_key(world.tx, world.vault, found),
    ):
        with pytest.raises(KeyRefused) as refused:
            use()
        assert refused.value.reason is reason


def test_wrapping_anew_changes_key_and_context_and_not_the_plaintext() -> None:
    world = KeyWorld()
    source, target = world.key(), world.key(KeyHolder(OTHER, "cn-shanghai"))
    made = generate_data_key(world.tx, world.vault, source, {"a": "1"})
    again = rewrap(
        world.tx, world.vault, Rewrapping(source, made.blob, {"a": "1"}, target, {"b": "2"})
    )
    assert again.key_id == target.id
    assert key_of_blob(world.tx, again.blob, NOW_MS).id == target.id
    assert decrypt(world.tx, world.vault, target, again.blob, {"b": "2"}) == made.plaintext


def test_the_service_key_is_made_once_under_its_fixed_id() -> None:
    world = KeyWorld()
    key = service_key(world.tx, world.vault, world.rng, HOLDER, NOW_MS)
    assert key.id == default_key_id(HOLDER)
    assert key.is_service_key
    assert service_key(world.tx, world.vault, world.rng, HOLDER, NOW_MS + 1) == key
    assert find_key(world.tx, "alias/acs/oss", HOLDER, NOW_MS) == key
    elsewhere = KeyHolder(HOLDER.account_uid, "cn-beijing")
    assert service_key(world.tx, world.vault, world.rng, elsewhere, NOW_MS).id != key.id


def test_names_of_keys() -> None:
    world = KeyWorld()
    key = world.key()
    stranger = KeyHolder(OTHER, REGION)
    assert find_key(world.tx, key.id, HOLDER, NOW_MS) == key
    assert find_key(world.tx, key.arn, stranger, NOW_MS) == key
    assert find_key(world.tx, key.id, KeyHolder(HOLDER.account_uid, ""), NOW_MS) == key
    for name, holder, reason in (
        (key.id, stranger, Reason.NOT_FOUND),
        (key.id, KeyHolder(HOLDER.account_uid, "cn-beijing"), Reason.NOT_FOUND),
        (key.arn.replace(REGION, "cn-beijing"), HOLDER, Reason.NOT_FOUND),
        (key.arn.replace("1000", "2000"), HOLDER, Reason.NOT_FOUND),
        ("alias/none", HOLDER, Reason.ALIAS_NOT_FOUND),
        ("not a key", HOLDER, Reason.MALFORMED_NAME),
        ("", HOLDER, Reason.MALFORMED_NAME),
        ("acs:kms:cn-hangzhou:1000:secret/x", HOLDER, Reason.MALFORMED_NAME),
    ):
        with pytest.raises(KeyRefused) as refused:
            find_key(world.tx, name, holder, NOW_MS)
        assert refused.value.reason is reason


def test_few_ciphers_are_kept_open() -> None:
    world = KeyWorld(ciphers_max=2)
    keys = [world.key() for _ in range(5)]
    blobs = [encrypt(world.tx, world.vault, key, b"x").blob for key in keys]
    kept = [key for key in keys if world.vault.open_cipher(key.id, key.primary_version) is not None]
    assert kept == keys[-2:]
    for key, blob in zip(keys, blobs, strict=True):
        assert decrypt(world.tx, world.vault, key, blob) == b"x"
