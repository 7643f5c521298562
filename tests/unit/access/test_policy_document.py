"""What is a policy document and what is not, element by element."""

from __future__ import annotations

import json

import pytest

from emulator.access.policy.document import BUCKET_POLICY_BYTES_MAX, parse_policy
from emulator.access.policy.faults import PolicyError, PolicyFault
from emulator.access.policy.reading import DEPTH_MAX, read_json
from emulator.access.policy.records import Effect, PolicyKind
from tests.unit.access.build import TRUSTS_OSS, Json, allow, deny, document

RAM, SESSION, BUCKET, TRUST, _ = PolicyKind
SYNTAX = PolicyFault.SYNTAX
VERSION = PolicyFault.VERSION
TOO_LARGE = PolicyFault.TOO_LARGE
WILDCARDS = PolicyFault.CONSECUTIVE_WILDCARDS

ANY = ["*"]
ROLE = "arn:sts::1000:assumed-role/rolenametest/*"
RESOURCE = "acs:oss:*:1000:b/*"


def fault_of(text: str | bytes, kind: PolicyKind) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, kind)
    return caught.value


def in_bucket(**changes: object) -> Json:
    return allow("oss:GetObject", [RESOURCE], Principal=ANY) | changes


def without(statement: Json, element: str) -> Json:
    return {name: value for name, value in statement.items() if name != element}


def condition(operator: str, value: object, key: str = "acs:X") -> Json:
    return allow("oss:*", Condition={operator: {key: value}})


VALID: list[tuple[str, PolicyKind, Json]] = [
    ("a single action and resource", RAM, allow("oss:GetObject", "*")),
    ("lists", RAM, allow(["oss:Get*", "oss:List?"], ["acs:oss:*:*:b", "acs:oss:*:*:b/*"])),
    ("every action", RAM, allow("*")),
    ("NotAction", RAM, {"Effect": "Deny", "NotAction": "oss:*", "Resource": "*"}),
    ("NotResource", RAM, {"Effect": "Allow", "Action": "*", "NotResource": RESOURCE}),
    ("NotAction in a bucket policy", BUCKET, without(in_bucket(NotAction="oss:*"), "Action")),
    ("an empty Condition", RAM, allow("*", Condition={})),
    ("an operator without keys", RAM, allow("*", Condition={"StringEquals": {}})),
    ("a Sid", RAM, allow("*", Sid="one")),
    ("consecutive wildcards in a RAM policy", RAM, allow("oss:**", "acs:oss:*:*:b/**")),
    ("a number as condition value", RAM, condition("NumericEquals", 1.5)),
    ("a boolean as condition value", RAM, condition("Bool", [True, False])),
    ("a session policy", SESSION, allow("oss:*")),
    ("everyone", BUCKET, in_bucket(Principal="*")),
    ("everyone in a list", BUCKET, in_bucket(Principal=ANY)),
    ("everyone as an empty list", BUCKET, in_bucket(Principal=[])),
    ("users and roles", BUCKET, in_bucket(Principal=["1000", "20214760404935xxxx", ROLE])),
    ("any role", BUCKET, in_bucket(Principal=["arn:sts::*:*/*/*"])),
    ("a role in mixed case", BUCKET, in_bucket(Principal=["arn:sts::1:assumed-role/Ab/*"])),
    ("every resource", BUCKET, in_bucket(Resource="*")),
    ("a trusted service", TRUST, TRUSTS_OSS),
    ("a trusted service as text", TRUST, {**TRUSTS_OSS, "Principal": {"Service": "a.b"}}),
    (
        "trusted identities",
        TRUST,
        {
            **TRUSTS_OSS,
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Principal": {
                "RAM": ["acs:ram::1:root", "acs:ram::1:user/a.b", "acs:ram::1:role/c"],
                "Federated": ["acs:ram::1:saml-provider/x"],
            },
        },
    ),
]


@pytest.mark.parametrize(
    ("kind", "statement"), [row[1:] for row in VALID], ids=[row[0] for row in VALID]
)
def test_valid_statements_are_accepted(kind: PolicyKind, statement: Json) -> None:
    policy = parse_policy(document(statement), kind)
    assert policy.kind is kind
    assert [one.index for one in policy.statements] == [0]
    assert policy.allows + policy.denies == policy.statements


