"""What the shape of a CORS configuration cannot say."""

from __future__ import annotations

from emulator.domain import errors
from emulator.domain.errors import CORSRuleBeyondLimit
from emulator.protocol.settings.shape import Tree, groups_in, texts_in

_RULES_MAX = 10
_AGE_S = range(1_000_000_000)
_WILDCARDS_MAX = {"AllowedOrigin": 1, "AllowedHeader": 1, "ExposeHeader": 0}


def check_cors(tree: Tree) -> Tree:
    """At most ten rules, one ``*`` in an origin or header, none in what is exposed.

    (OSS PutBucketCors; documented. That a wildcard too many is InvalidArgument; inferred. That a
    negative age is; observed.) Raises CORSRuleBeyondLimit, InvalidArgument.
    """
    rules = groups_in(tree, "CORSRule")
    if len(rules) > _RULES_MAX:
        raise CORSRuleBeyondLimit
    for rule in rules:
        for tag, most in _WILDCARDS_MAX.items():
            for value in texts_in(rule, tag):
                if not value.strip() or value.count("*") > most:
                    raise _invalid(tag, value)
        age_s = rule.get("MaxAgeSeconds", 0)
        if age_s not in _AGE_S:
            raise _invalid("MaxAgeSeconds", str(age_s))
    return tree


def _invalid(name: str, value: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"The {name} is invalid.", name=name, value=value)
