"""Keys through both client families: states, aliases, listings, policies, tags, rotation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.domain.encryption import KeyHolder, default_key_id
from tests.services.conftest import ROOT_A, World
from tests.support.key_service import bucket_of_a, sse_kms
from tests.support.process import UID_A
from tests.support.rpc import Refused, call_v1

WINDOW = {"PendingWindowInDays": 7}


class Keys:
    """The key service as the account itself calls it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, action: str, **parameters: Any) -> dict[str, Any]:
        return self.world.root("kms", action, **parameters)

    def make(self, **parameters: Any) -> str:
        return str(self("CreateKey", **parameters)["KeyMetadata"]["KeyId"])

    def state(self, key_id: str) -> str:
        return str(self("DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyState"])

    def refusal(self, action: str, **parameters: Any) -> tuple[int, str]:
        with pytest.raises(Refused) as caught:
            self(action, **parameters)
        return caught.value.status, caught.value.code

    def alias(self, key_id: str) -> str:
        name = f"alias/{self.world.name('a')}"
        self("CreateAlias", AliasName=name, KeyId=key_id)
        return name

    def listed(self, names: list[str]) -> dict[str, Any]:
        """The parameters ResourceType and ResourceId of the newer tag operations."""
        named = "ResourceIds" if self.world.family == "core" else "ResourceId"
        return {"ResourceType": "key", named: names}

    def tags(self, **tags: str) -> dict[str, Any]:
        """The parameter Tag of the newer tag operations."""
        named = "Tags" if self.world.family == "core" else "Tag"
        return {named: [{"Key": name, "Value": value} for name, value in tags.items()]}


@pytest.fixture
def kms(world: World) -> Keys:
    return Keys(world)


def test_a_key_is_shown_whole(kms: Keys) -> None:
    made = kms("CreateKey", Description="über")["KeyMetadata"]
    key_id = made["KeyId"]
    assert made["Arn"] == f"acs:kms:cn-hangzhou:{UID_A}:key/{key_id}"
    assert made["KeyState"] == "Enabled"
    assert made["KeySpec"] == "Aliyun_AES_256"
    assert made["KeyUsage"] == "ENCRYPT/DECRYPT"
    assert made["Origin"] == "Aliyun_KMS"
    assert made["ProtectionLevel"] == "SOFTWARE"
    assert made["Creator"] == UID_A
    assert made["Description"] == "über"
    assert made["DeleteDate"] == made["MaterialExpireTime"] == ""
    assert made["AutomaticRotation"] == "Disabled"
    assert len(made["PrimaryKeyVersion"]) == len(key_id) == 36
    shown = kms("DescribeKey", KeyId=made["Arn"])["KeyMetadata"]
    assert made.items() <= shown.items()
    assert shown["DeletionProtection"] == "Disabled"


def test_what_a_key_cannot_be(kms: Keys) -> None:
    for wrong in (
        {"KeySpec": "RSA_2048"},
        {"KeyUsage": "SIGN/VERIFY"},
        {"Origin": "elsewhere"},
        {"Policy": "{}"},
        {"Tags": "no JSON"},
        {"Description": "d" * 8193},
        {"EnableAutomaticRotation": True, "RotationInterval": "6d"},
    ):
        assert kms.refusal("CreateKey", **wrong) == (400, "InvalidParameter"), wrong


def test_keys_that_are_not_there(kms: Keys) -> None:
    absent = "00000000-0000-0000-0000-000000000000"
    assert kms.refusal("DescribeKey", KeyId=absent) == (404, "Forbidden.KeyNotFound")
    assert kms.refusal("EnableKey", KeyId=absent) == (404, "Forbidden.KeyNotFound")
    assert kms.refusal("DescribeKey", KeyId="alias/none") == (404, "Forbidden.AliasNotFound")
    assert kms.refusal("DescribeKey", KeyId="no key!") == (400, "InvalidParameter")
    assert kms.refusal("EnableKey") == (400, "MissingParameter")