BROKEN: list[tuple[str, PolicyKind, Json, PolicyFault, str]] = [
    ("unknown element", RAM, allow("*", Conditions={}), SYNTAX, "Statement[0].Conditions"),
    ("Principal in a RAM policy", RAM, allow("*", Principal=ANY), SYNTAX, "Statement[0].Principal"),
    ("Principal in a session policy", SESSION, allow("*", Principal=ANY), SYNTAX, ""),
    ("no effect", RAM, without(allow("*"), "Effect"), SYNTAX, "Statement[0].Effect"),
    ("effect in lower case", RAM, allow("*") | {"Effect": "allow"}, SYNTAX, "Statement[0].Effect"),
    ("no action", RAM, without(allow("*"), "Action"), SYNTAX, "Statement[0]"),
    ("both actions", RAM, allow("*", NotAction="*"), SYNTAX, "Statement[0]"),
    ("empty action list", RAM, allow([]), SYNTAX, "Statement[0].Action"),
    ("action without service", RAM, allow("GetObject"), SYNTAX, "Statement[0].Action"),
    ("action that is a number", RAM, allow(["oss:*", 1]), SYNTAX, "Statement[0].Action[1]"),
    ("action with a space", RAM, allow("oss:Get Object"), SYNTAX, ""),
    ("no resource", RAM, without(allow("*"), "Resource"), SYNTAX, "Statement[0]"),
    ("both resources", RAM, allow("*", NotResource="*"), SYNTAX, "Statement[0]"),
    ("empty resource", RAM, allow("*", ""), SYNTAX, "Statement[0].Resource"),
    ("foreign resource", RAM, allow("*", "arn:aws:s3:::b"), SYNTAX, "Statement[0].Resource"),
    ("null resource", RAM, allow("*", None), SYNTAX, "Statement[0].Resource"),
    ("NotResource in a bucket policy", BUCKET, in_bucket(NotResource="*"), SYNTAX, ""),
    ("Sid that is a number", RAM, allow("*", Sid=1), SYNTAX, "Statement[0].Sid"),
    ("Condition that is a list", RAM, allow("*", Condition=[]), SYNTAX, "Statement[0].Condition"),
    ("operator that is a text", RAM, allow("*", Condition={"Bool": "x"}), SYNTAX, ""),
    ("unknown operator", RAM, condition("StringEqualsIfExists", "a"), SYNTAX, ""),
    ("operator in lower case", RAM, condition("stringequals", "a"), SYNTAX, ""),
    ("empty key", RAM, condition("StringEquals", "a", key=""), SYNTAX, ""),
    ("no condition values", RAM, condition("StringEquals", []), SYNTAX, ""),
    ("null as condition value", RAM, condition("StringEquals", None), SYNTAX, ""),
    ("object as condition value", RAM, condition("StringEquals", {}), SYNTAX, ""),
    ("no number", RAM, condition("NumericEquals", "ten"), SYNTAX, ""),
    ("NaN as text", RAM, condition("NumericEquals", "NaN"), SYNTAX, ""),
    ("Infinity as text", RAM, condition("NumericLessThan", "Infinity"), SYNTAX, ""),
    ("immense exponent", RAM, condition("NumericLessThan", "1e999"), SYNTAX, ""),
    ("immense number", RAM, condition("NumericLessThan", "9" * 39), SYNTAX, ""),
    ("no date", RAM, condition("DateLessThan", "tomorrow"), SYNTAX, ""),
    ("no truth value", RAM, condition("Bool", "yes"), SYNTAX, ""),
    ("no address", RAM, condition("IpAddress", "localhost"), SYNTAX, ""),
    ("prefix of 33 bits", RAM, condition("IpAddress", "10.0.0.1/33"), SYNTAX, ""),
    ("NotPrincipal", BUCKET, in_bucket(NotPrincipal=ANY), SYNTAX, "Statement[0].NotPrincipal"),
    ("no Principal", BUCKET, without(in_bucket(), "Principal"), SYNTAX, "Statement[0]"),
    ("Principal object", BUCKET, in_bucket(Principal={"RAM": ["*"]}), SYNTAX, ""),
    ("Principal text", BUCKET, in_bucket(Principal="1000"), SYNTAX, "Statement[0].Principal"),
    ("RAM name in a bucket policy", BUCKET, in_bucket(Principal=["acs:ram::1:root"]), SYNTAX, ""),
    (
        "role without session",
        BUCKET,
        in_bucket(Principal=["arn:sts::1:assumed-role/r"]),
        SYNTAX,
        "",
    ),
    ("wildcard in a user id", BUCKET, in_bucket(Principal=["10*"]), SYNTAX, ""),
    ("Principal number", BUCKET, in_bucket(Principal=[1000]), SYNTAX, "Statement[0].Principal[0]"),
    ("** in Resource", BUCKET, in_bucket(Resource="acs:oss:*:*:b/**"), WILDCARDS, ""),
    ("** alone", BUCKET, in_bucket(Resource=["**"]), WILDCARDS, "Statement[0].Resource"),
    ("** in Action", BUCKET, in_bucket(Action="oss:Get**"), WILDCARDS, "Statement[0].Action"),
    ("** in Principal", BUCKET, in_bucket(Principal=["arn:sts::1:a/b/**"]), WILDCARDS, ""),
    (
        "** in a condition value",
        BUCKET,
        in_bucket(Condition={"StringNotEquals": {"acs:SourceVpc": ["vpc-t4nlw****"]}}),
        WILDCARDS,
        "Statement[0].Condition.StringNotEquals.acs:SourceVpc",
    ),
    ("Resource in a trust policy", TRUST, {**TRUSTS_OSS, "Resource": "*"}, SYNTAX, ""),
    ("no Principal in a trust policy", TRUST, without(TRUSTS_OSS, "Principal"), SYNTAX, ""),
    ("trust list", TRUST, {**TRUSTS_OSS, "Principal": ["*"]}, SYNTAX, "Statement[0].Principal"),
    ("trust nobody", TRUST, {**TRUSTS_OSS, "Principal": {}}, SYNTAX, "Statement[0].Principal"),
    ("trust type", TRUST, {**TRUSTS_OSS, "Principal": {"AWS": "*"}}, SYNTAX, ""),
    ("trust everyone", TRUST, {**TRUSTS_OSS, "Principal": {"RAM": "*"}}, SYNTAX, ""),
    ("trust no service", TRUST, {**TRUSTS_OSS, "Principal": {"Service": "oss"}}, SYNTAX, ""),
]


