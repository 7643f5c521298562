"""Bandwidths and request rates of buckets; -1 stands for no limit."""

from __future__ import annotations

from emulator.domain import errors
from emulator.protocol.settings.shape import Tree
from emulator.protocol.settings.shapes import QOS_NUMBERS

UNLIMITED = -1
# What an account may use: ten gigabits a second each way (OSS limits; documented). Request rates
# are left open (inferred).
USER_LIMITS: Tree = {
    name: 10 if name.startswith("Total") and name.endswith("Bandwidth") else UNLIMITED
    for name in QOS_NUMBERS
}
_SUFFIXES = ("UploadBandwidth", "DownloadBandwidth", "Qps")


def check_qos(tree: Tree) -> Tree:
    """No total above the account's, no part above the total; what is left out is unlimited.

    (Vendor's suite; observed.) Raises InvalidArgument.
    """
    numbers = {name: UNLIMITED for name in QOS_NUMBERS}
    numbers.update({name: value for name, value in tree.items() if isinstance(value, int)})
    for suffix in _SUFFIXES:
        total = f"Total{suffix}"
        most = USER_LIMITS[total]
        assert isinstance(most, int)
        _check(total, numbers[total], most)
        if numbers[total] != UNLIMITED:
            most = numbers[total]
        for part in (f"Intranet{suffix}", f"Extranet{suffix}"):
            _check(part, numbers[part], most)
    return dict(numbers)


def _check(name: str, value: int, most: int) -> None:
    if value < UNLIMITED or (most != UNLIMITED and value > most):
        raise errors.InvalidArgument(f"The {name} is invalid.", name=name, value=str(value))
