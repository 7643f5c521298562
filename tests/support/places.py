"""Fresh buckets for tests that share a server, and their removal."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.hostile import Attacker
from tests.support.wire import Call

ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
SUSPENDED = ENABLED.replace(b"Enabled", b"Suspended")
_NUMBERS = itertools.count(1)


@contextmanager
def fresh_bucket(attacker: Attacker, label: str, *, versioned: bool = False) -> Iterator[str]:
    """A bucket of account A that is gone afterwards with all it holds."""
    name = f"{label}-{next(_NUMBERS)}"
    attacker.ok(Call("PUT", name))
    if versioned:
        attacker.ok(Call("PUT", name, query=(("versioning", None),), body=ENABLED))
    yield name
    listing = attacker.ok(Call("GET", name, query=(("versions", None), ("max-keys", "1000"))))
    for tag in ("Version", "DeleteMarker"):
        for each in listing.document.iterfind(tag):
            version = (("versionId", each.findtext("VersionId", "")),)
            attacker.ok(Call("DELETE", name, each.findtext("Key", ""), query=version))
    attacker.ok(Call("DELETE", name))