@pytest.mark.parametrize(
    ("kind", "statement", "reason", "path"),
    [row[1:] for row in BROKEN],
    ids=[row[0] for row in BROKEN],
)
def test_broken_statements_are_refused_with_reason_and_path(
    kind: PolicyKind, statement: Json, reason: PolicyFault, path: str
) -> None:
    error = fault_of(document(statement), kind)
    assert error.reason is reason
    assert error.path == path if path else error.path.startswith("Statement[0]")
    assert str(error).startswith(error.path)


GOOD = json.dumps(allow("*"))

TEXTS: list[tuple[str, str | bytes, PolicyFault]] = [
    ("nothing", "", SYNTAX),
    ("no JSON", "{unnormal-policy-text}", SYNTAX),
    ("a list", "[]", SYNTAX),
    ("two values", "{} {}", SYNTAX),
    ("not UTF-8", b"\xff\xfe", SYNTAX),
    ("a lone surrogate in Python text", "\ud800", SYNTAX),
    ("a lone surrogate escaped", f'{{"Version":"\\ud800","Statement":[{GOOD}]}}', SYNTAX),
    ("a lone surrogate as key", f'{{"\\ud800":"1","Statement":[{GOOD}]}}', SYNTAX),
    ("a byte order mark", b"\xef\xbb\xbf{}", SYNTAX),
    ("no Version", f'{{"Statement":[{GOOD}]}}', SYNTAX),
    ("Version as a number", f'{{"Version":1,"Statement":[{GOOD}]}}', SYNTAX),
    ("Version 2", f'{{"Version":"2","Statement":[{GOOD}]}}', VERSION),
    ("an AWS version", f'{{"Version":"2012-10-17","Statement":[{GOOD}]}}', VERSION),
    ("an unknown element", f'{{"Version":"1","Id":"x","Statement":[{GOOD}]}}', SYNTAX),
    ("no Statement", '{"Version":"1"}', SYNTAX),
    ("an empty Statement", '{"Version":"1","Statement":[]}', SYNTAX),
    ("a Statement that is an object", f'{{"Version":"1","Statement":{GOOD}}}', SYNTAX),
    ("a statement that is a text", '{"Version":"1","Statement":["x"]}', SYNTAX),
    ("a doubled key", f'{{"Version":"1","Version":"1","Statement":[{GOOD}]}}', SYNTAX),
    (
        "a key doubled deep inside",
        '{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",'
        '"Condition":{"StringEquals":{"k":"a","k":"b"}}}]}',
        SYNTAX,
    ),
    ("NaN", '{"Version":NaN}', SYNTAX),
    ("-Infinity", '{"Version":-Infinity}', SYNTAX),
    (
        "an immense number",
        '{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",'
        '"Condition":{"NumericEquals":{"k":1e999}}}]}',
        SYNTAX,
    ),
    ("digits without end", '{"Version":' + "9" * 5000 + "}", SYNTAX),
    ("nesting", "[" * (DEPTH_MAX + 1), SYNTAX),
    ("deep nesting", '{"a":' * 1000, SYNTAX),
]


