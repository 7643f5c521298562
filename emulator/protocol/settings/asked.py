"""What is known where a setting is about to be stored or removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from emulator.domain.model import Bucket
from emulator.protocol.settings.shape import Tree, tree_of
from emulator.replication.ports import ReplicationView
from emulator.rng import Rng


def _not_asked(_bucket: Bucket, _prefix: str) -> None:
    return


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request about the setting ``name``, inside the transaction that carries it out.

    ``item`` tells apart settings of which a bucket has several, ``""`` where there is one only.
    ``require_write`` raises AccessDenied if the caller may not write under a prefix of a bucket.
    """

    view: ReplicationView
    bucket: Bucket
    name: str
    item: str
    query: Mapping[str, str]
    now_ms: int
    rng: Rng
    require_write: Callable[[Bucket, str], None] = _not_asked

    @property
    def before(self) -> Tree | None:
        """What is stored now."""
        document = self.view.bucket_setting(self.bucket, self.name, self.item)
        return tree_of(document) if document else None

    @property
    def count(self) -> int:
        """How many items the bucket has of this setting."""
        return len(self.view.bucket_setting_items(self.bucket, self.name))
