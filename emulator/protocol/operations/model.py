"""What one row of the operation table says, and the short forms the rows are written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol, TypedDict, Unpack


class Level(StrEnum):
    """What a request addresses; the value is the ``ResourceType`` of error bodies."""

    SERVICE = "Service"
    BUCKET = "Bucket"
    OBJECT = "Object"


class ResourceForm(Enum):
    """Which resource name a permission is asked for (OSS RAM policy, Resource; documented)."""

    SERVICE = "acs:oss:*:{account}:*"
    BUCKET = "acs:oss:{region}:{owner}:{bucket}"
    OBJECT = "acs:oss:{region}:{owner}:{bucket}/{key}"


class AccessClass(Enum):
    """Which ACL grant may stand in for a missing policy; ``MANAGEMENT`` has none.

    (OSS bucket ACL, permissions of the four values; documented. The class of the listing calls
    other than ListObjects is inferred.)
    """

    DATA_READ = "data-read"
    DATA_WRITE = "data-write"
    LIST = "list"
    MANAGEMENT = "management"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """One OSS operation. Rows are singletons, so they compare and hash by identity.

    ``query`` holds further (name, value) pairs that must be present to select the row, value
    ``""`` meaning any; ``values`` restricts the value of the sub-resource itself; ``header`` must
    be present; ``accompanied_by`` names other sub-resources that may stand beside this one.
    ``header_actions`` are permissions needed in addition when the named header is sent.
    ``action`` is empty where no permission is asked.
    """

    name: str
    methods: tuple[str, ...]
    level: Level
    sub_resource: str
    comp: str
    values: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    header: str
    accompanied_by: tuple[str, ...]
    action: str
    version_action: str
    header_actions: tuple[tuple[str, str], ...]
    resource: ResourceForm
    access: AccessClass
    tier: int

    @property
    def method(self) -> str:
        """The documented method; ``methods`` lists the others that are accepted too."""
        return self.methods[0]

    @property
    def anonymous(self) -> bool:
        """Whether an unsigned request may be allowed, by ACL or by a policy for everyone.

        (OSS authorisation, anonymous callers never manage; documented.)
        """
        return self.access is not AccessClass.MANAGEMENT


class RowOptions(TypedDict, total=False):
    """What a row may say beyond name, method, sub-resource and tier."""

    also_method: str
    comp: str
    values: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    header: str
    accompanied_by: tuple[str, ...]
    action: str
    version_action: str
    header_actions: tuple[tuple[str, str], ...]
    resource: ResourceForm
    access: AccessClass


class Row(Protocol):
    """The short form of a row: ``row(name, method, sub_resource, tier, **options)``."""

    def __call__(
        self, name: str, method: str, sub_resource: str, tier: int, /, **options: Unpack[RowOptions]
    ) -> Operation: ...


def rows_of(level: Level) -> Row:
    """The short form of a row for one level.

    The permission is the operation's name unless ``action`` says otherwise; ``action`` and
    ``version_action`` are written without their ``oss:``.
    """

    def row(
        name: str, method: str, sub_resource: str, tier: int, /, **options: Unpack[RowOptions]
    ) -> Operation:
        action = options.get("action", name)
        version_action = options.get("version_action", "")
        also_method = options.get("also_method", "")
        return Operation(
            name=name,
            methods=(method, also_method) if also_method else (method,),
            level=level,
            sub_resource=sub_resource,
            comp=options.get("comp", ""),
            values=options.get("values", ()),
            query=options.get("query", ()),
            header=options.get("header", ""),
            accompanied_by=options.get("accompanied_by", ()),
            action=f"oss:{action}" if action else "",
            version_action=f"oss:{version_action}" if version_action else "",
            header_actions=options.get("header_actions", ()),
            resource=options.get("resource", ResourceForm[level.name]),
            access=options.get("access", AccessClass.MANAGEMENT),
            tier=tier,
        )

    return row
