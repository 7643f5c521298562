"""Raw targets and Host values: which bucket, which key, which query, or which refusal."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.domain.buckets import check_name
from emulator.domain.errors import (
    InvalidArgument,
    InvalidBucketName,
    InvalidObjectName,
    OssError,
)
from emulator.protocol.addressing import (
    KEY_BYTES_MAX,
    Style,
    Target,
    decode_key,
    read_target,
    validate_object_key,
)
from emulator.protocol.operations import Level

DOMAINS = ("localhost", "aliyuncs.com")
HANGZHOU = "cn-hangzhou"


def read(target: str, host: str = "127.0.0.1:9480") -> Target:
    return read_target(target, host, DOMAINS)


def place(target: str, host: str) -> tuple[str, str, str]:
    found = read(target, host)
    return found.bucket, found.key, found.region


PATH_HOSTS = [
    ("127.0.0.1", ""),
    ("127.0.0.1:9480", ""),
    ("[::1]", ""),
    ("[::1]:9480", ""),
    ("::1", ""),
    ("localhost", ""),
    ("LOCALHOST:9480", ""),
    ("localhost.", ""),
    ("emulator:9480", ""),
    ("storage.example.com", ""),
    ("", ""),
    ("user@bucket.localhost", ""),
    ("bucket .localhost", ""),
    ("bücket.localhost", ""),
    ("a:b:c.localhost", ""),
    ("aliyuncs.com", ""),
    ("sts.aliyuncs.com", ""),
    ("kms.cn-hangzhou.aliyuncs.com", ""),
    (("x" * 300) + ".localhost", ""),
    (".localhost", ""),
    ("oss.localhost", ""),
    ("s3.oss.localhost", ""),
    ("oss-cn-hangzhou.aliyuncs.com", HANGZHOU),
    ("oss-cn-hangzhou.aliyuncs.com:80", HANGZHOU),
    (".oss-cn-hangzhou.aliyuncs.com", HANGZHOU),
    ("OSS-CN-Hangzhou.Aliyuncs.Com.", HANGZHOU),
    ("oss-cn-hangzhou-internal.aliyuncs.com", HANGZHOU),
    ("oss-cn-hangzhou.localhost:9480", HANGZHOU),
    ("oss-cn-hangzhou-internal.localhost", HANGZHOU),
    ("s3.oss-cn-hangzhou.aliyuncs.com", HANGZHOU),
    ("oss-ap-southeast-1.localhost", "ap-southeast-1"),
    ("oss-accelerate.aliyuncs.com", ""),
    ("cn-hangzhou.oss.aliyuncs.com", HANGZHOU),
]


@pytest.mark.parametrize(("host", "region"), PATH_HOSTS)
def test_host_without_a_bucket_leaves_the_bucket_to_the_path(host: str, region: str) -> None:
    found = read("/src-bucket/a/b", host)
    assert (found.bucket, found.key, found.region) == ("src-bucket", "a/b", region)
    assert found.style is Style.PATH
    assert read("/", host).level is Level.SERVICE


BUCKET_HOSTS = [
    ("src-bucket.localhost", ""),
    ("src-bucket.localhost:9480", ""),
    ("SRC-Bucket.LOCALHOST.:9480", ""),
    ("src-bucket.localhost.", ""),
    ("src-bucket.oss.localhost", ""),
    ("src-bucket.oss-cn-hangzhou.localhost:9480", HANGZHOU),
    ("src-bucket.oss-cn-hangzhou-internal.localhost", HANGZHOU),
    ("src-bucket.oss-cn-hangzhou.aliyuncs.com", HANGZHOU),
    ("src-bucket.oss-cn-hangzhou-internal.aliyuncs.com:80", HANGZHOU),
    ("src-bucket.oss-us-west-1.aliyuncs.com", "us-west-1"),
    ("src-bucket.oss-accelerate.aliyuncs.com", ""),
    ("src-bucket.oss-accelerate-overseas.aliyuncs.com", ""),
    ("src-bucket.cn-hangzhou.oss.aliyuncs.com", HANGZHOU),
    ("src-bucket.s3.oss-cn-hangzhou.aliyuncs.com", HANGZHOU),
    ("src-bucket.s3.oss.localhost", ""),
]


@pytest.mark.parametrize(("host", "region"), BUCKET_HOSTS)
def test_host_with_a_bucket_leaves_the_whole_path_to_the_key(host: str, region: str) -> None:
    found = read("/a/b", host)
    assert (found.bucket, found.key, found.region) == ("src-bucket", "a/b", region)
    assert found.style is Style.VIRTUAL_HOST
    assert read("/", host).level is Level.BUCKET


def test_bucket_that_merely_starts_like_an_endpoint_is_a_bucket() -> None:
    assert place("/k", "oss-data.localhost") == ("oss-data", "k", "")


def test_longest_base_domain_wins() -> None:
    domains = ("localhost", "oss.example.localhost")
    assert read_target("/k", "src-bucket.oss.example.localhost", domains).bucket == "src-bucket"


@pytest.mark.parametrize("host", ["a.b.localhost", "a..localhost", "-a.localhost", "ab.localhost"])
def test_host_with_an_impossible_bucket_is_refused(host: str) -> None:
    with pytest.raises(InvalidBucketName):
        read("/k", host)


@pytest.mark.parametrize(
    ("target", "bucket", "key"),
    [
        ("/", "", ""),
        ("/src-bucket", "src-bucket", ""),
        ("/src-bucket/", "src-bucket", ""),
        ("/src-bucket?acl", "src-bucket", ""),
        ("http://elsewhere/src-bucket/k?acl", "src-bucket", "k"),
        ("HTTP://elsewhere", "", ""),
        ("http://elsewhere?acl", "", ""),
    ],
)
def test_path_style_targets(target: str, bucket: str, key: str) -> None:
    found = read(target)
    assert (found.bucket, found.key) == (bucket, key)


def test_absolute_form_is_read_by_the_host_alone() -> None:
    found = read("http://other.localhost/k", "src-bucket.localhost")
    assert (found.bucket, found.key) == ("src-bucket", "k")


@pytest.mark.parametrize("target", ["", "*", "k", "127.0.0.1:80", "ftp://a/b", "javascript:x"])
def test_other_forms_of_target_are_refused(target: str) -> None:
    with pytest.raises(InvalidArgument):
        read(target)


ORDINARY_KEYS = [
    ("..", ".."),
    ("../../etc/passwd", "../../etc/passwd"),
    ("a/../b", "a/../b"),
    ("a/./b", "a/./b"),
    (".", "."),
    ("a//b", "a//b"),
    ("a.", "a."),
    ("a/", "a/"),
    ("%2e%2e", ".."),
    ("a%2Fb", "a/b"),
    ("a%2fb", "a/b"),
    ("a%5C..%5Cb", "a\\..\\b"),
    ("a+b", "a+b"),
    ("a%2Bb", "a+b"),
    ("a%20b", "a b"),
    ("a;b:c@d", "a;b:c@d"),
    ("a%23b", "a#b"),
    ("a%3Fb", "a?b"),
    ("%25zz", "%zz"),
    ("%2525", "%25"),
    ("%C3%A9", "é"),
    ("e%CC%81", "e\u0301"),
    ("é", "é"),
    ("%F0%9F%98%80", "😀"),
    ("a%E2%80%8Fb", "a\u200fb"),
    ("a%0D%0Ab", "a\r\nb"),
    ("%01", "\x01"),
    ("~", "~"),
]


@pytest.mark.parametrize(("raw", "key"), ORDINARY_KEYS)
def test_key_is_decoded_once_and_never_normalised(raw: str, key: str) -> None:
    assert read(f"/src-bucket/{raw}").key == key
    assert read(f"/{raw}", "src-bucket.localhost").key == key


def test_keys_that_look_alike_stay_distinct() -> None:
    raws = ["a+b", "a%20b", "a%2520b", "a%252Bb", "%C3%A9", "e%CC%81", "a/b", "a//b", "a/./b"]
    assert len({read(f"/src-bucket/{raw}").key for raw in raws}) == len(raws)


@pytest.mark.parametrize(
    "raw",
    [
        "/x",
        "%2Fx",
        "%5Cx",
        "\\x",
        "%zz",
        "%",
        "a%2",
        "a%2 b",
        "%ff%fe",
        "%c0%ae",
        "%ed%a0%80",
        "\udcff",
        "%00",
        "a%00b",
        "a" * 1024,
        "%E4%B8%80" * 341 + "%E4",
        "%E4%B8%80" * 342,
    ],
)
def test_bytes_that_are_no_key_are_refused(raw: str) -> None:
    with pytest.raises(InvalidObjectName) as refused:
        read(f"/src-bucket/{raw}")
    assert refused.value.ec in {"0016-00000002", "0016-00000005"}
    with pytest.raises(InvalidObjectName):
        read(f"/{raw}", "src-bucket.localhost")


@pytest.mark.parametrize("raw", ["a" * KEY_BYTES_MAX, "%E4%B8%80" * 341])
def test_longest_keys_are_accepted(raw: str) -> None:
    assert len(read(f"/src-bucket/{raw}").key.encode()) == KEY_BYTES_MAX


@pytest.mark.parametrize(
    ("key", "ec"),
    [
        ("", "0016-00000001"),
        ("a" * 1024, "0016-00000002"),
        ("一" * 342, "0016-00000002"),
        ("/a", "0016-00000005"),
        ("\\a", "0016-00000005"),
        ("a\0", "0016-00000005"),
    ],
)
def test_each_broken_rule_of_keys_has_its_number(key: str, ec: str) -> None:
    with pytest.raises(InvalidObjectName) as refused:
        validate_object_key(key)
    assert refused.value.ec == ec


BAD_BUCKETS = [
    "..",
    ".",
    "A",
    "Abc",
    "-ab",
    "ab-",
    "_ab",
    "ab",
    "a" * 64,
    "xn--",
    "a.b",
    "192.168.1.1",
    "%61bc",
    "abc%2Fkey",
    "äbc",
    "_emulator",
    "abc\n",
]


@pytest.mark.parametrize("bucket", BAD_BUCKETS)
def test_bad_bucket_names_are_refused_everywhere(bucket: str) -> None:
    with pytest.raises(InvalidBucketName) as refused:
        read(f"/{bucket}/k")
    assert refused.value.ec == "0015-00000001"
    with pytest.raises(InvalidBucketName):
        check_name(bucket)


def test_missing_bucket_before_a_key_is_refused() -> None:
    with pytest.raises(InvalidBucketName):
        read("//k")


def test_legacy_underscore_may_be_addressed_but_not_created() -> None:
    assert read("/a_b/k").bucket == "a_b"
    with pytest.raises(InvalidBucketName):
        check_name("a_b")


@pytest.mark.parametrize("bucket", ["abc", "a-b", "123", "a" * 63, "127-0-0-1"])
def test_good_bucket_names(bucket: str) -> None:
    check_name(bucket)
    assert read(f"/{bucket}").bucket == bucket


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        ("acl", (("acl", None),)),
        ("acl=", (("acl", ""),)),
        ("acl=x", (("acl", "x"),)),
        ("", ()),
        ("&&acl&", (("acl", None),)),
        ("prefix=a%2Fb+c%2B&marker=", (("prefix", "a/b c+"), ("marker", ""))),
        ("a=b=c", (("a", "b=c"),)),
        ("%61cl", (("acl", None),)),
        ("prefix=a?b/c", (("prefix", "a?b/c"),)),
        ("z=1&a=2", (("z", "1"), ("a", "2"))),
        ("own=1&own=2", (("own", "1"), ("own", "2"))),
    ],
)
def test_query_keeps_order_and_absent_values(
    raw: str, query: tuple[tuple[str, str | None], ...]
) -> None:
    assert read(f"/src-bucket/k?{raw}").query == query


@pytest.mark.parametrize(
    "raw",
    [
        "acl&acl",
        "acl&acl=",
        "acl&%61cl",
        "uploadId=a&uploadId=b",
        "partNumber=1&partNumber=2",
        "versionId=a&versionId=b",
        "Signature=a&Signature=b",
        "x-oss-signature=a&x-oss-signature=b",
        "prefix=%zz",
        "prefix=%ff",
        "%=1",
        "\udcff",
    ],
)
def test_doubled_or_broken_query_is_refused(raw: str) -> None:
    with pytest.raises(InvalidArgument):
        read(f"/src-bucket/k?{raw}")


hosts = st.one_of(
    st.text(max_size=40),
    st.sampled_from([host for host, _ in PATH_HOSTS + BUCKET_HOSTS]),
    st.lists(st.sampled_from(["oss", "s3", "a", "oss-cn-x", "", "localhost"]), max_size=6).map(
        ".".join
    ),
)
any_character = st.characters(codec=None, exclude_categories=())
targets = st.one_of(
    st.text(any_character, max_size=60),
    st.text(st.sampled_from("/%?&=.+\\a2F0\0\udcff"), max_size=40).map("/src-bucket/".__add__),
    st.text(st.sampled_from("/%?&=.+:a2F"), max_size=40).map("/".__add__),
)


@given(target=targets, host=hosts)
def test_any_target_is_read_or_refused_as_oss_refuses(target: str, host: str) -> None:
    with contextlib.suppress(OssError):
        found = read(target, host)
        assert len(found.key.encode()) <= KEY_BYTES_MAX
        assert found.level is not Level.OBJECT or found.bucket


keys = st.text(min_size=1, max_size=300).filter(lambda key: key[0] not in "/\\" and "\0" not in key)


@given(key=keys, safe=st.sampled_from(["", "/", "/~+;:@"]))
def test_quoted_key_comes_back(key: str, safe: str) -> None:
    raw = quote(key, safe=safe)
    assert read(f"/src-bucket/{raw}?acl").key == key
    assert read(f"/{raw}", "src-bucket.oss-cn-hangzhou.localhost").key == key
    assert decode_key(raw) == key
