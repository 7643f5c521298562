"""Transfer acceleration must stay while replication uses it."""

from __future__ import annotations

from emulator.domain.errors import TransferAccAlreadyInUse
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.shape import Tree
from emulator.replication.regions import ACCELERATED


def admit_acceleration(asked: Asked, tree: Tree) -> Tree:
    """Raises TransferAccAlreadyInUse when an accelerated rule of the bucket would lose it
    (OSS PutBucketTransferAcceleration; documented)."""
    if tree.get("Enabled") is False:
        refuse_while_used(asked)
    return tree


def refuse_while_used(asked: Asked) -> None:
    """The same for DeleteBucketTransferAcceleration."""
    before = asked.before
    if before is None or before.get("Enabled") is not True:
        return
    for rule in asked.view.rules_of(asked.bucket.id):
        if rule.spec.transfer_type == ACCELERATED:
            raise TransferAccAlreadyInUse(asked.bucket.name, rule.spec.destination_bucket)
