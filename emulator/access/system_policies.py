"""The policies Alibaba Cloud brings along, in the versions RAM shows as default.

(RAM, system policies; documented, except the texts of AliyunOSSFullAccess and AliyunRAMFullAccess
and the resource names of AliyunKMSCryptoAdminAccess, which are inferred from their meaning.)
"""

from __future__ import annotations

from emulator.access.identity import PolicyRef, PolicyType, RamPolicy

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

_DOCUMENTS = {
    "AdministratorAccess": _ADMINISTRATOR,
    "AliyunOSSFullAccess": _OSS_FULL,
    "AliyunOSSReadOnlyAccess": _OSS_READ_ONLY,
    "AliyunSTSAssumeRoleAccess": _STS_ASSUME_ROLE,
    "AliyunRAMFullAccess": _RAM_FULL,
    "AliyunKMSFullAccess": _KMS_FULL,
    "AliyunKMSCryptoUserAccess": _KMS_CRYPTO_USER,
    "AliyunKMSCryptoAdminAccess": _KMS_CRYPTO_ADMIN,
}

SYSTEM_POLICY_NAMES = tuple(_DOCUMENTS)
_BY_FOLDED_NAME = {name.casefold(): name for name in SYSTEM_POLICY_NAMES}


def system_policy(name: str) -> RamPolicy | None:
    """The system policy of this name, compared without case."""
    written = _BY_FOLDED_NAME.get(name.casefold())
    if written is None:
        return None
    return RamPolicy(
        account_uid="", name=written, type=PolicyType.SYSTEM, document=_DOCUMENTS[written]
    )


def policy_ref(name: str) -> PolicyRef:
    """The reference meant by a bare name: a system policy if there is one so named, else custom."""
    if name in _DOCUMENTS:
        return PolicyRef(PolicyType.SYSTEM, name)
    return PolicyRef(PolicyType.CUSTOM, name)
