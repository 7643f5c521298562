"""Rules that forbid overwriting."""

from __future__ import annotations

from emulator.domain.errors import MalformedXML
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.shape import Tree, groups_in, text_in

_ID_DIGITS = 32


def admit_overwrite(asked: Asked, tree: Tree) -> Tree:
    """Each rule has an id of its own; one without gets one (OSS PutBucketOverwriteConfig, ID;
    documented). Raises MalformedXML for an id that stands there twice (inferred)."""
    rules = [
        {**rule, "ID": text_in(rule, "ID") or asked.rng.hex(_ID_DIGITS)}
        for rule in groups_in(tree, "Rule")
    ]
    if len({rule["ID"] for rule in rules}) < len(rules):
        raise MalformedXML("the same ID stands in two rules", ec="0015-00000231")
    return {"Rule": rules}
