"""Which encryption replicas get, and which objects are left out for theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

import oss2

from tests.behaviours.looking import COMPLETED, SKIPPED, add_refused, outcome, refused
from tests.behaviours.registry import behaviour, variation
from tests.support.covers import covers
from tests.support.encrypted import SSE, default_of, kms, kms_rule, replicating, shown
from tests.support.lab import FULL_ACCESS, HANGZHOU, Lab, content, rule_xml

Headers = Mapping[str, str]
BIG = os.urandom(300_000)
DONE = (COMPLETED, None)
LEFT_OUT = (SKIPPED, "sse-kms-not-selected")
# What a rule may say of KMS objects; "": nothing.
STATUSES = ("Enabled", "Disabled", "")


def own_key(bucket: oss2.Bucket) -> str:
    """The id that stands for the service's own key of a bucket's account and region."""
    bucket.put_object("made-here", b"x", headers=kms())
    algorithm, key_id = shown(bucket, "made-here")
    assert algorithm == "KMS"
    assert key_id
    return key_id


@behaviour("R48")
@covers("PutBucketReplication", "PutObject", "GetObject", "HeadObject")
def r48_sse_kms_objects_are_copied_if_selected(lab: Lab) -> None:
    for body in (b"small", BIG):
        (first, _), (second, _) = lab.key(), lab.key()
        source, target, _ = replicating(lab, second)
        source.put_object("secret", body, headers=kms(first))
        source.put_object("default", body, headers=kms())
        lab.settle()
        assert shown(target, "secret") == ("KMS", second)
        lab.kms("DisableKey", KeyId=first)
        assert content(target, "secret") == content(target, "default") == body
        lab.kms("DisableKey", KeyId=second)
        assert refused(lambda: target.get_object("secret")).code == "KeyDisabled"  # noqa: B023
        assert not target.object_exists("none")
    source, target, _ = replicating(lab, "", status="Disabled")
    source.put_object("secret", BIG, headers=kms(lab.key()[0]))
    source.put_object("plain", BIG)
    lab.settle()
    assert content(target, "plain") == BIG
    assert content(target, "secret") is None
    assert outcome(lab, source, "secret") == LEFT_OUT


@behaviour("R49")
@covers("PutBucketEncryption", "PutBucketReplication", "PutObject", "AppendObject", "HeadObject")
def r49_sse_oss_stays_sse_oss(lab: Lab) -> None:
    for algorithm in ("AES256", "SM4"):
        for default in ("", "AES256", "KMS", "own"):
            assert _encrypted_by_default(lab, {SSE: algorithm}, default) == algorithm


@behaviour("R50")
@covers("PutBucketEncryption", "PutBucketReplication", "PutObject", "AppendObject", "HeadObject")
def r50_plain_objects_take_the_default_of_the_destination(lab: Lab) -> None:
    for default, wanted in (("", None), ("AES256", "AES256"), ("KMS", "KMS"), ("own", "KMS")):
        assert _encrypted_by_default(lab, {}, default) == wanted


def _encrypted_by_default(lab: Lab, headers: dict[str, str], default: str) -> str | None:
    """The algorithm of all replicas: of small and empty objects, and of appended ones."""
    key_id, _ = lab.key()
    source, target, _ = replicating(lab, key_id)
    if default:
        is_own = default == "own"
        default_of(target, "KMS" if is_own else default, key_id if is_own else None)
    source.put_object("key", b"small", headers=headers)
    source.put_object("empty", b"", headers=headers)
    source.append_object("log", 0, b"one", headers=headers)
    lab.settle()
    source.append_object("log", 3, b"two")
    lab.settle()
    for name, body in (("key", b"small"), ("empty", b""), ("log", b"onetwo")):
        assert content(target, name) == body, name
        assert outcome(lab, source, name) == DONE
    if default == "own" and not headers:
        assert shown(target, "key")[1] == key_id
    (algorithm,) = {shown(target, name)[0] for name in ("key", "empty", "log")}
    return algorithm


def _copy(
    lab: Lab,
    status: str,
    default: tuple[str, str] = ("", ""),
    headers: Headers = MappingProxyType({}),
) -> tuple[oss2.Bucket, oss2.Bucket]:
    """Replicate an object with these headers under a rule that says ``status`` and names no key;
    ``default`` is algorithm and key of the destination."""
    source, target, _ = replicating(lab, "", status=status)
    if default[0]:
        default_of(target, default[0], default[1] or None)
    for key, body in (("k", b"small"), ("big", BIG)):
        source.put_object(key, body, headers=headers)
    lab.settle()
    return source, target


def _arrived(lab: Lab, pair: tuple[oss2.Bucket, oss2.Bucket]) -> tuple[str | None, str | None]:
    """Algorithm and key of the replicas, which are there."""
    source, target = pair
    assert (content(target, "k"), content(target, "big")) == (b"small", BIG)
    assert outcome(lab, source, "k") == outcome(lab, source, "big") == DONE
    assert shown(target, "k") == shown(target, "big")
    return shown(target, "k")


def _left_out(lab: Lab, pair: tuple[oss2.Bucket, oss2.Bucket]) -> bool:
    source, target = pair
    assert outcome(lab, source, "k") == outcome(lab, source, "big") == LEFT_OUT
    return content(target, "k") is None and content(target, "big") is None


@behaviour("E1")
@covers("PutBucketReplication", "PutObject", "HeadObject")
def e1_plain_to_plain(lab: Lab) -> None:
    for status in STATUSES:
        assert _arrived(lab, _copy(lab, status)) == (None, None)


@behaviour("E2")
@covers("PutBucketEncryption", "PutBucketReplication", "PutObject", "HeadObject")
def e2_plain_to_sse_oss(lab: Lab) -> None:
    for status in STATUSES:
        assert _arrived(lab, _copy(lab, status, ("AES256", ""))) == ("AES256", None)


@behaviour("E3")
@covers("PutBucketEncryption", "PutBucketReplication", "PutObject", "HeadObject")
def e3_plain_to_sse_kms_without_a_key(lab: Lab) -> None:
    for status in STATUSES:
        pair = _copy(lab, status, ("KMS", ""))
        assert _arrived(lab, pair) == ("KMS", own_key(pair[1]))


@behaviour("E4")
@covers("PutBucketEncryption", "PutBucketReplication", "PutObject", "HeadObject")
def e4_plain_to_sse_kms_with_a_key(lab: Lab) -> None:
    key_id, _ = lab.key()
    assert _arrived(lab, _copy(lab, "Enabled", ("KMS", key_id))) == ("KMS", key_id)


@behaviour("E5")
@covers("PutBucketEncryption", "PutBucketReplication", "PutObject", "HeadObject")
def e5_plain_to_sse_kms_with_a_key_not_selected(lab: Lab) -> None:
    key_id, _ = lab.key()
    for status in ("Disabled", ""):
        assert _arrived(lab, _copy(lab, status, ("KMS", key_id))) == ("KMS", key_id)


@behaviour("E6")
@covers("PutBucketEncryption", "PutBucketReplication", "PutObject", "HeadObject")
def e6_sse_oss_stays_what_it_is(lab: Lab) -> None:
    key_id, _ = lab.key()
    for status in STATUSES:
        for default in (("", ""), ("AES256", ""), ("KMS", ""), ("KMS", key_id)):
            pair = _copy(lab, status, default, {SSE: "AES256"})
            assert _arrived(lab, pair) == ("AES256", None)


@behaviour("E7")
@covers("PutBucketReplication", "PutObject", "HeadObject")
def e7_sse_kms_that_is_not_selected(lab: Lab) -> None:
    key_id, _ = lab.key()
    for status in ("Disabled", ""):
        assert _left_out(lab, _copy(lab, status, headers=kms(key_id)))
        assert _left_out(lab, _copy(lab, status, ("KMS", key_id), kms(key_id)))


@behaviour("E8")
@covers("PutBucketReplication", "PutObject", "HeadObject")
def e8_sse_kms_with_a_key_of_the_rule(lab: Lab) -> None:
    (first, _), (second, _), (third, _) = lab.key(), lab.key(), lab.key()
    for default in ("", third):
        source, target, _ = replicating(lab, second)
        if default:
            default_of(target, "KMS", default)
        for key, headers in (("k", kms(first)), ("big", kms())):
            source.put_object(key, b"small" if key == "k" else BIG, headers=headers)
        lab.settle()
        assert _arrived(lab, (source, target)) == ("KMS", second)


@behaviour("E9")
@covers("PutBucketReplication", "PutObject", "HeadObject")
def e9_sse_kms_without_a_key_of_the_rule(lab: Lab) -> None:
    (first, _), (other, _) = lab.key(), lab.key()
    for default in (("", ""), ("KMS", other)):
        assert _arrived(lab, _copy(lab, "Enabled", default, kms(first))) == ("KMS", first)


@variation("E9", "repl.require_replica_key", "repl.require_replica_key=true")
def e9_rules_can_be_made_to_name_a_key(lab: Lab) -> None:
    source, target = lab.pair()
    body = rule_xml(target, HANGZHOU, kms_rule(FULL_ACCESS, ""))
    error = add_refused(source, body)
    assert (error.status, error.code) == (400, "InvalidArgument")
    lab.add_xml(source, rule_xml(target, HANGZHOU, kms_rule(FULL_ACCESS, lab.key()[0])))


@behaviour("E10")
@covers("PutBucketReplication", "PutObject", "HeadObject")
def e10_sse_kms_that_names_no_key(lab: Lab) -> None:
    pair = _copy(lab, "Enabled", headers=kms())
    assert _arrived(lab, pair) == ("KMS", own_key(pair[1]))
    for status in ("Disabled", ""):
        assert _left_out(lab, _copy(lab, status, headers=kms()))


# The table of 2021.


@variation("E5", "repl.kms_table")
def e5_of_2021(lab: Lab) -> None:
    key_id, _ = lab.key()
    for status in ("Disabled", ""):
        assert _left_out(lab, _copy(lab, status, ("KMS", key_id)))
    assert _arrived(lab, _copy(lab, "Enabled", ("KMS", key_id))) == ("KMS", key_id)
    for status in STATUSES:  # no other row of plain objects changes
        assert _arrived(lab, _copy(lab, status)) == (None, None)
        pair = _copy(lab, status, ("KMS", ""))
        assert _arrived(lab, pair) == ("KMS", own_key(pair[1]))


@variation("E10", "repl.kms_table")
def e10_of_2021(lab: Lab) -> None:
    for status in STATUSES:
        pair = _copy(lab, status, headers=kms())
        assert _arrived(lab, pair) == ("KMS", own_key(pair[1]))
    key_id, _ = lab.key()
    assert _left_out(lab, _copy(lab, "Disabled", headers=kms(key_id)))
    source, target, _ = replicating(lab, key_id)  # not under the rule's key either
    for key, sent in (("k", b"small"), ("big", BIG)):
        source.put_object(key, sent, headers=kms())
    lab.settle()
    assert _arrived(lab, (source, target)) == ("KMS", own_key(target))
