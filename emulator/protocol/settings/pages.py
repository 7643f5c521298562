"""Pages of lists that are short enough to be read whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Item = tuple[str, str]  # name and document


class Page(NamedTuple):
    """Some items by name, and after which name the next page begins, ``""`` on the last one."""

    items: Sequence[Item]
    next_after: str

    @property
    def is_truncated(self) -> bool:
        """Whether there are more."""
        return bool(self.next_after)


def page_of(items: Sequence[Item], *, limit: int, after: str = "", prefix: str = "") -> Page:
    """The first ``limit`` items that come after a name and begin with ``prefix``."""
    left = [item for item in items if item[0] > after and item[0].startswith(prefix)]
    return Page(left[:limit], left[limit - 1][0] if len(left) > limit else "")
