"""Fresh buckets, rules and roles for tests that drive a real server with vendor clients.

Buckets are made and used through region hosts (``src.oss-cn-hangzhou.aliyuncs.com``), whose
connections are led to the server under test: the clients are told nothing of it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import oss2
import requests
from oss2.models import BucketVersioningConfig, ReplicationRule
from requests.adapters import HTTPAdapter

from tests.support.clients import auth_of
from tests.support.process import KEY_A, KEY_B, SECRET_A, SECRET_B, UID_A, UID_B, EmulatorProcess
from tests.support.rpc import CoreClient, Keys

HANGZHOU, SHANGHAI, BEIJING = "cn-hangzhou", "cn-shanghai", "cn-beijing"
FULL_ACCESS = "AliyunOSSRole"  # of the world: trusts OSS, has AliyunOSSFullAccess
LIST, GET, PUT, DELETE = (f"oss:Replicate{what}" for what in ("List", "Get", "Put", "Delete"))
TRUSTS_OSS = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": ["oss.aliyuncs.com"]},
        }
    ],
}
_UIDS = {"a": UID_A, "b": UID_B}
_NAMES = {"a": "account-a", "b": "account-b"}
_ENTRY = re.compile(r"<(Version|DeleteMarker)>(.*?)</\1>", re.DOTALL)


class RoutedAdapter(HTTPAdapter):
    """Leads every connection to one address, as a hosts file would; Host stays what it was."""

    def __init__(self, port: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=4)
        self._address = f"127.0.0.1:{port}"

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Send to the server under test."""
        assert request.url is not None
        scheme, _, rest = request.url.partition("://")
        host, slash, path = rest.partition("/")
        request.headers["Host"] = host
        request.url = f"{scheme}://{self._address}{slash}{path}"
        return super().send(request, *args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a key's stack as ListObjectVersions shows it."""

    version_id: str
    is_marker: bool
    is_latest: bool


class Lab:
    """Makes things with fresh names on one server and looks at them.

    ``signature`` is the version every client signs with. ``clear`` deletes the rules made here, so
    that work that is refused for ever does not follow other tests.
    """

    def __init__(self, server: EmulatorProcess, *, signature: str = "v1") -> None:
        self.server = server
        self.signature = signature
        self._session = oss2.Session(adapter=RoutedAdapter(server.port))
        self._rules: list[tuple[oss2.Bucket, str]] = []
        self._regions: dict[str, str] = {}

    # buckets

    def client(self, name: str, account: str = "a", region: str = HANGZHOU) -> oss2.Bucket:
        """A client of a bucket in virtual-host style under the region's own host."""
        endpoint = f"http://oss-{region}.aliyuncs.com"
        return oss2.Bucket(
            auth_of(account, self.signature), endpoint, name, session=self._session, region=region
        )

    def create(
        self, label: str, *, account: str = "a", region: str = HANGZHOU, versioned: bool = False
    ) -> oss2.Bucket:
        """A new bucket, its name the label and a number."""
        bucket = self.client(fresh(label), account, region)
        bucket.create_bucket()
        self._regions[bucket.bucket_name] = region
        if versioned:
            set_versioning(bucket, "Enabled")
        return bucket

    def pair(
        self, *, versioned: bool = False, account: str = "a", region: str = HANGZHOU
    ) -> tuple[oss2.Bucket, oss2.Bucket]:
        """A source bucket of account A in Hangzhou, and a destination where it is said to be."""
        source = self.create("source", versioned=versioned)
        return source, self.create("target", account=account, region=region, versioned=versioned)

    # rules

    def rule_of(self, destination: oss2.Bucket, **fields: Any) -> ReplicationRule:
        """A rule to a bucket of this lab; the sync role has full access unless one is given."""
        fields.setdefault("sync_role_name", FULL_ACCESS)
        fields.setdefault("target_bucket_location", f"oss-{self._regions[destination.bucket_name]}")
        return ReplicationRule(target_bucket_name=destination.bucket_name, **fields)

    def add_rule(self, source: oss2.Bucket, destination: oss2.Bucket, **fields: Any) -> str:
        """Make a rule with oss2; the id the server gave it."""
        result = source.put_bucket_replication(self.rule_of(destination, **fields))
        return self._made(source, str(result.headers["x-oss-replication-rule-id"]))

    def add_xml(self, source: oss2.Bucket, body: str) -> str:
        """Make a rule from XML that oss2 has no words for; the id the server gave it."""
        response = post(source, {"replication": "", "comp": "add"}, body)
        return self._made(source, str(response.headers["x-oss-replication-rule-id"]))

    def _made(self, source: oss2.Bucket, rule_id: str) -> str:
        self._rules.append((source, rule_id))
        return rule_id

    def replicate(
        self, *, versioned: bool = False, actions: Sequence[str] = ("ALL",), **fields: Any
    ) -> tuple[oss2.Bucket, oss2.Bucket]:
        """A pair of account A with a rule that is ``doing``."""
        source, destination = self.pair(versioned=versioned)
        self.add_rule(source, destination, action_list=list(actions), **fields)
        self.settle()
        return source, destination

    def settle(self) -> Any:
        """Run what is due, stepping the clock until quiet."""
        return self.server.settle()

    def clear(self) -> None:
        """Delete the rules made here and let them go."""
        for source, rule_id in self._rules:
            try:
                source.delete_bucket_replication(rule_id)
            except oss2.exceptions.ServerError as error:
                if error.status != 404:
                    raise
        self._rules.clear()
        self.settle()
        self._session.session.close()

    # keys

    def kms(self, action: str, account: str = "a", **parameters: Any) -> dict[str, Any]:
        """A call of KMS by an account itself."""
        keys = Keys(KEY_A, SECRET_A) if account == "a" else Keys(KEY_B, SECRET_B)
        client = CoreClient(self.server, keys)
        try:
            return client("kms", action, **parameters)
        finally:
            client.close()

    def key(self, account: str = "a") -> tuple[str, str]:
        """Id and ARN of a new key in Hangzhou."""
        made = self.kms("CreateKey", account)["KeyMetadata"]
        return made["KeyId"], made["Arn"]

    # roles

    def role(self, statements: Sequence[Mapping[str, object]] = (), **fields: Any) -> str:
        """A new role of account A whose own policy has these statements; its name."""
        name = fields.pop("name", "") or f"Role-{next(_NUMBERS)}"
        self.put_role(name, statements, **fields)
        return str(name)

    def put_role(
        self,
        name: str,
        statements: Sequence[Mapping[str, object]] = (),
        *,
        trust: Mapping[str, object] = TRUSTS_OSS,
    ) -> None:
        """Write the role and its policy through the control API."""
        role: dict[str, object] = {"name": name, "trust": trust}
        account: dict[str, object] = {"uid": UID_A, "name": _NAMES["a"], "roles": [role]}
        if statements:
            document = {"Version": "1", "Statement": list(statements)}
            account["policies"] = [{"name": f"of-{name}", "document": document}]
            role["policies"] = [f"of-{name}"]
        self.server.load_world(json.dumps({"accounts": [account]}))


_NUMBERS = itertools.count(1)


def fresh(label: str) -> str:
    """A name nobody had before in this run."""
    return f"{label}-{next(_NUMBERS)}"


def allow(actions: Iterable[str], bucket: oss2.Bucket | str) -> dict[str, object]:
    """A RAM policy statement that allows actions on a bucket and its objects."""
    name = bucket if isinstance(bucket, str) else bucket.bucket_name
    resources = [f"acs:oss:*:*:{name}", f"acs:oss:*:*:{name}/*"]
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources}


