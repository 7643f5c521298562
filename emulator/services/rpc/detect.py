"""Telling RPC requests from OSS requests on the same port, before anything of either is read.

Both dialects use path ``/``. An RPC request names action and version, in the query (V1), in
headers (V3), or in a form body; an OSS request never does. In doubt a request is OSS's: uploads by
form, listings of buckets and everything with a signature of OSS stay there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from emulator.services.rpc.request import FORM, V3_SCHEME

_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PRODUCT_HOST = re.compile(r"(?:ram|sts|kms|ims|location)(?:\.(?!oss-)[a-z0-9-]+)?\.aliyuncs\.com")
_ADDRESS = re.compile(r"[0-9.]+|\[[0-9a-f:.]+\]")
_OSS_SCHEMES = ("OSS ", "OSS2 ", "OSS4-")
_OSS_QUERY_SIGNS = ("OSSAccessKeyId", "x-oss-signature", "x-oss-signature-version")
_V1_SIGNS = ("AccessKeyId", "Signature", "SignatureNonce", "SignatureMethod")


def is_rpc(method: str, target: str, headers: Mapping[str, str]) -> bool:
    """Whether a request is for RAM, STS or KMS.

    ``target`` is that of the request line, ``headers`` may be asked for any case of a name.
    """
    path, _, query = target.partition("?")
    if path not in ("/", ""):
        return False
    authorization = headers.get("Authorization", "")
    if authorization:
        return authorization.startswith(V3_SCHEME)
    host = _host_name(headers.get("Host", ""))
    if "x-acs-action" in headers and "x-acs-version" in headers:
        return True
    if _PRODUCT_HOST.fullmatch(host):
        return True
    if "Action=" in query and "Version=" in query:
        return _query_is_rpc(query, host)
    return method == "POST" and not query and _names_no_bucket(host) and _sends_form(headers)


def _query_is_rpc(query: str, host: str) -> bool:
    names = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
    if any(name in names for name in _OSS_QUERY_SIGNS):
        return False
    if "Action" not in names or not _VERSION.fullmatch(names.get("Version", "")):
        return False
    # OSS passes over parameters it does not know, so a bucket's own host wants more evidence.
    return _names_no_bucket(host) or any(name in names for name in _V1_SIGNS)


def _sends_form(headers: Mapping[str, str]) -> bool:
    """Uploads to OSS by form are ``multipart/form-data`` and never this."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM


def _names_no_bucket(host: str) -> bool:
    """Whether no bucket can be meant by the host: an address, or a name without a dot."""
    return "." not in host or _ADDRESS.fullmatch(host) is not None


def _host_name(host: str) -> str:
    """The name without scheme and port: some clients write the whole URL into the header."""
    name = host.rpartition("://")[2].lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]
