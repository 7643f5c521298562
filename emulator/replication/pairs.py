"""What a pair of regions lets a rule do. Pure; the lists are those of ``regions``."""

from __future__ import annotations

from typing import Final

from emulator.domain import errors
from emulator.domain.model import Bucket
from emulator.replication import regions
from emulator.replication.settings import ReplicationSettings

TRANSFER_TYPES: Final = frozenset({"", regions.INTERNAL, regions.ACCELERATED})
_AS_DOCUMENTED: Final = "documented"  # in ``repl.tag_filter_blocked_regions``: those of the file
_NO_PARTNER: Final = "0031-00000104"
_LINK: Final = "0031-00000107"


def check_locations(source: Bucket, destination: Bucket) -> None:
    """Raise NoReplicationLocation (EC 0031-00000104; that they belong together is inferred) or
    BadReplicationLocation for regions between which nothing replicates (documented)."""
    if source.region == destination.region:
        return
    if source.region not in regions.known_regions():
        raise errors.NoReplicationLocation(ec=_NO_PARTNER)
    if destination.region not in regions.known_regions():
        raise errors.BadReplicationLocation


def check_link(
    transfer_type: str, source: Bucket, destination: Bucket, settings: ReplicationSettings
) -> None:
    """Whether the transfer type suits the pair. Raises InvalidArgument, EC 0031-00000107.

    Across the border ``internal`` is refused, because acceleration "must be enabled" there (the
    code is inferred). An omitted type is let through, because the service does so (observed), and
    so is ``oss_acc`` where GetBucketReplicationLocation offers none: samples use it within the
    mainland (documented) and a client's test within one region (observed).
    ``repl.strict_transfer_type`` refuses both.
    """
    strict = settings.strict_transfer_type
    crosses = regions.crosses_border(source.region, destination.region)
    refused = (
        transfer_type == regions.INTERNAL or (strict and transfer_type == "")
        if crosses
        else strict and transfer_type == regions.ACCELERATED
    )
    if refused:
        raise errors.InvalidArgument(
            f"The transfer type {transfer_type or regions.INTERNAL} is not available between "
            f"{source.location} and {destination.location}.",
            name="TransferType",
            value=transfer_type,
            ec=_LINK,
        )


def check_rtc(source_region: str, destination_region: str) -> None:
    """Raise ReplicationLocationNotSupportRtc unless RTC works between two regions (documented)."""
    if not regions.supports_rtc(source_region, destination_region):
        raise errors.ReplicationLocationNotSupportRtc


def check_tag_filter(source: Bucket, settings: ReplicationSettings) -> None:
    """Raise InvalidArgument where rules cannot filter by tags, as ``repl.
    tag_filter_blocked_regions`` has it (the documents disagree; the code is inferred)."""
    blocked = settings.tag_filter_blocked_regions
    listed = _AS_DOCUMENTED in blocked and regions.lacks_tag_filters(source.region)
    if listed or source.region in blocked:
        raise errors.InvalidArgument("Tag filters are not available in this region.")


def check_sse_kms(source: Bucket, destination: Bucket) -> None:
    """Raise InvalidArgument where SSE-KMS objects do not replicate (the code is inferred)."""
    for bucket in (source, destination):
        if not regions.replicates_sse_kms(bucket.region):
            raise errors.InvalidArgument(
                f"Objects encrypted with SSE-KMS are not replicated in {bucket.location}.",
                name="SseKmsEncryptedObjects",
                value="Enabled",
            )
