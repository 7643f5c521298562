"""The API of the key service (KMS, 2016-01-20)."""

from __future__ import annotations

from emulator.services.kms import account, aliases, crypto, keys, tags, versions
from emulator.services.rpc.call import Product
from emulator.services.rpc.dialect import KmsDialect

KMS = Product(
    service="kms",
    version="2016-01-20",
    dialect=KmsDialect(),
    operations={
        **keys.OPERATIONS,
        **aliases.OPERATIONS,
        **crypto.OPERATIONS,
        **versions.OPERATIONS,
        **tags.OPERATIONS,
        **account.OPERATIONS,
    },
)