def bucket_policy(
    bucket: oss2.Bucket,
    actions: Iterable[str],
    role: str,
    *,
    owner: str = "b",
    effect: str = "Allow",
) -> str:
    """A bucket policy about account A's role ``role``, spelled as given."""
    name, uid = bucket.bucket_name, _UIDS[owner]
    statement = {
        "Effect": effect,
        "Action": list(actions),
        "Principal": [f"arn:sts::{UID_A}:assumed-role/{role}/*"],
        "Resource": [f"acs:oss:*:{uid}:{name}", f"acs:oss:*:{uid}:{name}/*"],
    }
    return json.dumps({"Version": "1", "Statement": [statement]})


def set_versioning(bucket: oss2.Bucket, status: str) -> None:
    """PutBucketVersioning."""
    config = BucketVersioningConfig()
    config.status = status
    bucket.put_bucket_versioning(config)


def post(bucket: oss2.Bucket, params: Mapping[str, str], body: str) -> Any:
    """A signed POST to the bucket with a body of our own."""
    return bucket._do("POST", bucket.bucket_name, "", params=dict(params), data=body.encode())


def get_text(bucket: oss2.Bucket, **params: str) -> str:
    """The text of a signed GET of the bucket, for what oss2 does not show of an answer."""
    answer: bytes = bucket._do("GET", bucket.bucket_name, "", params=params).read()
    return answer.decode()


