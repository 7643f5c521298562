"""Vendor SDK clients pointed at a server under test."""

from __future__ import annotations

from typing import Any

import alibabacloud_oss_v2
import oss2

from tests.support.process import KEY_A, KEY_B, SECRET_A, SECRET_B, EmulatorProcess

_KEYS = {"a": (KEY_A, SECRET_A), "b": (KEY_B, SECRET_B)}


def auth_of(account: str, version: str = "v1") -> Any:
    """The oss2 credentials of account ``a`` or ``b``."""
    key_id, secret = _KEYS[account]
    return oss2.make_auth(key_id, secret, version)


def bucket_of(
    server: EmulatorProcess,
    name: str,
    account: str = "a",
    *,
    version: str = "v1",
    region: str = "cn-hangzhou",
) -> oss2.Bucket:
    """An oss2 bucket client in path style."""
    return oss2.Bucket(auth_of(account, version), server.endpoint, name, region=region)


def v2_client_of(
    server: EmulatorProcess, account: str = "a", *, region: str = "cn-hangzhou"
) -> Any:
    """An alibabacloud-oss-v2 client in path style. It signs with V4."""
    key_id, secret = _KEYS[account]
    config = alibabacloud_oss_v2.config.load_default()
    provider = alibabacloud_oss_v2.credentials.StaticCredentialsProvider
    config.credentials_provider = provider(key_id, secret)
    config.region = region
    config.endpoint = server.endpoint
    config.use_path_style = True
    return alibabacloud_oss_v2.Client(config)
