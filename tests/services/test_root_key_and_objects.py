"""A folder of objects with SSE-OSS and of no key at all: it opens with its own root key alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import oss2
import pytest

from emulator.storage.root_key import ROOT_KEY_NAME
from emulator.storage.sqlite.connections import DATABASE_NAME
from tests.support.at_rest import rows
from tests.support.key_service import SSE, bucket_of_a
from tests.support.process import ROOT, EmulatorProcess

BODY = b"encrypted under the root key"
AES256 = {SSE: "AES256"}
Spoil = Callable[[Path], object]


def server_of(data: Path) -> EmulatorProcess:
    return EmulatorProcess(data=data, clock="real")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one object of SSE-OSS, from a server that was killed."""
    folder = tmp_path / "data"
    with server_of(folder) as server:
        bucket_of_a(server, "sealed", create=True).put_object("key", BODY, headers=AES256)
        server.kill()
    return folder


def change(data: Path, statement: str) -> None:
    database = sqlite3.connect(data / DATABASE_NAME)
    with database:
        database.execute(statement)
    database.close()


def refused(data: Path) -> str:
    """What a start that is refused says."""
    command = [sys.executable, "-m", "emulator", "serve", "--port", "0", "--data", str(data)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert ended.returncode == 1, ended.stdout
    assert "Traceback" not in ended.stderr
    return ended.stderr


def take_away(path: Path) -> None:
    path.unlink()


def flip(path: Path) -> None:
    kept = path.read_bytes()
    path.write_bytes(bytes((kept[0] ^ 1,)) + kept[1:])


def exchange(path: Path) -> None:
    path.write_bytes(b"x" * 32)


SPOILINGS: list[tuple[Spoil, str]] = [
    (take_away, "is missing"),
    (flip, "belongs to another folder"),
    (exchange, "belongs to another folder"),
]


def check_opens_with_its_own_key_alone(data: Path) -> None:
    path = data / ROOT_KEY_NAME
    kept = path.read_bytes()
    for spoil, said in SPOILINGS:
        spoil(path)
        assert said in refused(data)
        assert path.exists() is (spoil is not take_away)
        path.write_bytes(kept)
    with server_of(data) as server:
        assert bucket_of_a(server, "sealed").get_object("key").read() == BODY


@pytest.mark.slow
def test_no_start_goes_without_the_root_key_of_objects(data: Path) -> None:
    check_opens_with_its_own_key_alone(data)


@pytest.mark.slow
@pytest.mark.parametrize("held", ["object", "upload"])
def test_nor_one_of_a_folder_that_keeps_no_fingerprint(data: Path, held: str) -> None:
    """As releases left it that tied a folder to its key with the first key alone."""
    upload, parts = "", []
    if held == "upload":
        with server_of(data) as server:
            bucket = bucket_of_a(server, "sealed")
            upload = bucket.init_multipart_upload("key", headers=AES256).upload_id
            etag = bucket.upload_part("key", upload, 1, BODY).etag
            parts = [oss2.models.PartInfo(1, etag)]
            bucket.delete_object("key")
    change(data, "DELETE FROM kms_root")
    path = data / ROOT_KEY_NAME
    kept = path.read_bytes()
    for spoil, said in SPOILINGS:
        spoil(path)
        assert said in refused(data)
        assert rows(data, "SELECT * FROM kms_root") == []
        path.write_bytes(kept)
    with server_of(data) as server:
        bucket = bucket_of_a(server, "sealed")
        if held == "upload":
            bucket.complete_multipart_upload("key", upload, parts)
        assert bucket.get_object("key").read() == BODY
    assert len(rows(data, "SELECT * FROM kms_root")) == 1
    check_opens_with_its_own_key_alone(data)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder with nothing sealed that was never told which root key it has: a start that was
    killed right after making the key, or an older release's."""
    folder = tmp_path / "fresh"
    with server_of(folder) as server:
        bucket_of_a(server, "plain", create=True).put_object("key", BODY)
    change(folder, "DELETE FROM kms_root")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("key_is_there", [True, False])
def test_a_start_that_was_killed_before_it_kept_the_fingerprint(
    fresh: Path, key_is_there: bool
) -> None:
    path = fresh / ROOT_KEY_NAME
    kept = path.read_bytes()
    if not key_is_there:
        path.unlink()
    with server_of(fresh) as server:
        assert bucket_of_a(server, "plain").get_object("key").read() == BODY
        assert len(rows(fresh, "SELECT * FROM kms_root")) == 1
    assert (path.read_bytes() == kept) is key_is_there


@pytest.mark.slow
def test_a_data_key_that_was_damaged_is_logged(data: Path) -> None:
    change(
        data,
        """UPDATE versions SET encryption_json =
        json_set(encryption_json, '$.data_key', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')""",
    )
    with server_of(data) as server:
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            bucket_of_a(server, "sealed").get_object("key")
        assert (caught.value.status, caught.value.code) == (500, "InternalError")
        said = server.errors()
    assert "the data key of an encrypted object does not open" in said
    assert caught.value.request_id in said
