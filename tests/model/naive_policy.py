"""A second judge of permissions, written for plainness from the documented rules alone.

It reads JSON documents anew for every question, keeps nothing, recurses where it likes, and shares
no code with ``emulator.access``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

Json = dict[str, Any]
Context = dict[str, list[str]]

ALLOW, DENY, NOTHING = "Allow", "ExplicitDeny", "ImplicitDeny"
EC_BUCKET, EC_IDENTITY, EC_BOTH = "0003-00000101", "0003-00000201", "0003-00000203"
FIXING = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
EC_BATCH, EC_SESSION = "0003-00000204", "0003-00000301"


@dataclass(frozen=True, kw_only=True)
class Who:
    """``kind`` is root, user, role or anonymous."""

    kind: str
    account: str = ""
    user_id: str = ""
    role: str = ""
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Everything a decision hangs on. ``owner`` None: a call on the service as a whole.

    ``operation`` is read, write, list or manage.
    """

    who: Who
    action: str
    resource: str
    operation: str
    owner: str | None
    bucket_acl: str = "private"
    object_acl: str | None = None
    blocked: bool = False
    batch: bool = False
    context: Context = field(default_factory=dict)
    ram_policies: list[Json] = field(default_factory=list)
    session_policy: Json | None = None
    bucket_policy: Json | None = None


def judge(asked: Asked) -> tuple[bool, str]:
    """Whether it is allowed, and the EC number where a policy's Deny or a session decides."""
    who = asked.who
    own = asked.owner is None or asked.owner == who.account
    if asked.session_policy is not None and said([asked.session_policy], asked) != ALLOW:
        return False, EC_SESSION
    by_ram = said(asked.ram_policies, asked)
    if by_ram == ALLOW and not own:
        by_ram = NOTHING
    by_bucket = NOTHING if asked.bucket_policy is None else said([asked.bucket_policy], asked)
    if by_ram == DENY or by_bucket == DENY:
        if asked.batch:
            return False, EC_BATCH
        if by_ram == DENY and by_bucket == DENY:
            return False, EC_BOTH
        return False, EC_IDENTITY if by_ram == DENY else EC_BUCKET
    if by_ram == ALLOW or by_bucket == ALLOW:
        return True, ""
    if who.kind == "root" and own:
        return True, ""
    return by_acl(asked), ""


def by_acl(asked: Asked) -> bool:
    """The ACL of the object, unless it is default, then that of the bucket."""
    if asked.operation == "manage" or asked.owner is None or asked.blocked:
        return False
    acl = asked.bucket_acl
    if asked.operation in ("read", "write") and asked.object_acl not in (None, "default"):
        acl = str(asked.object_acl)
    return acl == "public-read-write" or (acl == "public-read" and asked.operation != "write")


def said(policies: list[Json], asked: Asked) -> str:
    """What these policies say."""
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if speaks_of(statement, asked)
    }
    return DENY if "Deny" in effects else ALLOW if "Allow" in effects else NOTHING


def speaks_of(statement: Json, asked: Asked) -> bool:
    """Whether the statement matches in every element."""
    if "Action" in statement:
        act = any(like(p.lower(), asked.action.lower()) for p in listed(statement["Action"]))
    else:
        act = not any(like(p.lower(), asked.action.lower()) for p in listed(statement["NotAction"]))
    if "Resource" in statement:
        res = any(names(p, asked.resource) for p in listed(statement["Resource"]))
    else:
        res = not any(names(p, asked.resource) for p in listed(statement["NotResource"]))
    return act and res and means(statement, asked) and conditions_hold(statement, asked.context)