def stack(bucket: oss2.Bucket, key: str) -> list[Entry]:
    """The entries of a key, newest first."""
    text = get_text(bucket, versions="", prefix=key)
    found: list[Entry] = []
    for match in _ENTRY.finditer(text):
        inner = match[2]
        if _text(inner, "Key") == key:
            found.append(
                Entry(
                    version_id=_text(inner, "VersionId"),
                    is_marker=match[1] == "DeleteMarker",
                    is_latest=_text(inner, "IsLatest") == "true",
                )
            )
    return found


def _text(inner: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", inner, re.DOTALL)
    assert found is not None, f"no {tag} in {inner}"
    return found[1]


def content(bucket: oss2.Bucket, key: str, version_id: str = "") -> bytes | None:
    """The bytes of an object or of one of its versions; ``None`` if there is none."""
    params = {"versionId": version_id} if version_id else None
    try:
        read: bytes = bucket.get_object(key, params=params).read()
    except oss2.exceptions.ServerError as error:
        if error.status != 404:
            raise
        return None
    return read


def keys_of(bucket: oss2.Bucket) -> list[str]:
    """Every key of the bucket that is listed."""
    return [item.key for item in oss2.ObjectIteratorV2(bucket)]


def rule_xml(destination: oss2.Bucket, region: str, inner: str) -> str:
    """A request for one rule to ``destination``, with ``inner`` before the Destination element."""
    target = f"<Bucket>{destination.bucket_name}</Bucket><Location>oss-{region}</Location>"
    return (
        f"<ReplicationConfiguration><Rule>{inner}<Destination>{target}</Destination></Rule>"
        "</ReplicationConfiguration>"
    )


def tag_filter_xml(filter_type: str, tags: Mapping[str, str]) -> str:
    """The UserTaggings element."""
    pairs = "".join(
        f"<UserTagging><Key>{key}</Key><Value>{value}</Value></UserTagging>"
        for key, value in tags.items()
    )
    return f"<UserTaggings><FilterType>{filter_type}</FilterType>{pairs}</UserTaggings>"


# What each answer has of its own.
_OF_THE_ANSWER = {"Date", "x-oss-request-id", "x-oss-server-time", "Server"}


def face(bucket: oss2.Bucket, key: str, version_id: str = "") -> dict[str, object]:
    """Everything a client can see of an object or version: headers, bytes, ACL, tags."""
    params = {"versionId": version_id} if version_id else None
    result = bucket.get_object(key, params=params)
    headers = {
        f"header {name}": value
        for name, value in result.headers.items()
        if name not in _OF_THE_ANSWER
    }
    return {
        **headers,
        "body": result.read(),
        "acl": bucket.get_object_acl(key, params=params).acl,
        "tags": bucket.get_object_tagging(key, params=params).tag_set.tagging_rule,
    }


def put_rich(bucket: oss2.Bucket, key: str, body: bytes) -> Any:
    """An object with everything a replica has to keep."""
    headers = {
        "x-oss-meta-colour": "Blue",
        "x-oss-object-acl": "public-read",
        "x-oss-tagging": "team=a&tier=1",
        "x-oss-storage-class": "IA",
        "Content-Type": "text/x-note",
        "Cache-Control": "max-age=7",
        "Content-Disposition": 'attachment; filename="n.txt"',
        "Content-Encoding": "identity",
        "Content-Language": "de",
        "Expires": "Fri, 28 Feb 2031 05:38:42 GMT",
    }
    return bucket.put_object(key, body, headers=headers)
