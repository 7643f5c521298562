"""The shape of a world file, and reading one with errors that name line and field."""

from __future__ import annotations

import msgspec
import yaml

from emulator.domain.model import Acl, Redundancy, StorageClass, Versioning
from emulator.kms.model import KeySpec as KeySpecName
from emulator.kms.model import KeyState
from emulator.world.mistakes import Path, line_of, mistake_of, shown

PolicyText = dict[str, object] | str  # a policy document as YAML, or as JSON text


def policy_document(policy: PolicyText) -> str:
    """A policy as the JSON text that is kept."""
    return policy if isinstance(policy, str) else msgspec.json.encode(policy).decode()


class WorldError(Exception):
    """A world that cannot be read or applied; the message says where and why."""


class UnreadableWorld(WorldError):
    """A text that is no world at all: no YAML, or not of a world's shape."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in a world file: unknown fields are errors."""


class KeySpec(_Part, frozen=True):
    """An access key."""

    id: str
    secret: str


class SessionSpec(_Part, frozen=True):
    """Temporary credentials of a role, as STS AssumeRole would hand out."""

    name: str
    key: KeySpec
    token: str
    expires_in_s: int = 3600


class UserSpec(_Part, frozen=True):
    """A RAM user. ``uid`` is the id bucket policies name it by."""

    name: str
    uid: str
    keys: list[KeySpec] = []
    policies: list[str] = []


class PolicySpec(_Part, frozen=True):
    """A custom RAM policy of the account."""

    name: str
    document: PolicyText


class RoleSpec(_Part, frozen=True):
    """A RAM role. ``policies`` names system policies and custom ones of the account."""

    name: str
    trust: PolicyText
    policies: list[str] = []
    sessions: list[SessionSpec] = []


class BucketSpec(_Part, frozen=True):
    """A bucket."""

    name: str
    region: str
    acl: Acl = Acl.PRIVATE
    storage_class: StorageClass = StorageClass.STANDARD
    redundancy: Redundancy = Redundancy.LRS
    versioning: Versioning = Versioning.NEVER
    policy: PolicyText = ""


class KmsKeySpec(_Part, frozen=True):
    """A key of the key service. Its material is made when it is applied for the first time."""

    id: str
    region: str
    alias: str = ""
    description: str = ""
    spec: KeySpecName = KeySpecName.AES_256
    state: KeyState = KeyState.ENABLED
    policy: PolicyText = ""
    tags: dict[str, str] = {}


class AccountSpec(_Part, frozen=True):
    """An Alibaba Cloud account with what belongs to it."""

    uid: str
    name: str = ""
    keys: list[KeySpec] = []
    users: list[UserSpec] = []
    policies: list[PolicySpec] = []
    roles: list[RoleSpec] = []
    buckets: list[BucketSpec] = []
    kms_keys: list[KmsKeySpec] = []


class World(_Part, frozen=True):
    """A whole world."""

    accounts: list[AccountSpec]


class WorldFile(msgspec.Struct, frozen=True):
    """A world as read, and where in its file everything stands."""

    world: World
    name: str
    tree: yaml.Node | None

    def fault(self, path: Path, problem: str) -> WorldError:
        """An error that names file, line and field."""
        return WorldError(f"{self.name}:{self.line(path)}: {shown(path)}: {problem}")

    def line(self, path: Path) -> int:
        """The line where the value at a path begins."""
        return line_of(self.tree, path)


def read_world(text: str, name: str) -> WorldFile:
    """Read a world file; ``name`` is shown in errors.

    Raises UnreadableWorld naming line and field.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_doubled(tree, name)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark is not None else name
        problem = getattr(error, "problem", None) or error
        raise UnreadableWorld(f"{where}: this is no valid YAML: {problem}") from error
    except RecursionError as error:
        raise UnreadableWorld(f"{name}: the file is nested too deeply") from error
    except (ValueError, AttributeError) as error:  # a scalar its tag or form cannot hold
        raise UnreadableWorld(f"{name}: a value cannot be read: {error}") from error
    if values is None:
        raise UnreadableWorld(f"{name}: the file is empty; a world has at least `accounts: []`")
    try:
        return WorldFile(msgspec.convert(values, World), name, tree)
    except msgspec.ValidationError as error:
        wrong = mistake_of(error, World)
        line = line_of(tree, wrong.path, is_name=wrong.is_name)
        message = f"{name}:{line}: {shown(wrong.path)}: {wrong.problem}"
        raise UnreadableWorld(message) from error


def _refuse_doubled(tree: yaml.Node | None, name: str) -> None:
    """YAML lets the last of two equal fields win in silence; here it is an error."""
    waiting = [tree] if tree is not None else []
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an anchor may stand in several places
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            fields: set[object] = set()
            for key, value in node.value:
                waiting.append(value)
                if isinstance(key, yaml.ScalarNode) and key.value in fields:
                    line = key.start_mark.line + 1
                    raise UnreadableWorld(
                        f"{name}:{line}: the field {key.value!r} stands there twice"
                    )
                fields.add(getattr(key, "value", None) if isinstance(key, yaml.ScalarNode) else key)
