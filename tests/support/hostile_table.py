"""The hostile inputs that every release must withstand, by id, and the tests that send them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

_Test = TypeVar("_Test", bound=Callable[..., object])
_ROW = re.compile(r"([A-E]\d+)( |$)")

# A: framing. B: targets and names. C: headers. D: bodies. E: ranges and numbers.
INPUTS = {
    "A1": "Content-Length and Transfer-Encoding together",
    "A2": "two Content-Length headers",
    "A3": "a Content-Length that is no plain number",
    "A4": "a Content-Length beyond every object",
    "A5": "a Transfer-Encoding other than chunked",
    "A6": "chunk sizes that are none, or of sixteen digits and more",
    "A7": "long chunk extensions, very many chunks, very many trailers",
    "A8": "bare line feeds, folded headers, control characters",
    "A9": "a second request behind a refused one",
    "A10": "long headers, many headers, long targets and methods",
    "A11": "other protocols on the port",
    "A12": "no Host, two, and odd ones",
    "A13": "a target that names another host",
    "A14": "a thousand requests at once on one connection",
    "A15": "unknown expectations; a body that is asked for although refused",
    "A16": "headers that decide, sent twice",
    "A17": "what the HTTP layer itself says",
    "A18": "resets at any byte of a request and of an answer",
    "B1": "keys that look like paths",
    "B2": "keys that begin with a slash or a backslash",
    "B3": "keys at the limit of their length, and beyond",
    "B4": "keys that are no text",
    "B5": "keys with escaped percent signs",
    "B6": "keys that other systems would take for one another",
    "B7": "names no bucket can have",
    "B8": "sub-resources twice, together, unknown, with a value",
    "B9": "header overrides that would split the answer",
    "B10": "listings with the largest parameters, and larger ones",
    "C1": "user metadata beyond its limits, or no text",
    "C2": "digests that are none, or another's",
    "C3": "conditions a write does not have",
    "C4": "copy sources that are none, or another's",
    "C5": "dates of another form, or of no time",
    "C6": "tags beyond their limits",
    "C7": "encryption nobody knows, keys of others",
    "C8": "what the answer says of the server",
    "D1": "entities and document types",
    "D2": "documents deeper, broader and longer than any is",
    "D3": "documents of other encodings, and broken ones",
    "D4": "batches without keys, with too many, with what is no key",
    "D5": "part lists that do not fit the upload",
    "D6": "rules and policies at their limits and beyond",
    "D7": "policies that are no JSON, or ambiguous",
    "D8": "bodies shorter and longer than they say",
    "D9": "bodies of unknown length",
    "D10": "bodies larger than an object may be",
    "E1": "ranges that are none, several, or beyond the end",
    "E2": "the same, read by the standard",
    "E3": "ranges of what is empty, deleted, linked or in pieces",
    "E4": "numbers that are none, or too large",
}


def answers(*ids: str) -> Callable[[_Test], _Test]:
    """Say which hostile inputs a test sends, as literals; KeyError if there is no such id.

    Rows of a parametrised test may say it themselves: a text such as ``"A3 negative"``.
    """
    for each in ids:
        INPUTS[each]

    def mark(test: _Test) -> _Test:
        return test

    return mark


def answered_in(source: str) -> Iterator[str]:
    """The ids that the tests of a file send: of decorators, and of the rows of their tables."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "answers":
                    yield from (str(ast.literal_eval(argument)) for argument in call.args)
        elif isinstance(node, ast.Tuple) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                row = _ROW.match(first.value)
                if row is not None:
                    yield row[1]
