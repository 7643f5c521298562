"""What the shape of a default encryption cannot say."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain import errors
from emulator.protocol.settings.shape import Tree, group_in, text_in

_DEFAULT = "ApplyServerSideEncryptionByDefault"
_ALGORITHMS = ("AES256", "KMS", "SM4")
_HEADERS = {
    "SSEAlgorithm": "x-oss-server-side-encryption",
    "KMSMasterKeyID": "x-oss-server-side-encryption-key-id",
    "KMSDataEncryption": "x-oss-server-side-data-encryption",
}


def check_encryption(tree: Tree) -> Tree:
    """A known method, and a key with KMS only (OSS PutBucketEncryption; documented). Whether the
    key exists is not looked at, and a data algorithm without KMS is passed over (vendor's suite;
    observed). Empty elements go.

    Raises InvalidEncryptionAlgorithmError, InvalidDataEncryptionAlgorithmError, InvalidArgument.
    """
    rule = {tag: value for tag, value in group_in(tree, _DEFAULT).items() if value != ""}
    algorithm = text_in(rule, "SSEAlgorithm")
    if algorithm not in _ALGORITHMS:
        raise errors.InvalidEncryptionAlgorithmError
    if rule.get("KMSDataEncryption", "SM4") != "SM4":
        raise errors.InvalidDataEncryptionAlgorithmError
    if algorithm != "KMS":
        rule.pop("KMSDataEncryption", None)
        if "KMSMasterKeyID" in rule:
            raise errors.InvalidArgument(
                "KMSMasterKeyID is not applicable if the algorithm is not KMS.",
                name="KMSMasterKeyID",
                value=text_in(rule, "KMSMasterKeyID"),
            )
    return {_DEFAULT: rule}


def encryption_of_headers(headers: Mapping[str, str]) -> Tree | None:
    """The default encryption PutBucket asks for, ``None`` if it does not (vendor's suite;
    observed). Raises as ``check_encryption``."""
    if _HEADERS["SSEAlgorithm"] not in headers:
        return None
    rule: Tree = {tag: headers[name] for tag, name in _HEADERS.items() if name in headers}
    return check_encryption({_DEFAULT: rule})
