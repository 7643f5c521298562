"""Transfer acceleration must stay while replication into the bucket uses it."""

from __future__ import annotations

from emulator.domain.errors import TransferAccAlreadyInUse
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.shape import Tree
from emulator.replication.acceleration import accelerated_rule


def admit_acceleration(asked: Asked, tree: Tree) -> Tree:
    """Raises TransferAccAlreadyInUse when a rule of type ``oss_acc`` that leads to the bucket would
    lose it (OSS, EC 0028-00000003; documented)."""
    if tree.get("Enabled") is False:
        refuse_while_used(asked)
    return tree


def refuse_while_used(asked: Asked) -> None:
    """The same for DeleteBucketTransferAcceleration (inferred)."""
    rule = accelerated_rule(asked.view, asked.bucket)
    before = asked.before
    if rule is None or before is None or before.get("Enabled") is not True:
        return
    source = asked.view.bucket_by_id(rule.source_bucket_id)
    raise TransferAccAlreadyInUse("" if source is None else source.name, asked.bucket.name)
