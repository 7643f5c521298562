"""Appendable objects and symbolic links.

What stands under the key of a test is a Normal object: sealing it and reading it as a link are
asked rightly and refused for that. ``tests/api/test_append.py`` and ``test_symlinks.py`` have the
objects these are for.
"""

from __future__ import annotations

from tests.support.cases.forms import BAD_VERSION, Case, on

CASES = {
    "AppendObject": Case(
        on("POST", ("append", None), ("position", "0"), body=b"x")._replace(key="log"),
        on("POST", ("append", None), body=b"x"),
        "MissingArgument",
        missing_key=200,
    ),
    "SealAppendObject": Case(
        on("POST", ("seal", None), ("position", "7")),
        on("POST", ("seal", None), ("position", "seven")),
        "InvalidArgument",
        found=409,
    ),
    "PutSymlink": Case(
        on("PUT", ("symlink", None), x_oss_symlink_target="some/key"),
        on("PUT", ("symlink", None)),
        "InvalidArgument",
        missing_key=200,
    ),
    "GetSymlink": Case(
        on("GET", ("symlink", None)),
        on("GET", ("symlink", None), BAD_VERSION),
        "InvalidArgument",
        found=400,
    ),
}
