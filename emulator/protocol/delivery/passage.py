"""What the settings of delivery say about one request on its way through the server.

A bucket without such settings costs one look at the names of its settings.
"""

from __future__ import annotations

from emulator.access.identity import PrincipalKind
from emulator.domain.errors import AccessDenied
from emulator.domain.model import Bucket
from emulator.domain.ports import MetaView
from emulator.protocol.authorisation import note_refusal
from emulator.protocol.call import Call
from emulator.protocol.delivery import payer, public_access, site
from emulator.protocol.delivery.cors import read_cors, simple_headers
from emulator.protocol.delivery.public_access import is_blocked
from emulator.protocol.delivery.referer import check_referer
from emulator.protocol.delivery.traffic import Pace, read_limit
from emulator.protocol.delivery.website import Website, read_website
from emulator.protocol.operations import Operation, operation_named

_REFERER, _CORS = "referer", "cors"
_PREFLIGHTS = frozenset({operation_named("OptionObject"), operation_named("OptionBucket")})
# Who sends a form stands in the form: its handler asks for the payer.
_SIGNED_INSIDE = operation_named("PostObject")


class Passage:
    """What is known of one request so far, and what its answer gets in addition.

    ``website`` is set where the bucket's website answers, ``pace`` where the client asks for a
    traffic limit.
    """

    # Most requests set none of these, so that making one costs next to nothing.
    pace: Pace | None = None
    website: Website | None = None
    dresses = False  # whether ``dress`` has anything to add
    _cors = ""
    _is_charged = False

    def enter(self, view: MetaView, bucket: Bucket, operation: Operation) -> None:
        """The bucket is known; its CORS rules also count for errors that follow."""
        if operation not in _PREFLIGHTS:
            self._cors = view.bucket_setting(bucket, _CORS)
            self.dresses = bool(self._cors)

    def admit(self, call: Call, view: MetaView, *, by_url: bool) -> None:
        """The caller is known; ``by_url``: by a signed URL. Raises AccessDenied."""
        bucket, operation = call.bucket, call.operation
        if operation in _PREFLIGHTS or operation is _SIGNED_INSIDE:
            return
        try:
            self._judge(call, view, by_url=by_url)
        except AccessDenied as refused:
            note_refusal(call, refused)
            raise
        if site.is_visit(bucket, operation, call):
            self.website = read_website(view.bucket_setting(bucket, site.SETTING))

    def _judge(self, call: Call, view: MetaView, *, by_url: bool) -> None:
        bucket = call.bucket
        names, anonymous = bucket.setting_names, call.principal.kind is PrincipalKind.ANONYMOUS
        if _REFERER in names and (anonymous or by_url):
            document = view.bucket_setting(bucket, _REFERER)
            check_referer(document, call.headers.get("referer", ""))
        if payer.SETTING in names:
            said = payer.said_payer(call.headers, call.query)
            self._is_charged = payer.check_payer(view, bucket, call.principal, said, by_url=by_url)
            self.dresses = self.dresses or self._is_charged

    def limit(self, call: Call) -> None:
        """Read the traffic limit the client asks for. Raises InvalidArgument."""
        bits_per_s = read_limit(call.headers, call.query)
        if bits_per_s is not None:
            self.pace = call.body.pace = Pace(bits_per_s)

    def dress(self, headers: dict[str, str], origin: str, method: str) -> None:
        """Add to the headers of an answer, also of an error, what the settings want."""
        if self._is_charged:
            headers["x-oss-request-charged"] = payer.REQUESTER
        if not self._cors:
            return
        for name, value in simple_headers(read_cors(self._cors), origin, method).items():
            varies = name == "Vary" and name in headers
            headers[name] = f"{headers[name]}, {value}" if varies else value


def check_form(call: Call, view: MetaView) -> None:
    """What ``admit`` asks of other requests, for an upload form whose sender is known: ``call``
    has the form's principal, and its fields as headers. Raises AccessDenied."""
    said = payer.said_payer(call.headers, call.query)
    try:
        payer.check_payer(view, call.bucket, call.principal, said)
    except AccessDenied as refused:
        note_refusal(call, refused)
        raise
    refuse_public_grant(call, view)


def refuse_public_grant(call: Call, view: MetaView) -> None:
    """Raise AccessDenied for a public ACL that Block Public Access forbids."""
    header = public_access.granting_header(call.operation, call.headers)
    if not header:
        return
    bucket = call.found_bucket
    blocked = _may_not_open(call, view) if bucket is None else is_blocked(view, bucket)
    if blocked:
        refused = public_access.public_acl_refusal(header)
        note_refusal(call, refused)
        raise refused


def _may_not_open(call: Call, view: MetaView) -> bool:
    """For PutBucket: the account counts, then the bucket if the caller has it already, else what
    new buckets begin with."""
    account_uid = call.principal.account_uid
    if public_access.is_account_blocked(view, account_uid):
        return True
    bucket = view.bucket(call.bucket_name)
    if bucket is None:
        return call.context.oss.block_public_access_default
    return bucket.owner_uid == account_uid and is_blocked(view, bucket)
