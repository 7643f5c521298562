"""What can be said of a world before anything is written: names, regions and policies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.records import PolicyKind
from emulator.domain import buckets
from emulator.domain.errors import InvalidBucketName
from emulator.domain.model import Acl
from emulator.kms.keys import check_description, check_tags
from emulator.kms.names import check_alias
from emulator.kms.refusals import KeyRefused
from emulator.replication.regions import known_regions
from emulator.world.document import (
    AccountSpec,
    BucketSpec,
    KeySpec,
    KmsKeySpec,
    PolicyText,
    WorldFile,
    policy_document,
)
from emulator.world.mistakes import Path, choices

_KEY_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def check_world(file: WorldFile) -> None:
    """Raise WorldError, with line and field, for what could never be applied."""
    # statements without Principal are taken, as by the server
    cache = PolicyCache(principal_required=False)
    for number, account in enumerate(file.world.accounts):
        _check_account(file, cache, ("accounts", number), account)
    _refuse_doubled(file)


def _refuse_doubled(file: WorldFile) -> None:
    """Raise WorldError where one of two parts would take the other's place."""
    first: dict[tuple[str, ...], Path] = {}
    for name, path in _named(file.world.accounts):
        before = first.setdefault(name, path)
        if before != path:
            what, value = name[0], name[-1]
            raise file.fault(
                path,
                f"the {what} {value} is in this file twice, before in line {file.line(before)}",
            )


def _named(accounts: list[AccountSpec]) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Everything that may be in a world once: what it is and is called, and its place."""
    for number, account in enumerate(accounts):
        at: Path = ("accounts", number)
        uid = account.uid
        yield ("account uid", uid), (*at, "uid")
        yield from _key_ids(account.keys, (*at, "keys"))
        for count, user in enumerate(account.users):
            place = (*at, "users", count)
            yield ("user", uid, user.name.casefold()), (*place, "name")
            yield ("user uid", user.uid), (*place, "uid")
            yield from _key_ids(user.keys, (*place, "keys"))
        for count, policy in enumerate(account.policies):
            yield ("policy", uid, policy.name.casefold()), (*at, "policies", count, "name")
        for count, role in enumerate(account.roles):
            place = (*at, "roles", count)
            yield ("role", uid, role.name.casefold()), (*place, "name")
            for each, session in enumerate(role.sessions):
                yield ("key id", session.key.id), (*place, "sessions", each, "key", "id")
        for count, key in enumerate(account.kms_keys):
            place = (*at, "kms_keys", count)
            yield ("kms key", key.id), (*place, "id")
            if key.alias:
                yield ("alias", uid, key.region, key.alias), (*place, "alias")
        for count, bucket in enumerate(account.buckets):
            yield ("bucket", bucket.name), (*at, "buckets", count, "name")


def _key_ids(keys: list[KeySpec], at: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    for number, key in enumerate(keys):
        yield ("key id", key.id), (*at, number, "id")


def _check_account(file: WorldFile, cache: PolicyCache, at: Path, account: AccountSpec) -> None:
    if not (account.uid.isascii() and account.uid.isdigit()):
        raise file.fault((*at, "uid"), "an account is named by its number, in quotes")
    for number, policy in enumerate(account.policies):
        where = (*at, "policies", number, "document")
        _check_policy(file, cache, PolicyKind.RAM, policy.document, where)
    for number, role in enumerate(account.roles):
        _check_policy(file, cache, PolicyKind.TRUST, role.trust, (*at, "roles", number, "trust"))
    for number, key in enumerate(account.kms_keys):
        _check_kms_key(file, cache, (*at, "kms_keys", number), key)
    for number, bucket in enumerate(account.buckets):
        _check_bucket(file, cache, (*at, "buckets", number), bucket)


def _check_bucket(file: WorldFile, cache: PolicyCache, at: Path, bucket: BucketSpec) -> None:
    try:
        buckets.check_name(bucket.name)
    except InvalidBucketName as error:
        raise file.fault(
            (*at, "name"),
            f"{bucket.name!r} is no bucket name: 3 to 63 of a-z, 0-9 and -, with a letter or "
            "digit at both ends",
        ) from error
    _check_region(file, (*at, "region"), bucket.region)
    if bucket.acl is Acl.DEFAULT:
        raise file.fault(
            (*at, "acl"), f"only objects can be 'default'; choose one of {', '.join(choices(Acl))}"
        )
    if bucket.policy:
        _check_policy(file, cache, PolicyKind.BUCKET, bucket.policy, (*at, "policy"))


def _check_kms_key(file: WorldFile, cache: PolicyCache, at: Path, key: KmsKeySpec) -> None:
    if not _KEY_ID.fullmatch(key.id):
        raise file.fault(
            (*at, "id"), f"{key.id!r} is no id of a key: 1 to 64 of 0-9, A-Z, a-z and -"
        )
    _check_region(file, (*at, "region"), key.region)
    checks: dict[str, Callable[[], None]] = {
        "description": partial(check_description, key.description),
        "tags": partial(check_tags, key.tags),
    }
    if key.alias:
        checks["alias"] = partial(check_alias, key.alias)
    for field, check in checks.items():
        try:
            check()
        except KeyRefused as refused:
            raise file.fault((*at, field), refused.message) from refused
    if key.policy:
        _check_policy(file, cache, PolicyKind.KEY, key.policy, (*at, "policy"))


def _check_region(file: WorldFile, at: Path, region: str) -> None:
    if region not in known_regions():
        raise file.fault(at, f"there is no region {region!r}; write it as in cn-hangzhou")


def _check_policy(
    file: WorldFile, cache: PolicyCache, kind: PolicyKind, policy: PolicyText, where: Path
) -> None:
    try:
        cache.get(kind, policy_document(policy))
    except PolicyError as error:
        raise file.fault(where, str(error)) from error
