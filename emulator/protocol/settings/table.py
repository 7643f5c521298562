"""One row for each setting: its documents, what is checked, and what is shown while it is unset.

The permission of an operation is that of its row in the table of operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from emulator.config import KIB
from emulator.domain import errors as missing
from emulator.domain.errors import OssError
from emulator.protocol.settings import shapes
from emulator.protocol.settings.acceleration import admit_acceleration, refuse_while_used
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.cors import check_cors
from emulator.protocol.settings.encryption import check_encryption
from emulator.protocol.settings.https import check_https
from emulator.protocol.settings.inventory import admit_inventory, check_inventory
from emulator.protocol.settings.logging import admit_logging
from emulator.protocol.settings.overwrite import admit_overwrite
from emulator.protocol.settings.qos import UNLIMITED, check_qos
from emulator.protocol.settings.referer import tidy_referers
from emulator.protocol.settings.resource_group import check_resource_group, default_group
from emulator.protocol.settings.shape import Field, Tree
from emulator.protocol.settings.style import admit_style
from emulator.protocol.settings.tags import check_tags
from emulator.protocol.settings.website import check_website

BODY_BYTES_MAX = 64 * KIB  # of documents without a documented limit (inferred)
_ALL = ("Put", "Get", "Delete")
_KEPT_FOR_GOOD = ("Put", "Get")


def _unchanged(tree: Tree) -> Tree:
    return tree


def _admitted(_asked: Asked, tree: Tree) -> Tree:
    return tree


def _released(_asked: Asked) -> None:
    return


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, stored under ``name``, which is its sub-resource.

    Its operations are ``verbs`` before ``noun``. ``item`` is the query parameter that tells apart
    settings of which a bucket has several; ``of_account`` marks one of the account.

    ``check`` looks at a document alone and may put it straight; ``admit`` also at what is stored,
    inside the transaction, as does ``release`` before a setting goes. A GET without a setting
    raises ``missing`` of the bucket's name; where there is none, the answer is ``shown``, elements
    that are shown whenever the document lacks them. ``shown_to`` makes them from the owner's
    account id.
    """

    name: str
    noun: str
    shape: Field
    verbs: tuple[str, ...] = _ALL
    item: str = ""
    of_account: bool = False
    check: Callable[[Tree], Tree] = _unchanged
    admit: Callable[[Asked, Tree], Tree] = _admitted
    release: Callable[[Asked], None] = _released
    missing: Callable[[str], OssError] | None = None
    shown: Mapping[str, object] = {}
    shown_to: Callable[[str], Tree] | None = None
    kept: Field | None = None
    bytes_max: int = BODY_BYTES_MAX
    ec: str = ""

    @property
    def kept_shape(self) -> Field:
        """The shape of what is stored and shown; ``shape`` is that of what is sent."""
        return self.kept or self.shape


_NOT_BLOCKED = {"BlockPublicAccess": False}

