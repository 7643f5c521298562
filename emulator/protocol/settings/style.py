"""Image styles: a name for a row of image operations, which are not looked at."""

from __future__ import annotations

import re

from emulator.domain import errors
from emulator.protocol.dates import http_date
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.shape import Tree, text_in

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_STYLES_MAX = 500
_CATEGORIES = ("image", "document", "video")


def admit_style(asked: Asked, tree: Tree) -> Tree:
    """A style with its name and its times (OSS PutStyle; documented).

    Raises InvalidArgument for a bad name, an empty content, an unknown category, or one style too
    many (limits of the name and of their number; inferred).
    """
    if not _NAME.fullmatch(asked.item):
        raise errors.InvalidArgument("Style name is invalid.", name="styleName", value=asked.item)
    content = text_in(tree, "Content")
    if not content:
        raise errors.InvalidArgument("Style content is invalid.", name="Content", value="")
    category = asked.query.get("category", "")
    if category and category not in _CATEGORIES:
        raise errors.InvalidArgument("Style category is invalid.", name="category", value=category)
    before = asked.before
    if before is None and asked.count >= _STYLES_MAX:
        raise errors.InvalidArgument(
            "The bucket has more styles than allowed.", name="styleName", value=asked.item
        )
    now = http_date(asked.now_ms)
    made = text_in(before or {}, "CreateTime") or now
    style: Tree = {
        "Name": asked.item,
        "Content": content,
        "CreateTime": made,
        "LastModifyTime": now,
    }
    return {**style, "Category": category} if category else style
