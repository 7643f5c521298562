"""One server with short deadlines, a world with something to lose, and an attacker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile import QUICK_SETTINGS, Attacker
from tests.support.process import UID_A, UID_B, EmulatorProcess
from tests.support.wire import Call

_RULE = b"""<ReplicationConfiguration><Rule><Action>ALL</Action><PrefixSet><Prefix>never/</Prefix>
</PrefixSet><Destination><Bucket>dest-bucket</Bucket><Location>oss-cn-shanghai</Location>
</Destination><HistoricalObjectReplication>disabled</HistoricalObjectReplication>
<SyncRole>roleNameTest</SyncRole></Rule></ReplicationConfiguration>"""
_ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its data; nothing beside it may ever appear."""
    return tmp_path_factory.mktemp("hostile") / "data"


@pytest.fixture(scope="session")
def server(data_folder: Path) -> Iterator[EmulatorProcess]:
    """The two-account world with objects, versions, a policy and a rule; impatient."""
    arguments = ("--durability", "process")
    with EmulatorProcess(data=data_folder, settings=QUICK_SETTINGS, arguments=arguments) as process:
        first = Attacker(process)
        prepare(first)
        first.close()
        yield process
        assert process.errors() == "", "something failed behind an answer"


@pytest.fixture(scope="session")
def attacker(server: EmulatorProcess) -> Iterator[Attacker]:
    """A client without manners."""
    made = Attacker(server)
    yield made
    made.close()


@pytest.fixture
def unchanged(attacker: Attacker) -> Iterator[None]:
    """The test must leave everything as it was, and the server well."""
    before = attacker.everything()
    yield
    assert attacker.everything() == before


def prepare(attacker: Attacker) -> None:
    """Fill the world: one bucket of each kind that a wrong request could spoil."""
    attacker.ok(Call("PUT", "src-bucket", "plain", body=b"0123456789"))
    attacker.ok(Call("PUT", "src-bucket", "empty"))
    attacker.ok(
        Call("POST", "src-bucket", query=(("replication", None), ("comp", "add")), body=_RULE)
    )
    attacker.ok(Call("PUT", "versioned"))
    attacker.ok(Call("PUT", "versioned", query=(("versioning", None),), body=_ENABLED))
    attacker.ok(Call("PUT", "versioned", "key", body=b"one"))
    attacker.ok(Call("PUT", "versioned", "key", body=b"two"))
    attacker.ok(Call("PUT", "versioned", "gone", body=b"was here"))
    attacker.ok(Call("DELETE", "versioned", "gone"))
    attacker.ok(Call("PUT", "public", headers=(("x-oss-acl", "public-read"),)))
    attacker.ok(Call("PUT", "public", "page", body=b"for all"))
    attacker.ok(
        Call("PUT", "public", "secret", headers=(("x-oss-object-acl", "private"),), body=b"mine")
    )
    attacker.ok(Call("PUT", "locked"))
    attacker.ok(Call("PUT", "locked", "key", body=b"locked"))
    attacker.ok(Call("PUT", "locked", query=(("policy", None),), body=_policy()))
    attacker.ok(Call("PUT", "dest-bucket", "b-key", body=b"of account b"), "b")
    attacker.server.settle(advance=False)


def _policy() -> bytes:
    """Nobody deletes, not even the owner; account B may read what lies under ``shared/``."""
    statements = [
        {
            "Effect": "Deny",
            "Action": ["oss:DeleteObject", "oss:GetObject"],
            "Principal": [UID_A, "*"],
            "Resource": [f"acs:oss:*:{UID_A}:locked/*"],
        },
        {
            "Effect": "Allow",
            "Action": ["oss:PutObject"],
            "Principal": [UID_B],
            "Resource": [f"acs:oss:*:{UID_A}:locked/shared/*"],
        },
    ]
    return json.dumps({"Version": "1", "Statement": statements}).encode()
