"""What can be said of a world before anything is written: names, regions and policies."""

from __future__ import annotations

from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.records import PolicyKind
from emulator.domain import buckets
from emulator.domain.errors import InvalidBucketName
from emulator.replication.regions import known_regions
from emulator.world.document import (
    AccountSpec,
    BucketSpec,
    Path,
    PolicyText,
    WorldFile,
    policy_document,
)


def check_world(file: WorldFile) -> None:
    """Raise WorldError, with line and field, for what could never be applied."""
    # statements without Principal are taken, as by the server
    cache = PolicyCache(principal_required=False)
    for number, account in enumerate(file.world.accounts):
        _check_account(file, cache, ("accounts", number), account)


def _check_account(file: WorldFile, cache: PolicyCache, at: Path, account: AccountSpec) -> None:
    if not (account.uid.isascii() and account.uid.isdigit()):
        raise file.fault((*at, "uid"), "an account is named by its number, in quotes")
    for number, policy in enumerate(account.policies):
        where = (*at, "policies", number, "document")
        _check_policy(file, cache, PolicyKind.RAM, policy.document, where)
    for number, role in enumerate(account.roles):
        _check_policy(file, cache, PolicyKind.TRUST, role.trust, (*at, "roles", number, "trust"))
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
    if bucket.region not in known_regions():
        raise file.fault(
            (*at, "region"), f"there is no region {bucket.region!r}; write it as in cn-hangzhou"
        )
    if bucket.policy:
        _check_policy(file, cache, PolicyKind.BUCKET, bucket.policy, (*at, "policy"))


def _check_policy(
    file: WorldFile, cache: PolicyCache, kind: PolicyKind, policy: PolicyText, where: Path
) -> None:
    try:
        cache.get(kind, policy_document(policy))
    except PolicyError as error:
        raise file.fault(where, str(error)) from error
