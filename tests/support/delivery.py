"""Requests as browsers and strangers make them, and the settings that judge them."""

from __future__ import annotations

import json
import time

from emulator.protocol.signing import Credentials, Scheme, Signer, SigningRequest
from tests.support.hostile import KEYS, Attacker, Reply
from tests.support.process import UID_B
from tests.support.wire import Call

PUBLIC_READ = (("x-oss-acl", "public-read"),)
PAYS = ("x-oss-request-payer", "requester")
REQUESTER = "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"
OWNER_PAYS = REQUESTER.replace("Requester<", "BucketOwner<")
_BLOCK = "<PublicAccessBlockConfiguration><BlockPublicAccess>{}</BlockPublicAccess>"
BLOCK = _BLOCK.format("true") + "</PublicAccessBlockConfiguration>"


def put_setting(attacker: Attacker, bucket: str, name: str, document: str) -> None:
    """Put a bucket's setting, or with an empty bucket the account's."""
    attacker.ok(Call("PUT", bucket, query=((name, None),), body=document.encode()))


def make_public(attacker: Attacker, bucket: str) -> None:
    """Let everybody read the bucket."""
    attacker.ok(Call("PUT", bucket, query=(("acl", None),), headers=PUBLIC_READ))


def anonymous(
    attacker: Attacker,
    bucket: str,
    key: str = "",
    *query: tuple[str, str | None],
    method: str = "GET",
    **headers: str,
) -> Reply:
    """An unsigned request; ``_`` in the names of headers stands for ``-``."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return attacker.call(Call(method, bucket, key, query, pairs), "")


def by_url(
    attacker: Attacker,
    call: Call,
    account: str = "a",
    *,
    scheme: Scheme = Scheme.V4,
) -> Reply:
    """The request by a signed URL; its headers are not signed."""
    key_id, secret = KEYS[account]
    credentials = Credentials(access_key_id=key_id, secret=secret)
    signer = Signer(credentials=credentials, scheme=scheme, region="cn-hangzhou")
    request = SigningRequest(
        method=call.method, bucket=call.bucket, key=call.key, query=call.query, headers=()
    )
    added = signer.presigned_query(request, time.time(), 60)
    return attacker.call(call._replace(query=(*call.query, *added)), "")


def let_b_in(attacker: Attacker, bucket: str) -> None:
    """Allow account B everything on the bucket."""
    statement = {
        "Effect": "Allow",
        "Action": ["oss:*"],
        "Principal": [UID_B],
        "Resource": [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"],
    }
    document = json.dumps({"Version": "1", "Statement": [statement]})
    put_setting(attacker, bucket, "policy", document)
