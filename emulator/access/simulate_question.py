"""What the policy simulator is asked: reading the question and finding what it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

import msgspec

from emulator.access.credentials import find_credential, parse_policies, principal_of
from emulator.access.identity import (
    ANONYMOUS,
    Principal,
    PrincipalKind,
    RamPolicy,
    root_principal,
    user_principal,
)
from emulator.access.identity_store import IdentityStore
from emulator.access.policy.cache import PolicyCache
from emulator.access.policy.faults import PolicyError
from emulator.access.policy.match import RESOURCE_COLONS, RESOURCE_SEGMENTS
from emulator.access.policy.records import NamedPolicy, PolicyKind
from emulator.access.trust import role_principal

_ACTION = re.compile(r"[A-Za-z0-9_.-]+:[A-Za-z0-9_.:/-]+")
_RAM_ARN = re.compile(
    r"acs:ram::([0-9]+):(?:(root)|user/([^/]+)|role/([^/]+)|assumed-role/([^/]+)/([^/]+))"
)
_STS_ARN = re.compile(r"arn:sts::([0-9]+):assumed-role/([^/]+)/([^/]+)")
_SESSION = "simulated"
_FORMS = (
    "anonymous, an account's uid, acs:ram::<uid>:user/<name>, acs:ram::<uid>:role/<name>, "
    "acs:ram::<uid>:assumed-role/<name>/<session>, or an access key id"
)


class SimulationError(Exception):
    """A question that cannot be answered; ``path`` leads to the field at fault."""

    def __init__(self, path: str, message: str, hint: str = "") -> None:
        self.path = path
        self.message = message
        self.hint = hint
        super().__init__(f"{message} - at `$.{path}`")


class ExtraPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A RAM policy that is not stored, or not attached."""

    name: str
    document: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """May ``principal`` do ``action`` on ``resource``?

    ``resource`` is ``bucket``, ``bucket/key`` or a whole resource name, empty for the service.
    ``policies`` come after the principal's own; ``session_policy`` and ``bucket_policy`` stand in
    place of what is stored, None for as stored. ``context`` gives condition keys their values.
    """

    principal: str
    action: str
    resource: str = ""
    version_id: str = ""
    context: Mapping[str, str | list[str]] = {}
    policies: tuple[ExtraPolicy, ...] = ()
    session_policy: str | None = None
    bucket_policy: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A resource name in its parts; ``relative`` is all of it after the owner."""

    service: str
    region: str
    owner: str
    relative: str

    @property
    def resource(self) -> str:
        """The whole name."""
        return f"acs:{self.service}:{self.region}:{self.owner}:{self.relative}"

    @property
    def bucket(self) -> str:
        """The bucket of an OSS resource, ``""`` of the service and of other services."""
        name = self.relative.partition("/")[0] if self.service == "oss" else ""
        return "" if name == "*" else name

    @property
    def key(self) -> str:
        """The object's key, ``""`` where no object is named."""
        return self.relative.partition("/")[2] if self.service == "oss" else ""

    def in_bucket(self, owner: str, location: str) -> Place:
        """The same place with the owner and region that a request for the bucket has."""
        region = location if self.region in ("", "*") else self.region
        return msgspec.structs.replace(self, owner=owner, region=region)


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """Every policy that is asked, and the texts they were read from."""

    identity: tuple[NamedPolicy, ...]
    session: NamedPolicy | None
    bucket: NamedPolicy | None
    documents: Mapping[tuple[PolicyKind, str], str]

    @property
    def in_order(self) -> tuple[NamedPolicy, ...]:
        """Them all, in the order in which they are asked."""
        session = () if self.session is None else (self.session,)
        bucket = () if self.bucket is None else (self.bucket,)
        return (*session, *self.identity, *bucket)


def check_action(action: str) -> str:
    """The action, if it is one and not a pattern. Raises SimulationError."""
    if not _ACTION.fullmatch(action):
        raise SimulationError(
            "action", f"{action!r} is not one action", "write service:Name, as in oss:GetObject"
        )
    return action


def read_place(question: Question, account_uid: str) -> Place:
    """Where the question is about; the service as a whole is the caller's account's.

    Raises SimulationError.
    """
    service, text = question.action.partition(":")[0].lower(), question.resource
    if not text:
        return Place(service=service, region="*", owner=account_uid, relative="*")
    if not text.startswith("acs:"):
        if service != "oss":
            _refuse_resource(text, "write the whole name, as in acs:kms:cn-hangzhou:1000:key/k")
        _refuse_wildcards(text.partition("/")[0], text)
        return Place(service="oss", region="*", owner="", relative=text)
    segments = text.split(":", RESOURCE_COLONS)
    if len(segments) < RESOURCE_SEGMENTS or not segments[-1]:
        _refuse_resource(text, "write acs:<service>:<region>:<account>:<resource>")
    _, named, region, owner, relative = segments
    if named != service:
        _refuse_resource(text, f"the action {question.action} is about {service}")
    if service == "oss" and relative != "*":
        _refuse_wildcards(relative.partition("/")[0], text)
        return Place(service=named, region=region, owner=owner, relative=relative)
    return Place(service=named, region=region, owner=owner or account_uid, relative=relative)


