"""Who pays for a request: pay-by-requester. Pure, but for the look at the bucket's setting.

(OSS PutBucketRequestPayment; documented.) On a bucket whose Payer is the Requester, accounts other
than the owner's say that they pay with ``x-oss-request-payer: requester``, in a header or in the
query, for every operation (observed); anonymous callers are refused. RAM users and roles count as
their account.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from emulator.access.identity import Principal, PrincipalKind
from emulator.domain.documents import reader_of
from emulator.domain.errors import AccessDenied
from emulator.domain.model import Bucket
from emulator.domain.ports import MetaView

SETTING = "requestPayment"
REQUEST_PAYER = "x-oss-request-payer"
REQUESTER = "requester"

_TEXT = "Access denied for requester pay bucket"
_EC_ANONYMOUS, _EC_URL, _EC_HEADER = "0003-00000701", "0003-00000702", "0003-00000703"


class _Document(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    payer: str = "BucketOwner"


_read = reader_of(_Document)


class PayerOutcome(Enum):
    """Who pays, or why the request is refused."""

    BUCKET_OWNER = "the bucket's owner pays for everybody"
    OWNER = "the request is the owner's own"
    REQUESTER = "the requester pays"
    ANONYMOUS = "nobody knows who would pay"
    NOT_SAID = "the requester does not say that they pay"


_REFUSED = frozenset({PayerOutcome.ANONYMOUS, PayerOutcome.NOT_SAID})


def judge_payer(document: str, owner_uid: str, principal: Principal, said: str) -> PayerOutcome:
    """Decide; ``said`` is the value of ``x-oss-request-payer``, ``""`` where it is absent."""
    if _read(document).payer != "Requester":
        return PayerOutcome.BUCKET_OWNER
    if principal.kind is PrincipalKind.ANONYMOUS:
        return PayerOutcome.ANONYMOUS
    if principal.account_uid == owner_uid:
        return PayerOutcome.OWNER
    # The value's letter case is taken as it comes (inferred).
    return PayerOutcome.REQUESTER if said.lower() == REQUESTER else PayerOutcome.NOT_SAID


def check_payer(
    view: MetaView, bucket: Bucket, principal: Principal, said: str, *, by_url: bool = False
) -> bool:
    """Whether the requester is charged. Raises AccessDenied. ``by_url``: a signed URL asks."""
    if SETTING not in bucket.setting_names:
        return False
    document = view.bucket_setting(bucket, SETTING)
    outcome = judge_payer(document, bucket.owner_uid, principal, said)
    if outcome in _REFUSED:
        anonymous = outcome is PayerOutcome.ANONYMOUS
        ec = _EC_ANONYMOUS if anonymous else _EC_URL if by_url else _EC_HEADER
        raise AccessDenied(_TEXT, ec=ec, fields={"BucketName": bucket.name})
    return outcome is PayerOutcome.REQUESTER


def said_payer(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """What a request says about who pays."""
    return headers.get(REQUEST_PAYER) or query.get(REQUEST_PAYER, "")
