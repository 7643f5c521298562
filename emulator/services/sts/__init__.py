"""STS: temporary credentials, and who the caller is."""

from __future__ import annotations

from emulator.access.identity import PrincipalKind
from emulator.services.rpc.call import Operation, Product, RpcCall
from emulator.services.rpc.dialect import Members, PopDialect
from emulator.services.sts.assume_role import assume_role

_IDENTITY_TYPES = {
    PrincipalKind.ROOT: "Account",
    PrincipalKind.USER: "RAMUser",
    PrincipalKind.ROLE: "AssumedRoleUser",
}


async def get_caller_identity(call: RpcCall) -> Members:
    """It takes no right (STS GetCallerIdentity; documented, the Arn of a token inferred)."""
    principal = call.principal
    members: Members = {
        "IdentityType": _IDENTITY_TYPES[principal.kind],
        "AccountId": principal.account_uid,
        "PrincipalId": principal.principal_id,
        "Arn": principal.arn,
    }
    if principal.kind is PrincipalKind.ROLE:
        members["RoleId"] = principal.principal_id.partition(":")[0]
    else:
        members["UserId"] = principal.principal_id
    return members


STS = Product(
    service="sts",
    version="2015-04-01",
    dialect=PopDialect(),
    operations={
        # who may take on a role is decided by its trust policy as well
        "AssumeRole": Operation(assume_role),
        "GetCallerIdentity": Operation(get_caller_identity),
    },
)
