"""Domain names bound to buckets, the tokens that prove who owns them, and their certificates."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from emulator.domain import errors
from emulator.domain import errors as faults
from emulator.domain.model import Bucket
from emulator.domain.objects import live_bucket
from emulator.protocol.api.settings import bucket_tree, read_body
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.dates import http_date, iso_date, parse_http_date
from emulator.protocol.settings.shape import (
    Tree,
    flag,
    group,
    group_in,
    text,
    text_in,
    tree_json,
    tree_of,
    tree_xml,
    write_tree,
)
from emulator.protocol.xml import XmlWriter
from emulator.replication.ports import ReplicationTx

SETTING, TOKENS = "cname", "cnameToken"
_CNAMES_MAX = _TOKENS_MAX = 100
_TOKEN_LIVES_MS = 72 * 3_600_000
_DOMAIN = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_DOMAIN_CHARS_MAX = 253
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)

_REQUEST = group(
    "BucketCnameConfiguration",
    group(
        "Cname",
        text("Domain", required=True),
        group(
            "CertificateConfiguration",
            text("CertId"),
            text("Certificate"),
            text("PrivateKey"),
            text("PreviousCertId"),
            flag("Force"),
            flag("DeleteCertificate"),
        ),
        required=True,
    ),
)
_CNAME = group(
    "Cname",
    text("Domain"),
    text("LastModified"),
    text("Status"),
    group(
        "Certificate",
        text("Type"),
        text("CertId"),
        text("Status"),
        text("CreationDate"),
        text("Fingerprint"),
    ),
)
_TOKEN = group("CnameToken", text("Bucket"), text("Cname"), text("Token"), text("ExpireTime"))


async def put_cname(call: Call) -> Answer:
    """OSS PutCname; documented. Ownership is proved by ``oss.verified_domains``, because no DNS
    is asked here. A name of another bucket of the account moves (inferred).

    Raises NeedVerifyDomainOwnership, CnameDenied, TooManyCname, CasRenewCertificateConflict.
    """
    domain, certificate = await _read_request(call)
    patterns = call.context.oss.verified_domains.split(",")
    if not any(fnmatchcase(domain, pattern.strip()) for pattern in patterns):
        raise faults.NeedVerifyDomainOwnership(
            "You need to verify the ownership of the domain name. Here that means the setting "
            "oss.verified_domains."
        )

    def work(tx: ReplicationTx) -> None:
        bucket = live_bucket(tx, call.bucket)
        before = bucket_tree(tx, bucket, SETTING, domain)
        if before is None:
            _take_from_others(tx, bucket, domain)
            if len(tx.bucket_setting_items(bucket, SETTING)) >= _CNAMES_MAX:
                raise faults.TooManyCname(bucket.name)
        tree: Tree = {
            "Domain": domain,
            "LastModified": iso_date(call.now_ms),
            "Status": "Enabled",
        }
        kept = _certificate(certificate, group_in(before or {}, "Certificate"), call)
        if kept:
            tree["Certificate"] = kept
        tx.put_bucket_setting(bucket.id, SETTING, tree_json(tree), domain)

    await call.context.store.write(work)
    return Answer()


def _take_from_others(tx: ReplicationTx, bucket: Bucket, domain: str) -> None:
    for other in tx.buckets_with_setting(SETTING):
        if other.id != bucket.id and tx.bucket_setting(other, SETTING, domain):
            if other.owner_uid != bucket.owner_uid:
                raise faults.CnameDenied
            tx.delete_bucket_setting(other.id, SETTING, domain)


def _certificate(sent: Tree, before: Tree, call: Call) -> Tree:
    """What is known of the certificate afterwards; the private key is never kept."""
    if not sent:
        return before
    if sent.get("DeleteCertificate") is True:
        return {}
    known, previous = text_in(before, "CertId"), text_in(sent, "PreviousCertId")
    if previous and known and previous != known and sent.get("Force") is not True:
        raise faults.CasRenewCertificateConflict
    pem = text_in(sent, "Certificate")
    cert_id = text_in(sent, "CertId") or (call.context.rng.hex(8) if pem else "")
    if not cert_id:
        raise errors.MalformedXML("CertificateConfiguration names no certificate")
    tree: Tree = {
        "Type": "Upload" if pem else "CAS",
        "CertId": cert_id,
        "Status": "Enabled",
        "CreationDate": http_date(call.now_ms),
    }
    return {**tree, "Fingerprint": _fingerprint(pem)} if pem else tree


def _fingerprint(pem: str) -> str:
    """The SHA-1 of a certificate, in pairs of digits. Raises InvalidArgument."""
    found = _PEM.search(pem)
    try:
        content = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
    except (ValueError, binascii.Error):
        content = b""
    if not content:
        raise errors.InvalidArgument(
            "The certificate is invalid.", name="Certificate", value=pem[:32]
        )
    return hashlib.sha1(content, usedforsecurity=False).digest().hex(":").upper()


async def delete_cname(call: Call) -> Answer:
    """OSS DeleteCname: 200 also for a name that is not bound (vendor's suite; observed)."""
    domain, _ = await _read_request(call)

    def work(tx: ReplicationTx) -> None:
        tx.delete_bucket_setting(live_bucket(tx, call.bucket).id, SETTING, domain)

    await call.context.store.write(work)
    return Answer()


async def list_cname(call: Call) -> Answer:
    """OSS ListCname; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        items = view.bucket_setting_items(bucket, SETTING)
    document = XmlWriter("ListCnameResult")
    document.element("Bucket", bucket.name)
    document.element("Owner", bucket.owner_uid)
    for _, stored in items:
        document.open(_CNAME.tag)
        write_tree(document, _CNAME, tree_of(stored))
        document.close()
    return xml_answer(document.to_bytes())


async def create_cname_token(call: Call) -> Answer:
    """OSS CreateCnameToken; documented. One that is still good is given again (inferred), for
    three days (inferred from the documents' samples). Raises TooManyCnameToken."""
    domain, _ = await _read_request(call)
    token = call.context.rng.hex(32)

    def work(tx: ReplicationTx) -> Tree:
        bucket = live_bucket(tx, call.bucket)
        before = bucket_tree(tx, bucket, TOKENS, domain)
        if before is not None and _is_good(before, call.now_ms):
            return before
        if before is None and len(tx.bucket_setting_items(bucket, TOKENS)) >= _TOKENS_MAX:
            raise faults.TooManyCnameToken(bucket.name)
        tree: Tree = {
            "Bucket": bucket.name,
            "Cname": domain,
            "Token": token,
            "ExpireTime": http_date(call.now_ms + _TOKEN_LIVES_MS),
        }
        tx.put_bucket_setting(bucket.id, TOKENS, tree_json(tree), domain)
        return tree

    return xml_answer(tree_xml(_TOKEN, await call.context.store.write(work)))


def _is_good(token: Tree, now_ms: int) -> bool:
    return now_ms < (parse_http_date(text_in(token, "ExpireTime")) or 0)


async def get_cname_token(call: Call) -> Answer:
    """OSS GetCnameToken: ``GET ?comp=token&cname=<domain>``; documented."""
    bucket = call.bucket
    with call.context.store.read() as view:
        tree = bucket_tree(view, bucket, TOKENS, call.query["cname"].lower())
    if tree is None or not _is_good(tree, call.now_ms):
        raise faults.CnameTokenNotFound(bucket.name)
    return xml_answer(tree_xml(_TOKEN, tree))


async def _read_request(call: Call) -> tuple[str, Tree]:
    """The domain name and what is said of its certificate. Raises InvalidArgument."""
    cname = group_in(await read_body(call, _REQUEST), "Cname")
    domain = text_in(cname, "Domain").strip().lower()
    if len(domain) > _DOMAIN_CHARS_MAX or not _DOMAIN.fullmatch(domain):
        raise errors.InvalidArgument(
            "The domain name is invalid.", name="Domain", value=domain[:_DOMAIN_CHARS_MAX]
        )
    return domain, group_in(cname, "CertificateConfiguration")


HANDLERS: Mapping[str, Handler] = {
    "PutCname": put_cname,
    "DeleteCname": delete_cname,
    "ListCname": list_cname,
    "CreateCnameToken": create_cname_token,
    "GetCnameToken": get_cname_token,
}
