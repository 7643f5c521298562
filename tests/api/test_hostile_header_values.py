"""Values that clients store and the server sends in headers later: none may break an answer."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.support.hostile import Attacker, check_clean
from tests.support.wire import Call

BREAK = "x&#13;&#10;X-Evil: 1"
CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>{origin}</AllowedOrigin><AllowedMethod>GET"
    "</AllowedMethod><AllowedHeader>{header}</AllowedHeader><ExposeHeader>{exposed}</ExposeHeader>"
    "</CORSRule></CORSConfiguration>"
)
WEBSITE = (
    "<WebsiteConfiguration><RoutingRules><RoutingRule><RuleNumber>1</RuleNumber><Condition>"
    "<KeyPrefixEquals>a</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404"
    "</HttpErrorCodeReturnedEquals></Condition><Redirect><RedirectType>External</RedirectType>"
    "{inner}</Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>"
)
KMS = (
    "<ServerSideEncryptionRule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>KMS"
    f"</SSEAlgorithm><KMSMasterKeyID>{BREAK}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>"
    "</ServerSideEncryptionRule>"
)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("sub_resource", "document"),
    [
        ("cors", CORS.format(origin=BREAK, header="a", exposed="a")),
        ("cors", CORS.format(origin="*", header=BREAK, exposed="a")),
        ("cors", CORS.format(origin="*", header="a", exposed=BREAK)),
        ("website", WEBSITE.format(inner=f"<HostName>{BREAK}</HostName>")),
        ("encryption", KMS),
    ],
)
def test_a_setting_with_what_headers_cannot_hold_is_refused(
    attacker: Attacker, sub_resource: str, document: str
) -> None:
    call = Call("PUT", "public", query=((sub_resource, None),), body=document.encode())
    reply = attacker.call(call)
    check_clean(reply)
    assert (reply.status, reply.code) == (400, "MalformedXML")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_an_origin_of_raw_bytes_is_answered(attacker: Attacker, method: str) -> None:
    setting = Call("PUT", "public", query=(("cors", None),))
    document = CORS.format(origin="http://*", header="*", exposed="a").encode()
    attacker.ok(setting._replace(body=document))
    reply = attacker.raw(
        f"{method} /public/page HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
        + b"Origin: http://a\x80\xff\r\nAccess-Control-Request-Method: GET\r\n"
        + b"Access-Control-Request-Headers: \x80\r\n\r\n"
    )
    attacker.ok(setting._replace(method="DELETE"))
    assert reply is not None, "closed without an answer"
    check_clean(reply)
    assert reply.header("access-control-allow-methods") == "GET"


def test_a_redirect_quotes_what_keys_may_hold(attacker: Attacker) -> None:
    setting = Call("PUT", "public", query=(("website", None),))
    document = WEBSITE.format(inner=f"<ReplaceKeyWith>{BREAK}${{key}}</ReplaceKeyWith>")
    attacker.ok(setting._replace(body=document.encode()))
    key = "a\r\nX-Evil: 2"
    host = "public.oss-cn-hangzhou.aliyuncs.com"
    reply = attacker.raw(f"GET /{quote(key)} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    attacker.ok(setting._replace(method="DELETE"))
    assert reply is not None, "closed without an answer"
    check_clean(reply)
    assert reply.status == 301
    assert reply.header("location").endswith(f"/x%0D%0AX-Evil%3A%201{quote(key)}")
    assert reply.header("x-evil") == ""