@pytest.mark.parametrize("kind", list(PolicyKind))
@pytest.mark.parametrize(
    ("text", "reason"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS]
)
def test_texts_that_are_no_policy_are_refused(
    text: str | bytes, reason: PolicyFault, kind: PolicyKind
) -> None:
    if kind is SESSION and len(text) > 2048:
        reason = TOO_LARGE
    assert fault_of(text, kind).reason is reason


def test_nesting_has_a_limit_and_neighbours_do_not_add_to_it() -> None:
    assert DEPTH_MAX == 16
    read_json("[" * 16 + "]" * 16)
    read_json("[" + ",".join(["[[]]"] * 40) + "]")
    for text in ("[" * 17 + "]" * 17, '{"a":' * 17 + "1" + "}" * 17):
        with pytest.raises(PolicyError, match="nested more than 16 levels"):
            read_json(text)


def test_brackets_inside_strings_are_no_nesting() -> None:
    policy = parse_policy(document(allow("*", Sid='[{"' * 30)), RAM)
    assert policy.statements[0].sid == '[{"' * 30


@pytest.mark.parametrize("text", ['"' + '\\"' * 8000, "[" + '"a",' * 4000, "]" * 16000])
def test_hostile_texts_are_refused_in_one_pass(text: str) -> None:
    assert fault_of(text, BUCKET).reason is SYNTAX


@pytest.mark.parametrize(
    ("kind", "size_max"), [(RAM, 6144), (SESSION, 2048), (TRUST, 6144), (BUCKET, 16 * 1024)]
)
def test_documents_over_the_limit_are_too_large(kind: PolicyKind, size_max: int) -> None:
    statement: Json = {
        RAM: allow("*"),
        SESSION: allow("*"),
        TRUST: TRUSTS_OSS,
        BUCKET: in_bucket(),
    }[kind]
    filled = document(statement | {"Sid": ""})
    filled = filled.replace('"Sid": ""', '"Sid": "' + "x" * (size_max - len(filled)) + '"')
    assert len(filled) == size_max
    assert parse_policy(filled, kind).statements
    assert fault_of(filled + " ", kind).reason is TOO_LARGE


def test_the_limit_of_bucket_policies_counts_bytes() -> None:
    text = json.dumps(
        {"Version": "1", "Statement": [in_bucket(Sid="é" * (BUCKET_POLICY_BYTES_MAX // 2))]},
        ensure_ascii=False,
    )
    assert len(text) < BUCKET_POLICY_BYTES_MAX
    assert fault_of(text, BUCKET).reason is TOO_LARGE
    assert fault_of(text.encode(), BUCKET).reason is TOO_LARGE


def test_a_bucket_policy_without_principal_can_be_let_through_and_means_nobody() -> None:
    text = document(allow("oss:PutObject", "acs:oss:*:*:*/*"))
    policy = parse_policy(text, BUCKET, principal_required=False)
    principals = policy.statements[0].principals
    assert principals is not None
    assert not principals.everyone
    assert not principals.entries


def test_trust_policies_always_need_a_principal() -> None:
    with pytest.raises(PolicyError):
        parse_policy(document(without(TRUSTS_OSS, "Principal")), TRUST, principal_required=False)


def test_statements_are_kept_in_order_and_sorted_by_effect() -> None:
    policy = parse_policy(document(allow("*"), deny("oss:*"), allow("ram:*")), RAM)
    assert [one.effect for one in policy.statements] == [Effect.ALLOW, Effect.DENY, Effect.ALLOW]
    assert [one.index for one in policy.denies] == [1]
    assert [one.index for one in policy.allows] == [0, 2]
