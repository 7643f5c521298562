"""Which requests are RPC's and which are OSS's."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from emulator.services.rpc.detect import is_rpc

LOCAL = "127.0.0.1:9480"
FORM = "application/x-www-form-urlencoded"
V1 = "/?Action=CreateUser&Version=2015-05-01"
SIGNED_V1 = V1 + "&AccessKeyId=id&Signature=x"
ACS = {"x-acs-action": "GetRole", "x-acs-version": "2015-05-01"}

RPC = [
    ("GET", V1, {}),
    ("POST", V1, {}),
    ("GET", SIGNED_V1, {}),
    ("GET", SIGNED_V1, {"Host": "emulator.example.com"}),
    ("POST", SIGNED_V1, {"Host": "http://127.0.0.1:9480", "Content-Type": FORM}),
    ("GET", V1, {"Host": "localhost:9480"}),
    ("GET", V1, {"Host": "[::1]:9480"}),
    ("GET", V1, {"Host": "ossemu"}),
    ("POST", "/", {"Authorization": "ACS3-HMAC-SHA256 Credential=x"}),
    ("PUT", "/?A=1", {"Authorization": "ACS3-HMAC-SHA256 Credential=x"}),
    ("POST", "/?RoleName=x", ACS),
    ("GET", "/", {"Host": "sts.aliyuncs.com"}),
    ("POST", "/", {"Host": "kms.cn-hangzhou.aliyuncs.com"}),
    ("POST", "/", {"Content-Type": FORM + "; charset=utf-8"}),
    ("POST", "/?AccessKeyId=a&Signature=b&Version=2015-05-01&Action=X", {"Host": "a.localhost"}),
]
OSS = [
    ("GET", "/", {}),
    ("GET", "/", {"Authorization": "OSS id:sig"}),
    ("GET", V1, {"Authorization": "OSS id:sig"}),
    ("GET", SIGNED_V1, {"Authorization": "OSS4-HMAC-SHA256 Credential=x"}),
    ("GET", V1 + "&OSSAccessKeyId=id", {}),
    ("GET", V1 + "&x-oss-signature-version=OSS4-HMAC-SHA256", {}),
    ("GET", V1, {"Host": "bucket.localhost"}),
    ("GET", V1, {"Host": "ram.oss-cn-hangzhou.aliyuncs.com"}),
    ("GET", "/?Action=CreateUser&Version=1", {}),
    ("GET", "/?SubAction=x&TheVersion=2015-05-01", {}),
    ("GET", "/bucket" + V1[1:], {}),
    ("POST", "/bucket", {"Content-Type": FORM}),
    ("POST", "/", {"Content-Type": "multipart/form-data; boundary=x"}),
    ("POST", "/", {"Content-Type": FORM, "Host": "bucket.localhost"}),
    ("POST", "/?delete", {"Content-Type": FORM}),
    ("PUT", "/", {"Content-Type": FORM}),
    ("GET", "/?prefix=Action=a&x=Version=b", {}),
    ("GET", "/", {"Host": "ram.localhost"}),
    ("GET", "/key", {"Authorization": "ACS3-HMAC-SHA256 x"}),
]


def asked(method: str, target: str, headers: dict[str, str]) -> bool:
    return is_rpc(method, target, CIMultiDict({"Host": LOCAL, **headers}))


@pytest.mark.parametrize(("method", "target", "headers"), RPC)
def test_rpc(method: str, target: str, headers: dict[str, str]) -> None:
    assert asked(method, target, headers)


@pytest.mark.parametrize(("method", "target", "headers"), OSS)
def test_oss(method: str, target: str, headers: dict[str, str]) -> None:
    assert not asked(method, target, headers)