def means(statement: Json, asked: Asked) -> bool:
    """Whether the Principal, if there is one, means the caller."""
    if "Principal" not in statement:
        return True
    if asked.blocked and is_public(statement):
        return False
    who = asked.who
    entries = statement["Principal"]
    if entries == [] or entries == "*":
        entries = ["*"]
    for entry in entries:
        if entry == "*":
            is_owner = who.kind == "root" and who.account == asked.owner
            if statement.get("Condition") or not is_owner:
                return True
        elif entry.startswith("arn:sts::"):
            name = f"arn:sts::{who.account}:assumed-role/{who.role.lower()}/{who.session}"
            if who.kind == "role" and like(entry, name):
                return True
        elif who.kind != "anonymous" and entry in (who.account, who.user_id or "-"):
            return True
    return False


def is_public(statement: Json) -> bool:
    """Whether an Allow lets the public in: everybody, and no condition that names who."""
    entries = statement["Principal"]
    wild = entries in ([], "*") or any("*" in entry or "?" in entry for entry in entries)
    if statement["Effect"] != "Allow" or not wild:
        return False
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            texts = listed(values)
            if operator in FIXING and key == "acs:SourceVpc":
                if not any("*" in text or "?" in text for text in texts):
                    return False
            elif operator == "IpAddress" and key == "acs:SourceIp":
                lengths = [int(text.partition("/")[2] or 32) for text in texts if text != "*"]
                if len(lengths) == len(texts) and min(lengths) >= 8:
                    return False
    return True


def conditions_hold(statement: Json, context: Context) -> bool:
    """Operators and keys are AND, the values of a key OR."""
    return all(
        holds(operator, [str(value) for value in listed(values)], context.get(key, []))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def holds(operator: str, wanted: list[str], given: list[str]) -> bool:
    """A negated operator is the contrary of its positive one, also of an absent key."""
    if "Not" in operator:
        return not holds(operator.replace("Not", ""), wanted, given)
    return any(compare(operator, value, one) for value in given for one in wanted)


def compare(operator: str, value: str, wanted: str) -> bool:
    """One positive comparison."""
    if operator == "StringEquals":
        return value == wanted
    if operator == "StringEqualsIgnoreCase":
        return value.lower() == wanted.lower()
    if operator == "StringLike":
        return like(wanted, value)
    if operator == "Bool":
        return value.lower() == wanted.lower()
    if operator.startswith("IpAddress"):
        return in_block(value, wanted)
    if operator.startswith("Numeric"):
        return ordered(operator.removeprefix("Numeric"), Fraction(value), Fraction(wanted))
    return ordered(operator.removeprefix("Date"), moment(value), moment(wanted))


def ordered(how: str, left: Any, right: Any) -> bool:
    """Equals, LessThan, LessThanEquals, GreaterThan, GreaterThanEquals."""
    if how.startswith("LessThan") and left < right:
        return True
    if how.startswith("GreaterThan") and left > right:
        return True
    return how.endswith("Equals") and bool(left == right)


def moment(text: str) -> datetime:
    """An ISO 8601 time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def in_block(address: str, block: str) -> bool:
    """Whether an IPv4 address is in a block."""
    if block == "*":
        return True
    base, _, length = block.partition("/")
    bits = int(length or 32)
    return bits_of(address)[:bits] == bits_of(base)[:bits]


def bits_of(address: str) -> str:
    """The 32 bits of an address as text."""
    return "".join(f"{int(part):08b}" for part in address.split("."))


def names(pattern: str, resource: str) -> bool:
    """Part by part; the star that ends a shorter pattern stands for the rest."""
    if set(pattern) == {"*"}:
        return True
    wanted, parts = pattern.split(":", 4), resource.split(":", 4)
    if len(wanted) < 5 and wanted[-1].endswith("*"):
        wanted += ["*"] * (5 - len(wanted))
    return len(wanted) == 5 and all(like(w, p) for w, p in zip(wanted, parts, strict=True))


def like(pattern: str, text: str) -> bool:
    """``*`` is any run of characters, ``?`` exactly one."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return like(pattern[1:], text) or (text != "" and like(pattern, text[1:]))
    return text != "" and pattern[0] in ("?", text[0]) and like(pattern[1:], text[1:])


def listed(value: Any) -> list[Any]:
    """A value, or a list of values, as a list."""
    return value if isinstance(value, list) else [value]