# What a GET shows while nothing is set: the page of each operation; documented. Those of `qosInfo`
# and `qos` are inferred.
SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="tagging",
        noun="BucketTags",
        shape=shapes.TAGGING,
        verbs=_KEPT_FOR_GOOD,  # deleting is odd: it can name the tags that go
        check=check_tags,
        shown={"TagSet": {}},
    ),
    Setting(
        name="cors",
        noun="BucketCors",
        shape=shapes.CORS,
        check=check_cors,
        missing=missing.NoSuchCORSConfiguration,
        shown={"ResponseVary": False},
        bytes_max=16 * KIB,
    ),
    Setting(
        name="website",
        noun="BucketWebsite",
        shape=shapes.WEBSITE,
        check=check_website,
        missing=missing.NoSuchWebsiteConfiguration,
        bytes_max=16 * KIB,
    ),
    Setting(
        name="logging",
        noun="BucketLogging",
        shape=shapes.LOGGING,
        admit=admit_logging,
    ),
    Setting(
        name="userDefinedLogFieldsConfig",
        noun="UserDefinedLogFieldsConfig",
        shape=shapes.LOG_FIELDS,
        missing=missing.NoSuchUserDefinedLogFieldsConfig,
    ),
    Setting(
        name="referer",
        noun="BucketReferer",
        shape=shapes.REFERER,
        verbs=_KEPT_FOR_GOOD,
        check=tidy_referers,
        shown={"AllowEmptyReferer": True, "AllowTruncateQueryString": True, "RefererList": {}},
        bytes_max=20 * KIB,
    ),
    Setting(
        name="transferAcceleration",
        noun="BucketTransferAcceleration",
        shape=shapes.TRANSFER_ACCELERATION,
        admit=admit_acceleration,
        release=refuse_while_used,
        missing=missing.NoSuchTransferAccelerationConfiguration,
    ),
    Setting(
        name="requestPayment",
        noun="BucketRequestPayment",
        shape=shapes.REQUEST_PAYMENT,
        verbs=_KEPT_FOR_GOOD,
        shown={"Payer": "BucketOwner"},
    ),
    Setting(
        name="encryption",
        noun="BucketEncryption",
        shape=shapes.ENCRYPTION,
        check=check_encryption,
        missing=missing.NoSuchServerSideEncryptionRule,
    ),
    Setting(
        name="publicAccessBlock",
        noun="BucketPublicAccessBlock",
        shape=shapes.PUBLIC_ACCESS_BLOCK,
        shown=_NOT_BLOCKED,
    ),
    Setting(
        name="publicAccessBlock",
        noun="PublicAccessBlock",
        shape=shapes.PUBLIC_ACCESS_BLOCK,
        of_account=True,
        shown=_NOT_BLOCKED,
    ),
    Setting(
        name="httpsConfig",
        noun="BucketHttpsConfig",
        shape=shapes.HTTPS,
        verbs=_KEPT_FOR_GOOD,
        check=check_https,
        missing=missing.NoSuchHttpsConfig,
    ),
    Setting(
        name="bucketArchiveDirectRead",
        noun="BucketArchiveDirectRead",
        shape=shapes.ARCHIVE_DIRECT_READ,
        verbs=_KEPT_FOR_GOOD,
        shown={"Enabled": False},
    ),
    Setting(
        name="resourceGroup",
        noun="BucketResourceGroup",
        shape=shapes.RESOURCE_GROUP,
        verbs=_KEPT_FOR_GOOD,
        check=check_resource_group,
        shown_to=lambda owner_uid: {"ResourceGroupId": default_group(owner_uid)},
    ),
    Setting(
        name="overwriteConfig",
        noun="BucketOverwriteConfig",
        shape=shapes.OVERWRITE,
        admit=admit_overwrite,
        missing=missing.NoSuchBucketOverwriteConfig,
        ec="0015-00000231",
    ),
    Setting(
        name="responseHeader",
        noun="BucketResponseHeader",
        shape=shapes.RESPONSE_HEADER,
        missing=missing.NoSuchResponseHeaderConfiguration,
    ),
    Setting(
        name="qosInfo",
        noun="BucketQosInfo",
        shape=shapes.QOS,
        check=check_qos,
        shown={name: UNLIMITED for name in shapes.QOS_NUMBERS},
    ),
    Setting(
        name="qos",
        noun="BucketStorageCapacity",
        shape=shapes.STORAGE_CAPACITY,
        verbs=_KEPT_FOR_GOOD,
        shown={"StorageCapacity": UNLIMITED},
    ),
    Setting(
        name="inventory",
        noun="BucketInventory",
        shape=shapes.INVENTORY,
        item="inventoryId",
        check=check_inventory,
        admit=admit_inventory,
        missing=missing.NoSuchInventory,
    ),
    Setting(
        name="style",
        noun="Style",
        shape=shapes.STYLE_CONTENT,
        kept=shapes.STYLE,
        item="styleName",
        admit=admit_style,
        missing=missing.NoSuchStyle,
    ),
)


def setting_of(noun: str) -> Setting:
    """The row of these operations; KeyError if there is none."""
    return _BY_NOUN[noun]


_BY_NOUN = {setting.noun: setting for setting in SETTINGS}
