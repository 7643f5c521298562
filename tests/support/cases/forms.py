"""How the operations are asked, rightly and wrongly."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.wire import Call

NOWHERE = "no-such-bucket-x"
BUCKET, BARE = "{bucket}", "{bare}"  # stand for the fresh buckets of a test

Query = tuple[tuple[str, str | None], ...]
ADD: Query = (("replication", None), ("comp", "add"))
DROP: Query = (("replication", None), ("comp", "delete"))
SUSPENDED = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
TAGS = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
RULE = b"""<ReplicationConfiguration><Rule><Destination><Bucket>public</Bucket>
<Location>oss-cn-hangzhou</Location></Destination><SyncRole>AliyunOSSRole</SyncRole></Rule>
</ReplicationConfiguration>"""
NO_RULE = b"<ReplicationRules><ID>none</ID></ReplicationRules>"
RULE_ID = "{rule}"  # stands for the rule of src-bucket
UPLOAD = "{upload}"  # stands for an upload of the key "key" with one part
RTC = b"<ReplicationRule><RTC><Status>disabled</Status></RTC><ID>{rule}</ID></ReplicationRule>"
POLICY = b"""{"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:GetObject"],
"Principal": ["2000000000000002"], "Resource": ["acs:oss:*:*:b/*"]}]}"""


class Case(NamedTuple):
    """One built operation: a request that works, one that is malformed, and what is said to it.

    ``found`` is the status of the good request, ``missing_key`` that for a key nobody put, and
    ``missing_code`` what is said then.
    """

    good: Call
    malformed: Call
    code: str
    found: int = 200
    missing_key: int = 404
    missing_code: str = "NoSuchKey"


def at(method: str, *query: tuple[str, str | None], body: bytes = b"", **headers: str) -> Call:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Call(method, BUCKET, "", query, pairs, body)


def on(method: str, *query: tuple[str, str | None], body: bytes = b"", **headers: str) -> Call:
    return at(method, *query, body=body, **headers)._replace(key="key")


BAD_VERSION = ("versionId", "")