def test_b71_disabling_and_enabling(kms: Keys) -> None:
    key_id = kms.make()
    kms("DisableKey", KeyId=key_id)
    kms("DisableKey", KeyId=key_id)
    assert kms.state(key_id) == "Disabled"
    assert kms.refusal("GenerateDataKey", KeyId=key_id) == (409, "Rejected.Disabled")
    assert kms.refusal("CreateKeyVersion", KeyId=key_id) == (409, "Rejected.Disabled")
    kms("EnableKey", KeyId=key_id)
    assert kms("GenerateDataKey", KeyId=key_id)["KeyId"] == key_id


def test_b72_b73_scheduling_a_deletion_and_cancelling_it(kms: Keys) -> None:
    key_id = kms.make()
    failed = (409, "Rejected.StateModifiedFailed")
    for days in (6, 367):
        wrong = {"KeyId": key_id, "PendingWindowInDays": days}
        assert kms.refusal("ScheduleKeyDeletion", **wrong) == (400, "InvalidParameter")
    assert kms.refusal("CancelKeyDeletion", KeyId=key_id) == failed
    kms("ScheduleKeyDeletion", KeyId=key_id, **WINDOW)
    shown = kms("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert shown["KeyState"] == "PendingDeletion"
    assert shown["DeleteDate"] > shown["CreationDate"]
    assert kms.refusal("GenerateDataKey", KeyId=key_id) == (409, "Rejected.PendingDeletion")
    for action in ("EnableKey", "DisableKey"):
        assert kms.refusal(action, KeyId=key_id) == failed
    assert kms.refusal("ScheduleKeyDeletion", KeyId=key_id, **WINDOW) == failed
    assert kms.refusal("CreateAlias", AliasName="alias/late", KeyId=key_id) == failed
    kms("CancelKeyDeletion", KeyId=key_id)
    shown = kms("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert (shown["KeyState"], shown["DeleteDate"]) == ("Enabled", "")


def test_b74_external_keys_wait_for_material(kms: Keys) -> None:
    key_id = kms.make(Origin="EXTERNAL")
    assert kms.state(key_id) == "PendingImport"
    assert kms.refusal("GenerateDataKey", KeyId=key_id) == (409, "Rejected.PendingImport")
    assert kms.refusal("EnableKey", KeyId=key_id) == (409, "Rejected.StateModifiedFailed")
    kms("ScheduleKeyDeletion", KeyId=key_id, **WINDOW)
    kms("CancelKeyDeletion", KeyId=key_id)
    assert kms.state(key_id) == "PendingImport"


def test_deletion_protection(kms: Keys) -> None:
    key_id = kms.make()
    arn = kms("DescribeKey", KeyId=key_id)["KeyMetadata"]["Arn"]
    protect = {"ProtectedResourceArn": arn, "DeletionProtectionDescription": "in use"}
    kms("SetDeletionProtection", EnableDeletionProtection=True, **protect)
    shown = kms("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert shown["DeletionProtection"] == "Enabled"
    assert shown["DeletionProtectionDescription"] == "in use"
    refused = kms.refusal("ScheduleKeyDeletion", KeyId=key_id, **WINDOW)
    assert refused == (409, "Rejected.StateModifiedFailed")
    kms("SetDeletionProtection", EnableDeletionProtection=False, ProtectedResourceArn=arn)
    kms("ScheduleKeyDeletion", KeyId=key_id, **WINDOW)


def test_b75_aliases(kms: Keys) -> None:
    one, other = kms.make(), kms.make()
    name = kms.alias(one)
    again = {"AliasName": name, "KeyId": other}
    assert kms.refusal("CreateAlias", **again) == (400, "AliasAlreadyExists")
    for reserved in ("alias/acs/x", "alias/acs/oss", "alias/", "noalias", "alias/" + "a" * 250):
        wrong = {"AliasName": reserved, "KeyId": one}
        assert kms.refusal("CreateAlias", **wrong) == (400, "InvalidParameter"), reserved
    arn = f"acs:kms:cn-hangzhou:{UID_A}:{name}"
    for named in (name, arn):
        assert kms("DescribeKey", KeyId=named)["KeyMetadata"]["KeyId"] == one
        assert kms("GenerateDataKey", KeyId=named)["KeyId"] == one
    assert kms.refusal("DisableKey", KeyId=name) == (400, "Unsupported.Alias")
    of_key = kms("ListAliasesByKeyId", KeyId=one)
    assert of_key["Aliases"]["Alias"] == [{"AliasName": name, "AliasArn": arn, "KeyId": one}]
    kms("UpdateAlias", AliasName=name, KeyId=other)
    assert kms("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == other
    assert kms("ListAliasesByKeyId", KeyId=one)["TotalCount"] == 0
    kms("DeleteAlias", AliasName=name)
    gone = (404, "Forbidden.AliasNotFound")
    assert kms.refusal("DeleteAlias", AliasName=name) == gone
    assert kms.refusal("UpdateAlias", **again) == gone
    assert kms.refusal("DescribeKey", KeyId=name) == gone
    assert kms.state(other) == "Enabled"


def test_listings_page(kms: Keys) -> None:
    made = {kms.make() for _ in range(3)}
    seen: list[str] = []
    number = 1
    while True:
        page = kms("ListKeys", PageNumber=number, PageSize=2)
        assert page["PageSize"] == 2
        assert page["PageNumber"] == number
        keys = page["Keys"]["Key"]
        if not keys:
            break
        seen += [key["KeyId"] for key in keys]
        number += 1
    assert made <= set(seen)
    assert len(seen) == len(set(seen)) == page["TotalCount"]
    assert kms("ListKeys")["PageSize"] == 10
    for wrong in ({"PageSize": 101}, {"PageSize": 0}, {"PageNumber": 0}):
        assert kms.refusal("ListKeys", **wrong) == (400, "InvalidParameter")


def test_keys_are_listed_by_state(kms: Keys) -> None:
    key_id = kms.make(KeySpec="Aliyun_SM4")
    kms("DisableKey", KeyId=key_id)
    filters = [
        {"Key": "KeyState", "Values": ["Disabled"]},
        {"Key": "KeySpec", "Values": ["Aliyun_SM4", "RSA_2048"]},
    ]
    found = kms("ListKeys", Filters=json.dumps(filters), PageSize=100)
    assert key_id in [key["KeyId"] for key in found["Keys"]["Key"]]
    filters[0]["Values"] = ["Enabled"]
    found = kms("ListKeys", Filters=json.dumps(filters), PageSize=100)
    assert key_id not in [key["KeyId"] for key in found["Keys"]["Key"]]
    wrong = json.dumps([{"Key": "Colour", "Values": []}])
    assert kms.refusal("ListKeys", Filters=wrong) == (400, "InvalidParameter")


def test_aliases_are_listed(kms: Keys) -> None:
    key_id = kms.make()
    names = sorted(kms.alias(key_id) for _ in range(3))
    page = kms("ListAliasesByKeyId", KeyId=key_id, PageSize=2, PageNumber=2)
    assert [each["AliasName"] for each in page["Aliases"]["Alias"]] == names[2:]
    assert page["TotalCount"] == 3
    everything = kms("ListAliases", PageSize=100)["Aliases"]["Alias"]
    assert set(names) <= {each["AliasName"] for each in everything}


def test_b82_key_policies(kms: Keys) -> None:
    key_id = kms.make()
    default = json.loads(kms("GetKeyPolicy", KeyId=key_id, PolicyName="default")["Policy"])
    assert default == {
        "Version": "1",
        "Statement": [
            {
                "Sid": "kms default key policy",
                "Effect": "Allow",
                "Principal": {"RAM": [f"acs:ram::{UID_A}:*"]},
                "Action": ["kms:*"],
                "Resource": ["*"],
            }
        ],
    }
    default["Statement"][0]["Principal"]["RAM"].append(f"acs:ram::{UID_A}:user/somebody")
    text = json.dumps(default)
    kms("SetKeyPolicy", KeyId=key_id, PolicyName="default", Policy=text)
    assert kms("GetKeyPolicy", KeyId=key_id)["Policy"] == text
    wrong = {"KeyId": key_id, "PolicyName": "other"}
    invalid = (400, "InvalidParameter")
    assert kms.refusal("GetKeyPolicy", **wrong) == invalid
    assert kms.refusal("SetKeyPolicy", Policy=text, **wrong) == invalid
    assert kms.refusal("SetKeyPolicy", KeyId=key_id, Policy="{}") == invalid
    too_long = {"KeyId": key_id, "Policy": text + " " * 32768}
    answer = call_v1(
        kms.world.server,
        ROOT_A,
        "kms",
        "SetKeyPolicy",
        method="POST",
        in_form=("Policy",),
        **too_long,
    )
    assert (answer.status, answer.json["Code"]) == invalid


def test_descriptions(kms: Keys) -> None:
    key_id = kms.make()
    kms("UpdateKeyDescription", KeyId=key_id, Description="other")
    assert kms("DescribeKey", KeyId=key_id)["KeyMetadata"]["Description"] == "other"


def test_versions_and_rotation(kms: Keys) -> None:
    key_id = kms.make(EnableAutomaticRotation=True, RotationInterval="365d")
    shown = kms("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert shown["AutomaticRotation"] == "Enabled"
    assert shown["RotationInterval"] == "31536000s"
    assert shown["NextRotationDate"] > shown["LastRotationDate"] == shown["CreationDate"]
    old = kms("GenerateDataKey", KeyId=key_id)
    made = kms("CreateKeyVersion", KeyId=key_id)["KeyVersion"]
    assert made["KeyId"] == key_id
    described = kms("DescribeKeyVersion", KeyId=key_id, KeyVersionId=made["KeyVersionId"])
    assert described["KeyVersion"] == made
    listed = kms("ListKeyVersions", KeyId=key_id)
    versions = [each["KeyVersionId"] for each in listed["KeyVersions"]["KeyVersion"]]
    assert versions == [made["KeyVersionId"], old["KeyVersionId"]]
    assert kms("GenerateDataKey", KeyId=key_id)["KeyVersionId"] == made["KeyVersionId"]
    opened = kms("Decrypt", CiphertextBlob=old["CiphertextBlob"])
    assert opened["Plaintext"] == old["Plaintext"]
    assert opened["KeyVersionId"] == old["KeyVersionId"]
    stranger = {"KeyId": kms.make(), "KeyVersionId": made["KeyVersionId"]}
    assert kms.refusal("DescribeKeyVersion", **stranger) == (404, "Forbidden.KeyVersionNotFound")
    kms("UpdateRotationPolicy", KeyId=key_id, EnableAutomaticRotation=False)
    shown = kms("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert shown["AutomaticRotation"] == "Disabled"
    assert not shown.get("NextRotationDate")


def test_b29_tags_in_repeated_lists(kms: Keys) -> None:
    one, other = kms.make(Tags='[{"TagKey":"team","TagValue":"storage"}]'), kms.make()
    kms("TagResources", **kms.listed([one, other]), **kms.tags(env="test", team="x"))

    def tags_of(*ids: str) -> dict[tuple[str, str], str]:
        found = kms("ListTagResources", **kms.listed(list(ids)))
        return {
            (each["ResourceId"], each["TagKey"]): each["TagValue"]
            for each in found["TagResources"]["TagResource"]
        }

    assert tags_of(one) == {(one, "env"): "test", (one, "team"): "x"}
    assert len(tags_of(one, other)) == 4
    names = "TagKeys" if kms.world.family == "core" else "TagKey"
    kms("UntagResources", **kms.listed([one]), **{names: ["team", "never"]})
    assert tags_of(one) == {(one, "env"): "test"}
    kms("UntagResources", **kms.listed([one]), All=True)
    assert tags_of(one) == {}
    absent = kms.listed(["00000000-0000-0000-0000-000000000000"])
    assert kms.refusal("ListTagResources", **absent) == (404, "Forbidden.KeyNotFound")
    many = kms.tags(**{f"t{number}": "" for number in range(21)})
    refused = kms.refusal("TagResources", **kms.listed([one]), **many)
    assert refused == (400, "Rejected.LimitExceeded")


def test_keys_are_found_by_tags(kms: Keys) -> None:
    value = kms.world.name("v")
    ids = sorted(kms.make(Tags=json.dumps([{"TagKey": "by", "TagValue": value}])) for _ in "abc")
    found = kms("ListTagResources", ResourceType="key", **kms.tags(by=value))
    assert [each["ResourceId"] for each in found["TagResources"]["TagResource"]] == ids
    assert found["NextToken"] == ""


def test_the_older_tags(kms: Keys) -> None:
    key_id = kms.make()
    kms("TagResource", KeyId=key_id, Tags='[{"TagKey":"a","TagValue":"1"},{"TagKey":"b"}]')
    shown = kms("ListResourceTags", KeyId=key_id)["Tags"]["Tag"]
    assert [(each["TagKey"], each["TagValue"]) for each in shown] == [("a", "1"), ("b", "")]
    assert {each["KeyId"] for each in shown} == {key_id}
    kms("UntagResource", KeyId=key_id, TagKeys='["a"]')
    assert [each["TagKey"] for each in kms("ListResourceTags", KeyId=key_id)["Tags"]["Tag"]] == [
        "b"
    ]


def test_what_an_account_asks(kms: Keys) -> None:
    assert kms("DescribeAccountKmsStatus")["AccountStatus"] == "Enabled"
    regions = kms("DescribeRegions")["Regions"]["Region"]
    assert {"RegionId": "cn-hangzhou"} in regions


def test_refusals_are_worded_as_the_service_words_them(kms: Keys) -> None:
    """(KMS, common errors; documented)."""

    def message(action: str, **parameters: Any) -> str:
        answer = call_v1(kms.world.server, ROOT_A, "kms", action, **parameters)
        assert answer.status >= 400
        return str(answer.json["Message"])

    key_id = kms.make()
    alias = kms.alias(key_id)
    encrypting = {"KeyId": key_id, "Plaintext": "YQ=="}
    rejected = "The request was rejected because the key state is {}."
    assert message("EnableKey", KeyId=alias) == "Alias is not valid for this api."
    assert message("CreateAlias", KeyId=key_id, AliasName=alias) == "AliasName Already Exists."
    assert message("CancelKeyDeletion", KeyId=key_id) == "Keystate modified failed."
    assert message("DescribeKey") == 'The parameter "KeyId" is needed but not provided.'
    spec = {"KeyId": key_id, "KeySpec": "AES_512"}
    assert message("GenerateDataKey", **spec) == 'The specified parameter "KeySpec" is not valid.'
    kms("DisableKey", KeyId=key_id)
    assert message("Encrypt", **encrypting) == rejected.format("Disabled")
    kms("ScheduleKeyDeletion", KeyId=key_id, **WINDOW)
    assert message("Encrypt", **encrypting) == rejected.format("PendingDeletion")
    waiting = {**encrypting, "KeyId": kms.make(Origin="EXTERNAL")}
    assert message("Encrypt", **waiting) == rejected.format("PendingImport")


def test_the_key_of_oss_takes_no_tags(kms: Keys) -> None:
    server = kms.world.server
    bucket = bucket_of_a(server, "src-bucket")
    bucket.put_object(kms.world.name("key"), b"x", headers=sse_kms())
    key_id = default_key_id(KeyHolder(UID_A, "cn-hangzhou"))
    asked: dict[str, Any] = {"KeyId": key_id, "TagKeys": '["a"]'}
    asked["Tags"] = '[{"TagKey":"a","TagValue":"b"}]'
    newer: dict[str, Any] = {
        "ResourceType": "key",
        "ResourceId.1": key_id,
        "Tag.1.Key": "a",
        "TagKey.1": "a",
    }
    for action, given in (
        ("TagResource", asked),
        ("UntagResource", asked),
        ("TagResources", newer),
        ("UntagResources", newer),
    ):
        answer = call_v1(server, ROOT_A, "kms", action, **given)
        assert (answer.status, answer.json["Code"]) == (403, "Forbidden.NoPermission"), action
    assert kms("ListResourceTags", KeyId=key_id)["Tags"]["Tag"] == []
