"""Resource groups: nothing knows them here, only the form of their ids is checked."""

from __future__ import annotations

import re

from emulator.domain.errors import ResourceGroupIdPreCheckError
from emulator.protocol.settings.shape import Tree, text_in

NAME = "resourceGroup"
_ID = re.compile(r"rg-[0-9a-z]{15}", re.ASCII)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_DIGITS = 11


def check_group_id(group_id: str) -> str:
    """An id of the form ``rg-acfm…`` (inferred from ids the documents show). Raises
    ResourceGroupIdPreCheckError."""
    if not _ID.fullmatch(group_id):
        raise ResourceGroupIdPreCheckError
    return group_id


def check_resource_group(tree: Tree) -> Tree:
    """Raises ResourceGroupIdPreCheckError (OSS PutBucketResourceGroup; documented)."""
    check_group_id(text_in(tree, "ResourceGroupId"))
    return tree


def default_group(account_uid: str) -> str:
    """The id of an account's default resource group, always the same (form inferred)."""
    number, digits = int.from_bytes(account_uid.encode(), "big"), ""
    for _ in range(_ID_DIGITS):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return f"rg-acfm{digits}"
