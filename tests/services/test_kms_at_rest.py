"""What lies in the data folder, what a restart keeps, what time does to keys."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.domain.encryption import KeyHolder, default_key_id
from emulator.kms.model import KeyVersion
from emulator.kms.vault import Vault
from emulator.storage.folder import LOCK_NAME
from emulator.storage.root_key import ROOT_KEY_NAME
from emulator.storage.sqlite.store import SqliteStore
from tests.services.conftest import ROOT_A
from tests.support.process import ROOT, UID_A, EmulatorProcess
from tests.support.rpc import RawAnswer, call_v1

DAY_S = 86_400
_UNCHECKED = ("oss.check_signing_time=false",)  # a clock that is moved runs away from clients


def call(server: EmulatorProcess, action: str, **parameters: Any) -> RawAnswer:
    return call_v1(server, ROOT_A, "kms", action, **parameters)


def bytes_of(folder: Path) -> bytes:
    """Everything in a folder but the root key, and the lock, which names a process."""
    but = (ROOT_KEY_NAME, LOCK_NAME)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in but)
    return b"\0".join(path.read_bytes() for path in files)


async def material_in(folder: Path) -> list[bytes]:
    """The material of all keys of account A, opened with the folder's root key."""
    vault = Vault((folder / ROOT_KEY_NAME).read_bytes(), lambda length: bytes(length))
    store = SqliteStore.open(folder)
    with store.read() as view:
        keys = view.kms_keys(UID_A, "cn-hangzhou")
        versions: list[KeyVersion] = [v for key in keys for v in view.kms_versions(key.id)]
    await store.close()
    return [vault.unseal(version.id, version.sealed) for version in versions]


