"""The root key: made once, kept for its owner alone, missed when it is gone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from emulator.kms.vault import DamagedMaterial, Vault, fingerprint
from emulator.storage import secret_file
from emulator.storage.root_key import ROOT_KEY_NAME, RootKeyLost, open_root_key


def test_it_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    made = open_root_key(str(tmp_path), "", os.urandom)
    assert len(made) == 32
    assert open_root_key(str(tmp_path), fingerprint(made), os.urandom) == made
    assert stat.S_IMODE((tmp_path / ROOT_KEY_NAME).stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [ROOT_KEY_NAME]


def test_memory_has_one_of_its_own(tmp_path: Path) -> None:
    assert len(open_root_key(":memory:", "", os.urandom)) == 32


def lost(folder: Path, sealed_with: str) -> str:
    with pytest.raises(RootKeyLost) as error:
        open_root_key(str(folder), sealed_with, os.urandom)
    return str(error.value)


def test_a_missing_one_is_never_replaced(tmp_path: Path) -> None:
    assert "is missing" in lost(tmp_path, "f" * 64)
    assert os.listdir(tmp_path) == []


def test_a_missing_one_is_never_replaced_where_something_is_sealed(tmp_path: Path) -> None:
    with pytest.raises(RootKeyLost, match="is missing"):
        open_root_key(str(tmp_path), "", os.urandom, holds_sealed=True)
    assert os.listdir(tmp_path) == []


def test_another_folders_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ROOT_KEY_NAME
    path.write_bytes(b"x" * 32)
    assert "another folder" in lost(tmp_path, fingerprint(b"y" * 32))
    assert path.read_bytes() == b"x" * 32


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_damaged_one_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / ROOT_KEY_NAME).write_bytes(b"x" * length)
    assert "is damaged" in lost(tmp_path, "")


def test_it_is_on_the_disk_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Synced, renamed, its folder synced: in this order."""
    steps: list[str] = []
    path = tmp_path / ROOT_KEY_NAME

    def folder_synced(folder: Path) -> None:
        assert folder == tmp_path
        assert path.exists()
        steps.append("folder")

    def file_synced(descriptor: int) -> None:
        assert not path.exists()
        assert os.fstat(descriptor).st_size == 32
        steps.append("file")

    monkeypatch.setattr(secret_file, "sync_folder", folder_synced)
    monkeypatch.setattr(os, "fsync", file_synced)
    open_root_key(str(tmp_path), "", os.urandom)
    assert steps == ["file", "folder"]


def test_an_interrupted_making_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / (ROOT_KEY_NAME + ".new")).write_bytes(b"half")
    assert len(open_root_key(str(tmp_path), "", os.urandom)) == 32


def test_a_vault_opens_what_its_root_key_sealed_under_that_name() -> None:
    vault = Vault(b"a" * 32, os.urandom)
    sealed = vault.seal("one", b"secret")
    assert b"secret" not in sealed
    assert Vault(b"a" * 32, os.urandom).unseal("one", sealed) == b"secret"
    for other, name, text in (
        (Vault(b"b" * 32, os.urandom), "one", sealed),
        (vault, "two", sealed),
        (vault, "one", sealed[:-1]),
        (vault, "one", b""),
    ):
        with pytest.raises(DamagedMaterial):
            other.unseal(name, text)


def test_a_root_key_has_its_length() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short", os.urandom)
