"""What the shape of a referer configuration cannot say."""

from __future__ import annotations

from emulator.protocol.settings.shape import Tree, group_in, texts_in

_LISTS = ("RefererList", "RefererBlacklist")


def tidy_referers(tree: Tree) -> Tree:
    """The lists without empty entries, which clients send for a list that is empty (inferred)."""
    tidied = dict(tree)
    for tag in _LISTS:
        if tag in tree:
            kept = [each for each in texts_in(group_in(tree, tag), "Referer") if each]
            tidied[tag] = {"Referer": kept} if kept else {}
    return tidied
