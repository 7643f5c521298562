"""Bringing one's own key material."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from emulator.kms.importing import (
    Material,
    Wrapping,
    WrappingKey,
    delete_material,
    give_ticket,
    import_material,
    make_wrapping_key,
)
from emulator.kms.keys import add_version, change_state, set_rotation
from emulator.kms.model import Key, KeySpec, KeyState, Origin
from emulator.kms.names import find_key
from emulator.kms.refusals import KeyRefused, Reason
from emulator.kms.states import KeyCall
from emulator.kms.using import decrypt, encrypt
from tests.unit.kms.keys_twin import DAY_MS, HOLDER, NOW_MS, KeyWorld

PAIR = make_wrapping_key()
MATERIAL = bytes(range(32))


def wrapped(pair: WrappingKey, algorithm: Wrapping, material: bytes) -> bytes:
    """As a client wraps material."""
    public = load_der_public_key(pair.public_der)
    assert isinstance(public, RSAPublicKey)
    if algorithm is Wrapping.PKCS1:
        return public.encrypt(material, padding.PKCS1v15())
    digest = hashes.SHA1() if algorithm is Wrapping.OAEP_SHA1 else hashes.SHA256()  # noqa: S303
    return public.encrypt(material, padding.OAEP(padding.MGF1(digest), digest, None))


class Imports(KeyWorld):
    """A key that waits for material."""

    def __init__(self, spec: KeySpec = KeySpec.AES_256) -> None:
        super().__init__()
        self.id = self.key(origin=Origin.EXTERNAL, spec=spec).id

    @property
    def now(self) -> Key:
        return find_key(self.tx, self.id, HOLDER, NOW_MS)

    def bring(
        self,
        material: bytes = MATERIAL,
        algorithm: Wrapping = Wrapping.OAEP_SHA256,
        *,
        expires_ms: int = 0,
    ) -> Key:
        ticket = give_ticket(self.tx, self.vault, self.now, (algorithm, PAIR), NOW_MS)
        brought = Material(ticket.token, wrapped(PAIR, algorithm, material), expires_ms)
        return import_material(self.tx, self.vault, self.now, brought, NOW_MS)


@pytest.mark.parametrize("algorithm", list(Wrapping))
def test_imported_material_is_what_encrypts(algorithm: Wrapping) -> None:
    world = Imports()
    assert world.now.state is KeyState.PENDING_IMPORT
    assert world.bring(algorithm=algorithm).state is KeyState.ENABLED
    version = world.tx.kms_version(world.now.primary_version)
    assert version is not None
    assert world.vault.unseal(version.id, version.sealed) == MATERIAL
    blob = encrypt(world.tx, world.vault, world.now, b"x").blob
    assert decrypt(world.tx, world.vault, world.now, blob) == b"x"


def test_only_the_same_material_may_come_again() -> None:
    world = Imports()
    world.bring()
    blob = encrypt(world.tx, world.vault, world.now, b"x").blob
    assert delete_material(world.tx, world.vault, world.now).state is KeyState.PENDING_IMPORT
    with pytest.raises(KeyRefused) as refused:
        decrypt(world.tx, world.vault, world.now, blob)
    assert refused.value.reason is Reason.PENDING_IMPORT
    with pytest.raises(KeyRefused) as refused:
        world.bring(b"o" * 32)
    assert refused.value.reason is Reason.INVALID_MATERIAL
    world.bring()
    assert decrypt(world.tx, world.vault, world.now, blob) == b"x"


def test_a_disabled_key_stays_disabled() -> None:
    world = Imports()
    world.bring()
    change_state(world.tx, world.vault, world.now, KeyCall.DISABLE)
    assert world.bring().state is KeyState.DISABLED


def test_material_expires() -> None:
    world = Imports()
    key = world.bring(expires_ms=NOW_MS + DAY_MS)
    assert key.due_ms == NOW_MS + DAY_MS
    later = find_key(world.tx, world.id, HOLDER, NOW_MS + DAY_MS)
    assert later.state is KeyState.PENDING_IMPORT
    with pytest.raises(KeyRefused) as refused:
        world.bring(expires_ms=NOW_MS)
    assert refused.value.reason is Reason.INVALID


def test_material_of_another_length_is_refused() -> None:
    for spec, material in ((KeySpec.AES_256, b"x" * 16), (KeySpec.SM4, b"x" * 32)):
        with pytest.raises(KeyRefused) as refused:
            Imports(spec).bring(material)
        assert refused.value.reason is Reason.INVALID_MATERIAL


def test_tokens_are_checked() -> None:
    world = Imports()
    first = give_ticket(world.tx, world.vault, world.now, (Wrapping.PKCS1, PAIR), NOW_MS)
    second = give_ticket(world.tx, world.vault, world.now, (Wrapping.PKCS1, PAIR), NOW_MS)
    good = wrapped(PAIR, Wrapping.PKCS1, MATERIAL)
    for token, now_ms, reason in (
        (first.token, NOW_MS, Reason.INVALID_TOKEN),
        ("", NOW_MS, Reason.INVALID_TOKEN),
        ("é", NOW_MS, Reason.INVALID_TOKEN),
        (second.token, NOW_MS + DAY_MS, Reason.EXPIRED_TOKEN),
    ):
        with pytest.raises(KeyRefused) as refused:
            import_material(world.tx, world.vault, world.now, Material(token, good), now_ms)
        assert refused.value.reason is reason


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 256, b"x" * 512])
@pytest.mark.parametrize("algorithm", list(Wrapping))
def test_what_was_not_wrapped_is_refused(algorithm: Wrapping, body: bytes) -> None:
    # PKCS #1 v1.5 unpads garbage to random bytes, fixed by key and garbage: as long as material
    # once in 245 times. So it is a chain of garbage that is refused, not just one.
    bodies = [body, body.replace(b"x", b"y"), body.replace(b"x", b"z")]
    refused = [_is_refused(algorithm, each) for each in bodies]
    assert all(refused) or (algorithm is Wrapping.PKCS1 and len(body) == 256 and any(refused))


def _is_refused(algorithm: Wrapping, body: bytes) -> bool:
    world = Imports()
    ticket = give_ticket(world.tx, world.vault, world.now, (algorithm, PAIR), NOW_MS)
    reason = None
    try:
        import_material(world.tx, world.vault, world.now, Material(ticket.token, body), NOW_MS)
    except KeyRefused as refused:
        reason = refused.reason
    assert reason in (None, Reason.INVALID_MATERIAL)
    assert (world.now.state is KeyState.PENDING_IMPORT) is (reason is not None)
    return reason is not None


def test_origins_do_not_mix() -> None:
    world = Imports()
    own = world.key()
    for act in (
        lambda: give_ticket(world.tx, world.vault, own, (Wrapping.PKCS1, PAIR), NOW_MS),
        lambda: import_material(world.tx, world.vault, own, Material("", b""), NOW_MS),
        lambda: delete_material(world.tx, world.vault, own),
        lambda: add_version(world.tx, world.vault, world.rng, world.bring(), NOW_MS),
        lambda: set_rotation(world.tx, world.bring(), 7 * 86_400, NOW_MS),
    ):
        with pytest.raises(KeyRefused) as refused:
            act()
        assert refused.value.reason is Reason.UNSUPPORTED_ORIGIN
