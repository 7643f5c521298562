"""Where the access logs of a bucket may go."""

from __future__ import annotations

from emulator.domain.errors import InvalidTargetBucketForLogging
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.shape import Tree, group_in, text_in


def admit_logging(asked: Asked, tree: Tree) -> Tree:
    """The target must be a bucket of the same account and region (OSS PutBucketLogging;
    documented). Without LoggingEnabled logging is off. Raises InvalidTargetBucketForLogging,
    AccessDenied."""
    if "LoggingEnabled" in tree:
        wanted = group_in(tree, "LoggingEnabled")
        target = asked.view.bucket(text_in(wanted, "TargetBucket"))
        own = (asked.bucket.owner_uid, asked.bucket.region)
        if target is None or (target.owner_uid, target.region) != own:
            raise InvalidTargetBucketForLogging
        asked.require_write(target, text_in(wanted, "TargetPrefix"))
    return tree
