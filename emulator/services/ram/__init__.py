"""RAM: users, groups, roles, policies and what they are attached to."""

from __future__ import annotations

from emulator.services.ram import attachments, groups, policies, roles, security, tags, users
from emulator.services.rpc.call import Product
from emulator.services.rpc.dialect import PopDialect

RAM = Product(
    service="ram",
    version="2015-05-01",
    dialect=PopDialect(),
    operations={
        **users.OPERATIONS,
        **groups.OPERATIONS,
        **roles.OPERATIONS,
        **policies.OPERATIONS,
        **attachments.OPERATIONS,
        **tags.OPERATIONS,
        **security.OPERATIONS,
    },
)
