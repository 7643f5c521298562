"""What a link can do."""

from __future__ import annotations

import msgspec

PARALLEL_MAX = 1000


class LinkFigures(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A link, in milliseconds and bytes. A ``bytes_per_ms`` of 0 is no limit.

    ``jitter_ms`` is a mean; ``request_ms`` passes from one request to the next at least.
    ``down_since_ms``: nothing has got through since then.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    bytes_per_ms: float = 0.0
    request_ms: float = 0.0
    acceleration: float = 1.0
    parallel: int = PARALLEL_MAX
    down_since_ms: int | None = None
