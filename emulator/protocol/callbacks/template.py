"""The body of a callback: a template whose variables are replaced. Pure.

(OSS Callback, system variables; documented.) In a form body values are URL-encoded, in a JSON
body they are JSON values: the size a number, all else strings. What is not known is empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from emulator.protocol.callbacks.parameters import JSON_BODY, Callback

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")

Values = Mapping[str, str | int]


def render_body(callback: Callback, system: Values) -> bytes:
    """The body to send; ``system`` holds the system variables that have a value."""
    show = _json_value if callback.body_type == JSON_BODY else _form_value

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        value = callback.variables.get(name)
        return show(system.get(name, "") if value is None else value)

    return _VARIABLE.sub(replace, callback.body).encode("utf-8", "surrogatepass")


def _form_value(value: str | int) -> str:
    return quote(str(value), safe="", errors="surrogatepass")


def _json_value(value: str | int) -> str:
    return msgspec.json.encode(value).decode()
