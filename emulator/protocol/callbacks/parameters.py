"""What a client asks of a callback, read and checked before anything is stored.

(OSS Callback; documented.) A parameter may come in a header, in the query or, for PostObject, in
the form; in two of them it is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from emulator.domain import errors
from emulator.protocol.call import Call
from emulator.protocol.callbacks.allowed import split_url
from emulator.protocol.callbacks.outgoing import Outgoing

FORM_BODY: Final = "application/x-www-form-urlencoded"
JSON_BODY: Final = "application/json"
_HEADER, _VAR_HEADER = "x-oss-callback", "x-oss-callback-var"
_NAME, _VAR_NAME = "callback", "callback-var"
_OFF: Final = "Callbacks are off until the setting oss.outgoing_allow names hosts they may go to."
_ENCODED_BYTES_MAX: Final = 5 * 1024
_URLS_MAX: Final = 5
_HOST_HEADER: Final = re.compile(r"[A-Za-z0-9_.\[\]:-]{1,255}")
_BROKEN_VARIABLE: Final = re.compile(r"\$\{[^}]*\Z")
_VARIABLE_PREFIX: Final = "x:"

_URL_EC, _URLS_EC, _PRIVATE_EC = "0007-00000004", "0007-00000005", "0007-00000008"
_BASE64_EC, _BODY_EC, _VAR_LENGTH_EC = "0007-00000002", "0007-00000011", "0007-00000101"


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """A callback to make: where to (first answer wins), with which body, and the custom variables
    by name with their ``x:``."""

    urls: tuple[str, ...]
    host: str
    body: str
    body_type: str
    variables: Mapping[str, str]


class _Document(msgspec.Struct, frozen=True):
    """The JSON of the callback parameter."""

    callback_url: str = msgspec.field(default="", name="callbackUrl")
    callback_host: str = msgspec.field(default="", name="callbackHost")
    callback_body: str = msgspec.field(default="", name="callbackBody")
    callback_body_type: str = msgspec.field(default=FORM_BODY, name="callbackBodyType")
    callback_sni: bool | str = msgspec.field(default=False, name="callbackSNI")


_DOCUMENT = msgspec.json.Decoder(_Document)
_STRINGS = msgspec.json.Decoder(dict[str, str])


def read_callback(call: Call) -> Callback | None:
    """The callback of a PutObject or CompleteMultipartUpload, ``None`` when none is asked for.

    Raises InvalidArgument, and NotImplemented while no host may be called.
    """
    encoded = _one_of(call, _HEADER, _NAME)
    variables = _one_of(call, _VAR_HEADER, _VAR_NAME)
    if encoded is None:
        return None
    given: Mapping[str, str] = {}
    if variables is not None:
        given = _read_variables(_decode(variables, _VAR_NAME, _VAR_LENGTH_EC))
    return _read(encoded, given, call.context.callbacks.outgoing)


def read_form_callback(call: Call, fields: Mapping[str, str]) -> Callback | None:
    """The callback of a PostObject: the field ``callback``, and a field for each variable."""
    if not fields.get(_NAME):
        return None
    given = {name: value for name, value in fields.items() if name.startswith(_VARIABLE_PREFIX)}
    return _read(fields[_NAME], given, call.context.callbacks.outgoing)


def _one_of(call: Call, header: str, parameter: str) -> str | None:
    in_header, in_query = call.headers.get(header), call.query.get(parameter)
    if in_header is not None and in_query is not None:
        raise errors.InvalidArgument(
            f"The {parameter} is given in both the query string and a header.",
            name=parameter,
            value=in_query,
        )
    return in_query if in_header is None else in_header


def _read(encoded: str, variables: Mapping[str, str], outgoing: Outgoing) -> Callback | None:
    if not outgoing.is_on:
        raise errors.NotImplemented(_OFF, header=_HEADER)
    text = _decode(encoded, _NAME, "")
    try:
        document = _DOCUMENT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(_NAME, text) from error
    if not document.callback_url:
        return None
    urls = _read_urls(document.callback_url, outgoing)
    if not document.callback_body:
        raise _invalid("The callback body is empty.", text.decode(errors="replace"), _BODY_EC)
    if _BROKEN_VARIABLE.search(document.callback_body):
        raise _invalid("A variable of the callback body is invalid.", document.callback_body)
    if document.callback_body_type not in (FORM_BODY, JSON_BODY):
        raise _invalid("The callback body type is not supported.", document.callback_body_type)
    if document.callback_host and not _HOST_HEADER.fullmatch(document.callback_host):
        raise _invalid("The callback host is invalid.", document.callback_host)
    return Callback(
        urls=urls,
        host=document.callback_host,
        body=document.callback_body,
        body_type=document.callback_body_type,
        variables=variables,
    )


def _read_urls(text: str, outgoing: Outgoing) -> tuple[str, ...]:
    urls = tuple(part.strip() for part in text.split(";") if part.strip())
    if len(urls) > _URLS_MAX:
        raise _invalid("There are more than 5 callback urls.", text, _URLS_EC)
    for url in urls or (text,):
        if split_url(url) is None:
            raise _invalid("The callback url is invalid.", url, _URL_EC)
        refusal = outgoing.refusal(url)
        if refusal:
            message = f"Private address is forbidden to callback: {refusal}."
            raise _invalid(message, url, _PRIVATE_EC)
    return urls


def _decode(encoded: str, name: str, length_ec: str) -> bytes:
    if len(encoded) > _ENCODED_BYTES_MAX:
        raise _invalid(f"The {name} is longer than 5 KB.", str(len(encoded)), length_ec, name)
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        message = f"The {name} configuration is not base64 encoded."
        raise _invalid(message, encoded, _BASE64_EC, name) from error


def _read_variables(text: bytes) -> Mapping[str, str]:
    try:
        variables = _STRINGS.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(_VAR_NAME, text) from error
    for name in variables:
        if not name.startswith(_VARIABLE_PREFIX) or name != name.lower():
            raise _invalid("The callback-var is invalid.", name, name=_VAR_NAME)
    return variables


def _not_json(name: str, text: bytes) -> errors.InvalidArgument:
    shown = text.decode(errors="replace")
    return _invalid(f"The {name} configuration is not json format.", shown, name=name)


def _invalid(message: str, value: str, ec: str = "", name: str = _NAME) -> errors.InvalidArgument:
    return errors.InvalidArgument(message, name=name, value=value, ec=ec)
