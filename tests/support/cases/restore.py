"""Archived objects. What stands under the key of a test is a Standard object: restoring it is asked
rightly and refused for that; ``tests/api/test_restore.py`` has the objects it is for."""

from __future__ import annotations

from tests.support.cases.forms import BAD_VERSION, Case, on

CASES = {
    "RestoreObject": Case(
        on("POST", ("restore", None)),
        on("POST", ("restore", None), body=b"<Wrong/>"),
        "MalformedXML",
        found=400,
    ),
    "CleanRestoredObject": Case(
        on("POST", ("cleanRestoredObject", None)),
        on("POST", ("cleanRestoredObject", None), BAD_VERSION),
        "InvalidArgument",
        found=400,
    ),
}
