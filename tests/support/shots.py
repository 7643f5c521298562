"""Requests as nobody should send them: the good request of each operation with something wrong.

A shot begins with the request of the operation's ``Case`` and gets odd values, names, documents,
methods and callers. What stands for an upload or a rule is filled in when it is fired.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from emulator.protocol.handlers import handlers
from emulator.protocol.operations.find import OPERATIONS
from emulator.protocol.operations.model import Level, Operation
from emulator.protocol.operations.names import PARAMETERS, QUALIFIERS
from emulator.protocol.signing import Scheme
from tests.support.cases import all_cases
from tests.support.cases.forms import BARE, BUCKET, RULE_ID
from tests.support.hostile import signed_raw, unsigned_head
from tests.support.operations import call_of
from tests.support.wire import Call

Pairs = tuple[tuple[str, str], ...]
Query = tuple[tuple[str, str | None], ...]
CASES = all_cases()
BUILT = sorted(handlers(), key=lambda operation: operation.name)
SHOTS_EACH = 30  # so many for every built operation, one with another


class Shot(NamedTuple):
    """One generated request."""

    method: str
    bucket: str
    key: str
    query: Query
    headers: Pairs
    body: bytes
    account: str
    scheme: Scheme
    chunked: bool


ODD = (
    *("", "0", "-1", "1", "1000", "1001", "2147483648", "9" * 25, "9" * 400, "null", "url"),
    *("true", "false", "TRUE", "private", "public-read", "default", "Standard", "IA", "*", "{}"),
    *("../..", "%00", "%zz", "a/b", "é", "🦀", "x" * 1024, "' OR 1=1", "<a>&amp;", "=&="),
    *("bytes=0-4", "bytes=-1", "bytes=5-2", "Tue, 02 Jan 2024 03:04:05 GMT", "/public/page"),
    *("/versioned/key?versionId=null", "k=v&k2=v2", "kAFQmDzST7DWlj99KOF/cg==", "start-after"),
    *("10000", "10001", "1.5", "1e3", "NaN", "Infinity", "0x10", "٣", "245760", "838860801"),
    *("Enabled", "Disabled", "Archive", "ColdArchive", "DeepColdArchive", "AES256", "KMS", "SM4"),
    *("bytes=0-1," * 60 + "2-3", "bytes=0-", "bytes=0-" + "9" * 30, "http://a.test", "null.test"),
    *("2099-01-01T00:00:00.000Z", "0000-00-00T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
    *("e30=", "eyJjYWxsYmFja1VybCI6Imh0dHA6Ly8xMjcuMC4wLjE6MS8iLCJjYWxsYmFja0JvZHkiOiJ4In0="),
    *("http://169.254.169.254/", "a\tb", "\u202e", "COMPLIANCE", "Requester", "key=a&value=b"),
)
ODD_LETTERS = "aZ09 ~!$&'()*+,;=:@/?#[]<>\"\\^`{|}%\t\x7f\x80\xff\u0100é中🦀\u200b\ufeff\uffff"
HEADER_NAMES = sorted(
    {name for case in CASES.values() for name, _ in (*case.good.headers, *case.malformed.headers)}
    | {
        *("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
        *("content-md5", "content-type", "content-encoding", "cache-control", "expires", "expect"),
        *("content-disposition", "content-language", "accept-encoding", "referer", "origin"),
        *("access-control-request-method", "access-control-request-headers", "user-agent"),
        *("x-oss-acl", "x-oss-object-acl", "x-oss-storage-class", "x-oss-tagging", "x-oss-meta-a"),
        *("x-oss-meta-a_b", "x-oss-forbid-overwrite", "x-oss-copy-source", "x-oss-range-behavior"),
        *("x-oss-metadata-directive", "x-oss-tagging-directive", "x-oss-hash-crc64ecma"),
        *("x-oss-copy-source-if-match", "x-oss-copy-source-if-none-match"),
        *("x-oss-copy-source-if-modified-since", "x-oss-copy-source-range"),
        *("x-oss-server-side-encryption", "x-oss-server-side-encryption-key-id"),
        *("x-oss-server-side-data-encryption", "x-oss-callback", "x-oss-callback-var"),
        *("x-oss-security-token", "security-token", "x-oss-date", "date", "upgrade", "x-oss-x"),
        *("x-oss-symlink-target", "x-oss-complete-all", "x-oss-traffic-limit", "x-oss-restore"),
        *("x-oss-request-payer", "x-oss-object-type", "x-oss-next-append-position"),
        *("x-oss-bucket-object-worm-enabled", "x-oss-object-worm-mode"),
        *("x-oss-object-worm-retain-until-date", "x-oss-object-worm-legal-hold"),
        *("x-oss-bypass-governance-retention", "x-oss-hash-ctx", "x-oss-md5-ctx"),
        *("x-oss-access-point-name", "x-oss-resource-group-id", "x-ossemu-source-vpc"),
        *("x-oss-ac-source-ip", "x-oss-ac-subnet-mask", "x-oss-ac-vpc-id", "x-oss-process"),
    }
)
BUCKETS = ("public", "versioned", "locked", "dest-bucket", "brand-new", "no-such-b", "src-bucket")
BUCKET_NAMES = (*[BUCKET] * 30, *BUCKETS, "a", "A_b", "..", "x" * 64)
OBJECT_KEYS = ("key", "plain", "gone", "page", "secret", "cold", "link", "loop", "log", "k" * 1024)
HOW_MANY = (0, 0, 0, 0, 1, 1, 2)
QUERY_NAMES = sorted(
    {"vip", "udf", "x-oss-process", "unknown", "x-oss-unknown"}
    | {each.sub_resource for each in OPERATIONS if each.sub_resource}
    | PARAMETERS
    | QUALIFIERS
)
DOCUMENTS = sorted(
    {call.body for case in CASES.values() for call in (case.good, case.malformed)}
    | {
        b"<CreateBucketConfiguration><StorageClass>IA</StorageClass></CreateBucketConfiguration>",
        b"<ReplicationConfiguration><Rule><Destination><Bucket>dest-bucket</Bucket><Location>"
        b"oss-cn-shanghai</Location></Destination><SyncRole>roleNameTest</SyncRole></Rule>"
        b"</ReplicationConfiguration>",
        b"<RestoreRequest><Days>2</Days><JobParameters><Tier>Bulk</Tier></JobParameters>"
        b"</RestoreRequest>",
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>"
        b"<Part><PartNumber>2</PartNumber><ETag>y</ETag></Part></CompleteMultipartUpload>",
        b"<LifecycleConfiguration><Rule><Prefix/><Status>Enabled</Status><Filter><Not>"
        b"<Prefix>a</Prefix></Not></Filter><Transition><CreatedBeforeDate>2099-01-01T00:00:00.000Z"
        b"</CreatedBeforeDate><StorageClass>IA</StorageClass></Transition><AbortMultipartUpload>"
        b"<Days>1</Days></AbortMultipartUpload></Rule></LifecycleConfiguration>",
        b"<WebsiteConfiguration><RoutingRules><RoutingRule><RuleNumber>1</RuleNumber><Condition>"
        b"<KeyPrefixEquals>a</KeyPrefixEquals></Condition><Redirect><RedirectType>Internal"
        b"</RedirectType><ReplaceKeyWith>b${key}</ReplaceKeyWith></Redirect></RoutingRule>"
        b"</RoutingRules></WebsiteConfiguration>",
        b'{"Version": "1", "Statement": [{"Effect": "Deny", "Action": ["oss:GetObject"], '
        b'"Principal": ["*"], "Resource": ["acs:oss:*:*:public/*"]}]}',
        b"\x1f\x8b\x08\xff",
    }
)
_TEXT_OF = re.compile(rb">([^<>]+)<")
_ELEMENT = re.compile(rb"<(\w+)>[^<>]*</\1>")


def shots(seed: int, times: int = SHOTS_EACH) -> Iterator[Shot]:
    """So many shots for each row of the table, built or not, in an order nobody chose."""
    chance = random.Random(seed)
    rows = [*BUILT * times, *(each for each in OPERATIONS if each.name not in CASES)]
    chance.shuffle(rows)
    return (shot_of(operation, chance) for operation in rows)


def shot_of(operation: Operation, chance: random.Random) -> Shot:
    """One operation: its good request, or the least one that selects it, and what spoils it."""
    case = CASES.get(operation.name)
    asked = case.good if case is not None else call_of(operation, BUCKET)
    bucket, key = asked.bucket, asked.key
    if bucket == BUCKET and operation.name != "DeleteBucket":
        bucket = chance.choice(BUCKET_NAMES)
    if operation.level is Level.OBJECT and chance.random() < 0.3:
        key = chance.choice(OBJECT_KEYS) if chance.random() < 0.7 else odd_text(chance) or "x"
    return Shot(
        method=chance.choice([asked.method] * 20 + ["PATCH", "OPTIONS", "POST", "HEAD"]),
        bucket="brand-new" if bucket == BARE else bucket,
        key=key,
        query=tuple(changed(asked.query, QUERY_NAMES, chance)),
        headers=tuple(
            (name, "".join(c for c in value or "" if c >= " " and c != "\x7f"))
            for name, value in changed(asked.headers, HEADER_NAMES, chance)
        ),
        body=changed_body(asked.body, chance),
        account=chance.choice(["a", "a", "a", "a", "a", "a", "b", ""]),
        scheme=chance.choice([Scheme.V4, Scheme.V4, Scheme.V1, Scheme.V2]),
        chunked=chance.random() < 0.1,
    )


def odd_text(chance: random.Random) -> str:
    """A value nobody expects."""
    if chance.random() < 0.6:
        return chance.choice(ODD)
    return "".join(chance.choices(ODD_LETTERS, k=chance.randint(0, 20)))


def changed(
    pairs: Query | Pairs, names: Sequence[str], chance: random.Random
) -> list[tuple[str, str | None]]:
    """Names with values: some added, and one with another value, doubled or dropped."""

    def value() -> str | None:
        return odd_text(chance) if chance.random() < 0.8 else None

    made: list[tuple[str, str | None]] = list(pairs)
    if made:
        at = chance.randrange(len(made))
        match chance.randrange(12):
            case 0 | 1 | 2:
                made[at] = (made[at][0], value())
            case 3:
                made.append(made[at])
            case 4:
                made.pop(at)
            case _:
                pass
    for _ in range(chance.choice(HOW_MANY)):
        made.append((chance.choice(names), value()))
    return made


def changed_body(good: bytes, chance: random.Random) -> bytes:
    """The document of a request, or another one; whole, or with something replaced in it."""
    body = good if chance.random() < 0.75 else chance.choice(DOCUMENTS)
    place = chance.randint(0, len(body))
    match chance.randrange(12) if body else 11:
        case 0:
            return body[:place]
        case 1:
            return body[:place] + chance.randbytes(chance.randint(1, 4)) + body[place + 1 :]
        case 2:
            return body + body[place:]
        case 3:
            return body[:place] + b"A" * chance.choice([10, 1030, 70_000]) + body[place:]
        case 4 | 5 | 6 as kind:
            return _changed_element(body, kind, chance)
        case _:
            return body


def _changed_element(body: bytes, kind: int, chance: random.Random) -> bytes:
    """A document with another text in one element, or with one element dropped or repeated."""
    found = list((_TEXT_OF if kind == 4 else _ELEMENT).finditer(body))
    if not found:
        return body
    match = chance.choice(found)
    if kind == 4:
        value = odd_text(chance).replace("&", "&amp;").replace("<", "&lt;").encode()
        return body[: match.start(1)] + value + body[match.end(1) :]
    times = 0 if kind == 5 else chance.choice([2, 3, 1001])
    return body[: match.start()] + match.group() * times + body[match.end() :]


def filled(shot: Shot, names: dict[str, str]) -> Shot:
    """A shot with the bucket, the upload and the rule it is about."""
    return shot._replace(
        bucket=names.get(shot.bucket, shot.bucket),
        query=tuple((name, names.get(value or "", value)) for name, value in shot.query),
        body=shot.body.replace(RULE_ID.encode(), names[RULE_ID].encode()),
    )


def written(shot: Shot) -> bytes:
    """The request as it goes over the wire."""
    asked = Call(shot.method, shot.bucket, shot.key, shot.query, shot.headers, shot.body)
    if not shot.account:
        return unsigned_head(asked) + shot.body
    framing = [("transfer-encoding", "chunked")] if shot.chunked else []
    body = shot.body
    if shot.chunked:
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    target = unsigned_head(asked).split(b" ", 2)[1].decode()
    head = signed_raw(
        shot.method,
        target,
        bucket=shot.bucket,
        key=shot.key,
        query=shot.query,
        headers=shot.headers,
        unsigned=framing,
        account=shot.account,
        scheme=shot.scheme,
        length=None if shot.chunked else len(shot.body),
    )
    return head + body
