"""The errors of delivery to browsers and strangers; see ``domain.errors``."""

from __future__ import annotations

from emulator.domain.errors.core import OssError


class AccessForbidden(OssError):
    """CORSResponse: This CORS request is not allowed. This is usually because the evalution of
    Origin, request method / Access-Control-Request-Method or Access-Control-Requet-Headers are
    not whitelisted by the resource's CORS spec.
    """


class SecondLevelDomainForbidden(OssError):
    """The bucket you are attempting to access must be addressed using OSS third level domain."""


class MirrorFailed(OssError):
    """The origin of the website's routing rule is not asked: this server reaches out to nobody."""
