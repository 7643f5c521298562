"""Which function answers which operation. What is not here answers NotImplemented."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.protocol.api import (
    access_monitor,
    access_points,
    append,
    bucket_info,
    buckets,
    cnames,
    copies,
    head_bucket,
    lifecycle,
    listings,
    live_channels,
    multipart,
    objects,
    options,
    part_copies,
    policy_status,
    post_object,
    reads,
    redundancy_transitions,
    replication,
    restore,
    retention,
    service,
    setting_lists,
    settings,
    stat,
    symlinks,
    upload_listings,
    worm,
)
from emulator.protocol.call import Handler
from emulator.protocol.operations import Operation, operation_named

_MODULES: tuple[Mapping[str, Handler], ...] = (
    service.HANDLERS,
    settings.HANDLERS,
    setting_lists.HANDLERS,
    redundancy_transitions.HANDLERS,
    live_channels.HANDLERS,
    cnames.HANDLERS,
    access_points.HANDLERS,
    buckets.HANDLERS,
    bucket_info.HANDLERS,
    listings.HANDLERS,
    objects.HANDLERS,
    copies.HANDLERS,
    reads.HANDLERS,
    append.HANDLERS,
    symlinks.HANDLERS,
    replication.HANDLERS,
    restore.HANDLERS,
    retention.HANDLERS,
    worm.HANDLERS,
    stat.HANDLERS,
    lifecycle.HANDLERS,
    access_monitor.HANDLERS,
    multipart.HANDLERS,
    part_copies.HANDLERS,
    upload_listings.HANDLERS,
    options.HANDLERS,
    policy_status.HANDLERS,
    post_object.HANDLERS,
    head_bucket.HANDLERS,
)


def handlers() -> dict[Operation, Handler]:
    """The handlers by row of the operation table."""
    return {
        operation_named(name): handler for module in _MODULES for name, handler in module.items()
    }