def _refuse_wildcards(bucket: str, text: str) -> None:
    if not bucket or "*" in bucket or "?" in bucket:
        _refuse_resource(text, "name one bucket, without wildcards")


def _refuse_resource(text: str, hint: str) -> NoReturn:
    raise SimulationError("resource", f"{text!r} is not one resource", hint)


def find_principal(identities: IdentityStore, cache: PolicyCache, text: str) -> Principal:
    """Whom the text names, with the policies that hold now. Raises SimulationError."""
    if text == "anonymous":
        return ANONYMOUS
    try:
        found = _by_name(identities, cache, text)
    except PolicyError as error:
        raise SimulationError("principal", f"a policy of {text} cannot be read: {error}") from error
    if found is None:
        raise SimulationError("principal", f"there is no {text!r}", f"write {_FORMS}")
    return found


def _by_name(identities: IdentityStore, cache: PolicyCache, text: str) -> Principal | None:
    if text.isascii() and text.isdigit():
        return None if identities.account(text) is None else root_principal(text)
    if match := _RAM_ARN.fullmatch(text):
        uid, root, user, role, assumed, session = match.groups()
        if root:
            return None if identities.account(uid) is None else root_principal(uid)
        if user:
            return _user(identities, cache, uid, user)
        return _role(identities, cache, uid, role or assumed, session or _SESSION)
    if match := _STS_ARN.fullmatch(text):
        return _role(identities, cache, *match.groups())
    credential = find_credential(identities, text)
    return None if credential is None else principal_of(identities, cache, credential)


def _user(
    identities: IdentityStore, cache: PolicyCache, account_uid: str, name: str
) -> Principal | None:
    user = identities.user(account_uid, name)
    if user is None:
        return None
    policies = parse_policies(identities.policies_of_user(account_uid, user.name), cache)
    return user_principal(user, policies)


def _role(
    identities: IdentityStore, cache: PolicyCache, account_uid: str, name: str, session: str
) -> Principal | None:
    role = identities.role(account_uid, name)
    if role is None:
        return None
    policies = parse_policies(identities.policies_of_role(account_uid, role.name), cache)
    return role_principal(role, policies, session)


def gather_policies(
    identities: IdentityStore,
    cache: PolicyCache,
    question: Question,
    principal: Principal,
    stored_in_bucket: tuple[str, str] | None,
) -> Policies:
    """The principal's policies and the bucket's, with what the question adds or puts instead.

    ``stored_in_bucket`` is a bucket's name and its policy's text. Raises SimulationError.
    """
    _check_additions(question, principal, has_bucket=stored_in_bucket is not None)
    documents = _stored_documents(identities, principal)

    def read(kind: PolicyKind, name: str, text: str, path: str) -> NamedPolicy:
        documents[kind, name] = text
        try:
            return NamedPolicy(name, cache.get(kind, text))
        except PolicyError as error:
            raise SimulationError(path, f"this is no {kind.value}: {error}") from error

    extra: list[NamedPolicy] = []
    for at, one in enumerate(question.policies):
        if (PolicyKind.RAM, one.name) in documents:
            raise SimulationError(
                f"policies[{at}].name", f"there is another policy named {one.name!r}"
            )
        extra.append(read(PolicyKind.RAM, one.name, one.document, f"policies[{at}].document"))
    session = principal.session_policy
    if question.session_policy is not None:
        session = read(
            PolicyKind.SESSION, principal.session_name, question.session_policy, "session_policy"
        )
    bucket = None
    if stored_in_bucket is not None:
        name, stored = stored_in_bucket
        text = stored if question.bucket_policy is None else question.bucket_policy
        bucket = read(PolicyKind.BUCKET, name, text, "bucket_policy") if text else None
    return Policies(
        identity=(*principal.identity_policies, *extra),
        session=session,
        bucket=bucket,
        documents=documents,
    )


def _check_additions(question: Question, principal: Principal, *, has_bucket: bool) -> None:
    kind = principal.kind
    if question.policies and kind not in (PrincipalKind.USER, PrincipalKind.ROLE):
        raise SimulationError("policies", "only users and roles have RAM policies")
    if question.session_policy is not None and kind is not PrincipalKind.ROLE:
        raise SimulationError("session_policy", "only a role's session has a session policy")
    if question.bucket_policy is not None and not has_bucket:
        raise SimulationError("bucket_policy", "the resource is in no bucket")


def _stored_documents(
    identities: IdentityStore, principal: Principal
) -> dict[tuple[PolicyKind, str], str]:
    """The texts of the policies a principal has, by kind and name."""
    uid, name = principal.account_uid, principal.name
    stored: tuple[RamPolicy, ...] = ()
    if principal.kind is PrincipalKind.USER:
        stored = identities.policies_of_user(uid, name)
    elif principal.kind is PrincipalKind.ROLE:
        stored = identities.policies_of_role(uid, name)
    documents = {(PolicyKind.RAM, policy.name): policy.document for policy in stored}
    session = identities.session(principal.access_key_id) if principal.session_policy else None
    if session is not None and session.policy is not None:
        documents[PolicyKind.SESSION, session.session_name] = session.policy
    return documents