@pytest.mark.slow
async def test_no_key_material_lies_in_the_folder_in_the_clear(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmulatorProcess(data=data, clock="real") as server:
        key_id = call(server, "CreateKey").json["KeyMetadata"]["KeyId"]
        made = call(server, "GenerateDataKey", KeyId=key_id).json
        call(server, "CreateKeyVersion", KeyId=key_id)
        while_running = bytes_of(data)
    root_key = data / ROOT_KEY_NAME
    assert stat.S_IMODE(root_key.stat().st_mode) == 0o600
    everything = while_running + bytes_of(data)
    material = await material_in(data)
    assert len(material) == 2
    secrets = [*material, root_key.read_bytes(), base64.b64decode(made["Plaintext"])]
    for secret in secrets:
        assert len(secret) == 32
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in everything


@pytest.mark.slow
def test_keys_live_through_a_restart_and_no_start_goes_without_their_root_key(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with EmulatorProcess(data=data, clock="real") as server:
        key_id = call(server, "CreateKey").json["KeyMetadata"]["KeyId"]
        made = call(server, "GenerateDataKey", KeyId=key_id).json
        server.kill()
        server.start()
        opened = call(server, "Decrypt", CiphertextBlob=made["CiphertextBlob"]).json
        assert opened["Plaintext"] == made["Plaintext"]
    root_key = data / ROOT_KEY_NAME
    kept = root_key.read_bytes()
    before = bytes_of(data)

    def take_away() -> None:
        root_key.unlink()

    def exchange() -> None:
        root_key.write_bytes(b"x" * 32)

    spoilings: list[tuple[Callable[[], None], str]] = [
        (take_away, "is missing"),
        (exchange, "belongs to another folder"),
    ]
    for spoil, said in spoilings:
        spoil()
        command = [sys.executable, "-m", "emulator", "serve", "--port", "0", "--data", str(data)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)
        assert ended.returncode == 1
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr
    root_key.write_bytes(kept)
    assert bytes_of(data) == before
    with EmulatorProcess(data=data, clock="real") as server:
        opened = call(server, "Decrypt", CiphertextBlob=made["CiphertextBlob"]).json
        assert opened["Plaintext"] == made["Plaintext"]


@pytest.mark.slow
def test_b72_a_key_goes_when_its_window_has_passed() -> None:
    with EmulatorProcess(settings=_UNCHECKED) as server:
        key_id = call(server, "CreateKey").json["KeyMetadata"]["KeyId"]
        call(server, "CreateAlias", AliasName="alias/going", KeyId=key_id)
        blob = call(server, "GenerateDataKey", KeyId=key_id).json["CiphertextBlob"]
        window = {"KeyId": key_id, "PendingWindowInDays": "7"}
        assert call(server, "ScheduleKeyDeletion", **window).status == 200
        server.advance(7 * DAY_S - 60)
        assert call(server, "DescribeKey", KeyId="alias/going").status == 200
        server.advance(60)
        for action, parameters, code in (
            ("DescribeKey", {"KeyId": key_id}, "Forbidden.KeyNotFound"),
            ("CancelKeyDeletion", {"KeyId": key_id}, "Forbidden.KeyNotFound"),
            ("DescribeKey", {"KeyId": "alias/going"}, "Forbidden.AliasNotFound"),
            ("Decrypt", {"CiphertextBlob": blob}, "Forbidden.KeyNotFound"),
        ):
            answer = call(server, action, **parameters)
            assert (answer.status, answer.json["Code"]) == (404, code)
        assert call(server, "ListKeys").json["TotalCount"] == 0
        assert call(server, "ListAliases").json["TotalCount"] == 0
        server.settle(advance=False)
        other = call(server, "CreateKey").json["KeyMetadata"]["KeyId"]
        alias = {"AliasName": "alias/going", "KeyId": other}
        assert call(server, "CreateAlias", **alias).status == 200
        assert server.errors() == ""


@pytest.mark.slow
def test_rotation_happens_on_the_clock() -> None:
    with EmulatorProcess(settings=_UNCHECKED) as server:
        rotating = {"EnableAutomaticRotation": "true", "RotationInterval": "7d"}
        made = call(server, "CreateKey", **rotating).json["KeyMetadata"]
        blob = call(server, "GenerateDataKey", KeyId=made["KeyId"]).json["CiphertextBlob"]
        server.advance(7 * DAY_S)
        server.settle(advance=False)
        now = call(server, "DescribeKey", KeyId=made["KeyId"]).json["KeyMetadata"]
        assert now["PrimaryKeyVersion"] != made["PrimaryKeyVersion"]
        assert now["LastRotationDate"] > made["LastRotationDate"]
        assert call(server, "Decrypt", CiphertextBlob=blob).status == 200


@pytest.mark.slow
def test_the_keys_of_a_world(tmp_path: Path) -> None:
    key_id = "08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73"
    account: dict[str, Any] = {
        "uid": UID_A,
        "keys": [{"id": ROOT_A.key_id, "secret": ROOT_A.secret}],
        "kms_keys": [
            {"id": key_id, "region": "cn-hangzhou", "alias": "alias/of-world", "tags": {"a": "b"}},
            {"id": "key-waiting", "region": "cn-hangzhou", "state": "PendingImport"},
        ],
    }
    world = tmp_path / "world.yaml"
    world.write_text(json.dumps({"accounts": [account]}))
    with EmulatorProcess(world=world, data=tmp_path / "data", clock="real") as server:
        blob = call(server, "GenerateDataKey", KeyId="alias/of-world").json["CiphertextBlob"]
        waiting = call(server, "DescribeKey", KeyId="key-waiting").json["KeyMetadata"]
        assert waiting["KeyState"] == "PendingImport"
        assert waiting["Origin"] == "EXTERNAL"
        account["kms_keys"][0]["state"] = "Disabled"
        server.load_world(json.dumps({"accounts": [account]}))
        assert call(server, "Decrypt", CiphertextBlob=blob).json["Code"] == "Rejected.Disabled"
        call(server, "EnableKey", KeyId=key_id)
        assert call(server, "Decrypt", CiphertextBlob=blob).status == 200


def test_the_id_of_a_service_key_has_the_form_of_all_ids() -> None:
    assert len(default_key_id(KeyHolder(UID_A, "cn-hangzhou"))) == 36
