"""PostObject: an object from an HTML form (OSS PostObject; documented).

Credentials, policy, key and everything about the object are fields of the form. They are checked
in full before the file, which comes last, is read; the file streams to where it is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from emulator.access.identity import ANONYMOUS, Principal
from emulator.domain import errors
from emulator.domain.model import ObjectVersion
from emulator.protocol.addressing import validate_object_key
from emulator.protocol.api.multipart import object_url
from emulator.protocol.api.objects import (
    encrypted,
    encryption_rule,
    store_upload,
    version_header,
)
from emulator.protocol.authentication import authenticate_form, unproven_key
from emulator.protocol.authorisation import authorise, note_refusal
from emulator.protocol.body import ExpectedDigest, receive_content
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.callbacks import read_form_callback, with_callback
from emulator.protocol.context import RequestView
from emulator.protocol.delivery.passage import check_form
from emulator.protocol.forms import (
    Form,
    FormBody,
    FormClaims,
    FormFile,
    SizeRange,
    check_form_policy,
    check_form_signature,
    form_boundary,
    read_form,
    read_form_claims,
    read_form_policy,
)
from emulator.protocol.forms.claims import CREDENTIAL_FIELDS, check_form_time
from emulator.protocol.object_headers import (
    CONTENT_HEADERS,
    encryption_headers,
    quoted,
    read_object_write,
)
from emulator.protocol.operations import operation_named
from emulator.protocol.signing import check_region
from emulator.protocol.xml import XmlWriter

_PUT_OBJECT: Final = operation_named("PutObject")
_CONTENT_TYPE: Final = "content-type"
_OSS_PREFIX: Final = "x-oss-"
_FILE_NAME: Final = "${filename}"
_NO_KEY: Final = (
    "The bucket POST must contain the specified 'key'. If it is specified, please check the order "
    "of the fields."
)
_STATUSES: Final = {"200": 200, "201": 201, "204": 204}
_URL_CHARS_MAX: Final = 8 * 1024


class _Admitted(NamedTuple):
    """A form that may do what it asks, as the PutObject it amounts to."""

    put: Call
    size: SizeRange


async def post_object(call: Call) -> Answer:
    """OSS PostObject; documented."""
    context, headers = call.context, call.headers
    boundary = form_boundary(headers.get(_CONTENT_TYPE, ""))
    body = FormBody(call.body, boundary, context.oss.object_bytes_max, headers.get("content-md5"))
    call.body.require_length()
    form = await read_form(body.stream)
    claims = read_form_claims(form.fields)
    with context.store.read() as view:
        put, size = _admit(call, view, form, claims)
    write = read_object_write(put.key, put.headers, call.bucket, encryption_rule(call))
    # Who is told of the upload hears of a PostObject by this caller.
    call.principal, call.key = put.principal, put.key
    callback = read_form_callback(call, form.fields)
    expected = ExpectedDigest(None, form.fields.get("x-oss-hash-crc64ecma"))
    file = FormFile(body, size)
    write, sealing = await encrypted(call, write)
    content = await receive_content(file, context.blobs, context.oss, expected, sealing=sealing)
    version = await store_upload(call, write, content)
    answer = _answer(call, form, version)
    return await with_callback(call, callback, version, answer)


def _admit(call: Call, view: RequestView, form: Form, claims: FormClaims | None) -> _Admitted:
    """Check credentials, policy and permission in one consistent reading.

    Without credentials the request is anonymous: that is enough where everybody may write
    (documented).
    """
    principal, size = ANONYMOUS, SizeRange()
    if claims is not None:
        principal = _authenticate(call, view, claims)
        policy = read_form_policy(claims.policy)
        try:
            check_form_policy(policy, _policy_values(call, form), call.now_ms)
        except errors.AccessDenied as refused:
            call.principal = principal
            note_refusal(call, refused)
            raise
        size = policy.size
    put = _as_put(call, form, principal)
    authorise(put, view)
    check_form(put, view)
    return _Admitted(put, size)


def _authenticate(call: Call, view: RequestView, form: FormClaims) -> Principal:
    context = call.context
    try:
        if context.oss.strict_signing_region:
            check_region(form.claims, call.bucket.region)
        if context.oss.check_signing_time:
            check_form_time(form, call.now_ms)
        caller = authenticate_form(
            context,
            view,
            form.claims,
            call.now_ms,
            lambda secret: check_form_signature(form, secret),
        )
    except errors.OssError as refused:
        call.principal = unproven_key(view, form.claims.access_key_id)
        note_refusal(call, refused)
        raise
    return caller.principal


def _policy_values(call: Call, form: Form) -> dict[str, str]:
    """What the conditions of a policy look at. The type is that of the file's part where no field
    gives one (inferred: a browser's form has no other)."""
    values = dict(form.fields)
    values["bucket"] = call.bucket.name
    values.setdefault(_CONTENT_TYPE, form.file.content_type)
    return values


def _as_put(call: Call, form: Form, principal: Principal) -> Call:
    """The PutObject that a form amounts to: same object, same permissions."""
    fields = form.fields
    key = fields.get("key", "")
    if not key:
        raise errors.InvalidArgument(_NO_KEY, name="key")
    key = key.replace(_FILE_NAME, _base_name(form.file.filename or ""))
    validate_object_key(key)
    put = copy.copy(call)
    put.operation, put.principal, put.key = _PUT_OBJECT, principal, key
    put.headers = _object_headers(call, form)
    return put


def _base_name(filename: str) -> str:
    """The name of a file without its folders, which some browsers send (inferred)."""
    return filename.replace("\\", "/").rpartition("/")[2]


def _object_headers(call: Call, form: Form) -> Mapping[str, str]:
    """The fields that a PutObject would have as headers.

    ``x-oss-content-type`` goes before ``Content-Type``, that before the type of the file's part;
    the ACL may also stand in a header of the request (documented).
    """
    fields = form.fields
    headers = {
        name: value
        for name, value in fields.items()
        if name in CONTENT_HEADERS
        or (name.startswith(_OSS_PREFIX) and name not in CREDENTIAL_FIELDS)
    }
    kind = headers.pop("x-oss-content-type", "") or headers.get(_CONTENT_TYPE, "")
    kind = kind or form.file.content_type
    headers.pop(_CONTENT_TYPE, None)
    if kind:
        headers[_CONTENT_TYPE] = kind
    for name in ("x-oss-object-acl", "user-agent"):
        if name in call.headers:
            headers.setdefault(name, call.headers[name])
    return headers


def _answer(call: Call, form: Form, version: ObjectVersion) -> Answer:
    """What a browser is sent: to another page, or a status with or without a document."""
    fields, bucket = form.fields, call.bucket
    headers = {
        "ETag": quoted(version.etag),
        "x-oss-hash-crc64ecma": str(version.crc64),
        **encryption_headers(version.encryption_json),
        **version_header(bucket, version.version_id),
    }
    place = _redirect(fields.get("success_action_redirect", ""), bucket.name, version)
    if place:
        return Answer(status=303, headers={**headers, "Location": place})
    status = _STATUSES.get(fields.get("success_action_status", ""), 204)
    if status != 201:
        return Answer(status=status, headers=headers)
    document = XmlWriter("PostResponse")
    document.element("Bucket", bucket.name)
    document.element("ETag", quoted(version.etag))
    document.element("Key", version.key)
    document.element("Location", object_url(call, bucket, version.key))
    answer = xml_answer(document.to_bytes(), headers)
    return Answer(status=status, headers=answer.headers, body=answer.body)


def _redirect(url: str, bucket: str, version: ObjectVersion) -> str:
    """Where to send a browser, ``""`` for nowhere: what is no URL is left out (inferred). The
    bucket, key and ETag are added to its query (inferred)."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > _URL_CHARS_MAX:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return ""
    added = urlencode({"bucket": bucket, "key": version.key, "etag": quoted(version.etag)})
    query = f"{parts.query}&{added}" if parts.query else added
    return urlunsplit(parts._replace(query=query))


HANDLERS: Mapping[str, Handler] = {"PostObject": post_object}
