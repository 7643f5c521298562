"""What an account asks of the key service as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.replication.regions import known_regions
from emulator.services.rpc.call import Operation, RpcCall
from emulator.services.rpc.dialect import Members


async def describe_regions(call: RpcCall) -> Members:
    """KMS DescribeRegions."""
    return {"Regions": {"Region": [{"RegionId": each} for each in sorted(known_regions())]}}


async def describe_account_kms_status(call: RpcCall) -> Members:
    """KMS DescribeAccountKmsStatus: the service is enabled for every account."""
    return {"AccountStatus": "Enabled"}


OPERATIONS: Mapping[str, Operation] = {
    "DescribeRegions": Operation(describe_regions),
    "DescribeAccountKmsStatus": Operation(describe_account_kms_status),
}
