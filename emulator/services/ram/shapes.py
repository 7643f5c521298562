"""How RAM shows its entities (RAM, response parameters; documented)."""

from __future__ import annotations

from emulator.access.identity import (
    AccessKey,
    Attachment,
    Group,
    PolicyType,
    PolicyVersion,
    RamPolicy,
    Role,
    User,
)
from emulator.services.rpc.dates import iso_seconds
from emulator.services.rpc.dialect import Members


def user_members(user: User) -> Members:
    """A user."""
    return {
        "UserId": user.user_id,
        "UserName": user.name,
        "DisplayName": user.display_name,
        "MobilePhone": user.mobile_phone,
        "Email": user.email,
        "Comments": user.comments,
        "CreateDate": iso_seconds(user.created_ms),
        "UpdateDate": iso_seconds(user.updated_ms),
    }


def group_members(group: Group) -> Members:
    """A group."""
    return {
        "GroupId": group.group_id,
        "GroupName": group.name,
        "Comments": group.comments,
        "CreateDate": iso_seconds(group.created_ms),
        "UpdateDate": iso_seconds(group.updated_ms),
    }


def key_members(key: AccessKey) -> Members:
    """An access key without its secret, which is shown once."""
    return {
        "AccessKeyId": key.access_key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": iso_seconds(key.created_ms),
    }


def role_members(role: Role, tags: dict[str, str] | None = None) -> Members:
    """A role as listings show it, without its trust policy."""
    members: Members = {
        "RoleId": role.role_id,
        "RoleName": role.name,
        "Arn": role.arn,
        "Description": role.description,
        "CreateDate": iso_seconds(role.created_ms),
        "UpdateDate": iso_seconds(role.updated_ms),
        "MaxSessionDuration": role.max_session_duration_s,
        "AllowConsoleLogin": role.allow_console_login,
    }
    if tags:
        members["Tags"] = tag_members(tags)
    return members


def whole_role_members(role: Role) -> Members:
    """A role with its trust policy, as it was written."""
    return {**role_members(role), "AssumeRolePolicyDocument": role.trust_policy}


def policy_members(
    policy: RamPolicy, attachments: int, tags: dict[str, str] | None = None
) -> Members:
    """A policy without its document."""
    members: Members = {
        "PolicyName": policy.name,
        "PolicyType": policy.type.value,
        "Description": policy.description,
        "DefaultVersion": version_id(policy.default_version),
        "CreateDate": iso_seconds(policy.created_ms),
        "UpdateDate": iso_seconds(policy.updated_ms),
        "AttachmentCount": attachments,
    }
    if tags:
        members["Tags"] = tag_members(tags)
    return members


def attached_members(policy: RamPolicy, attachment: Attachment) -> Members:
    """A policy as what it is attached to shows it."""
    return {
        "PolicyName": policy.name,
        "PolicyType": policy.type.value,
        "Description": policy.description,
        "DefaultVersion": version_id(policy.default_version),
        "AttachDate": iso_seconds(attachment.attached_ms),
    }


def version_members(version: PolicyVersion, default_number: int) -> Members:
    """A version with its document, as it was written."""
    return {
        "VersionId": version_id(version.number),
        "IsDefaultVersion": version.number == default_number,
        "PolicyDocument": version.document,
        "CreateDate": iso_seconds(version.created_ms),
    }


def default_version(policy: RamPolicy, versions: list[PolicyVersion]) -> PolicyVersion:
    """The version in force; a system policy has no other."""
    if policy.type is not PolicyType.SYSTEM:
        for version in versions:
            if version.number == policy.default_version:
                return version
    return PolicyVersion(policy.default_version, policy.document, policy.created_ms)


def version_id(number: int) -> str:
    """``v1``."""
    return f"v{number}"


def tag_members(tags: dict[str, str]) -> Members:
    """``Tags.Tag[]``."""
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}
