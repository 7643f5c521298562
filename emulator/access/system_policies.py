"""The policies Alibaba Cloud brings along, in the versions RAM shows as default.

(RAM, system policies; documented, except the texts of AliyunOSSFullAccess and AliyunRAMFullAccess
and the resource names of AliyunKMSCryptoAdminAccess, which are inferred from their meaning.)
"""

from __future__ import annotations

from typing import NamedTuple

from emulator.access.identity import PolicyRef, PolicyType, RamPolicy

_SINCE_MS = 1_430_092_800_000  # 2015-04-27, when RAM began; the policies' own dates vary

_ADMINISTRATOR = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":"*","Resource":"*"}]}"""

_OSS_FULL = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}"""

_OSS_READ_ONLY = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":["oss:Get*","oss:List*"],"Resource":"*"}]}"""

_STS_ASSUME_ROLE = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}"""

_RAM_FULL = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":"ram:*","Resource":"*"}]}"""

_KMS_FULL = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":"kms:*","Resource":"*"},
{"Effect":"Allow","Action":"ram:CreateServiceLinkedRole","Resource":"*",
"Condition":{"StringEquals":{"ram:ServiceName":[
"secretsmanager-rds.kms.aliyuncs.com","keystore.kms.aliyuncs.com"]}}}]}"""

_KMS_CRYPTO_USER = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey",
"kms:GenerateDataKeyWithoutPlaintext","kms:AsymmetricEncrypt","kms:AsymmetricDecrypt",
"kms:AsymmetricSign","kms:AsymmetricVerify","kms:GetPublicKey"],"Resource":"*"}]}"""

_KMS_CRYPTO_ADMIN = """{"Version":"1","Statement":[
{"Effect":"Allow","Action":"kms:*","Resource":["acs:kms:*:*:key","acs:kms:*:*:key/*",
"acs:kms:*:*:alias","acs:kms:*:*:alias/*"]}]}"""


class _SystemPolicy(NamedTuple):
    version: int  # the one RAM shows as default
    document: str
    description: str


_POLICIES = {
    "AdministratorAccess": _SystemPolicy(
        1, _ADMINISTRATOR, "Provides full access to Alibaba Cloud services and resources."
    ),
    "AliyunOSSFullAccess": _SystemPolicy(
        1, _OSS_FULL, "Provides full access to Object Storage Service via Management Console."
    ),
    "AliyunOSSReadOnlyAccess": _SystemPolicy(
        1, _OSS_READ_ONLY, "Provides read-only access to Object Storage Service."
    ),
    "AliyunSTSAssumeRoleAccess": _SystemPolicy(
        1, _STS_ASSUME_ROLE, "Provides access to the AssumeRole operation of STS."
    ),
    "AliyunRAMFullAccess": _SystemPolicy(
        1, _RAM_FULL, "Provides full access to Resource Access Management."
    ),
    "AliyunKMSFullAccess": _SystemPolicy(
        3, _KMS_FULL, "Provides full access to Key Management Service."
    ),
    "AliyunKMSCryptoUserAccess": _SystemPolicy(
        1, _KMS_CRYPTO_USER, "Provides access to the cryptographic operations of KMS."
    ),
    "AliyunKMSCryptoAdminAccess": _SystemPolicy(
        2, _KMS_CRYPTO_ADMIN, "Provides access to keys and aliases of KMS."
    ),
}

SYSTEM_POLICY_NAMES = tuple(_POLICIES)
_BY_FOLDED_NAME = {name.casefold(): name for name in SYSTEM_POLICY_NAMES}


def system_policy(name: str) -> RamPolicy | None:
    """The system policy of this name, compared without case."""
    written = _BY_FOLDED_NAME.get(name.casefold())
    if written is None:
        return None
    found = _POLICIES[written]
    return RamPolicy(
        account_uid="",
        name=written,
        type=PolicyType.SYSTEM,
        document=found.document,
        description=found.description,
        default_version=found.version,
        created_ms=_SINCE_MS,
        updated_ms=_SINCE_MS,
    )


def policy_ref(name: str) -> PolicyRef:
    """The reference meant by a bare name: a system policy if there is one so named, else custom."""
    if name in _POLICIES:
        return PolicyRef(PolicyType.SYSTEM, name)
    return PolicyRef(PolicyType.CUSTOM, name)
