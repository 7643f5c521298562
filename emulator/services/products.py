"""The products that are answered, told apart by their version."""

from __future__ import annotations

from emulator.services.kms import KMS
from emulator.services.ram import RAM
from emulator.services.sts import STS

PRODUCTS = (RAM, STS, KMS)
