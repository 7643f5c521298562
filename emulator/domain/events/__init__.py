"""Event notifications: rules of buckets, events recorded with the change, and their delivery.

OSS is told of rules by its console, not by its public interface; here the control API does it.
The rules of a bucket are its setting ``NOTIFICATIONS``. Whoever changes an object asks whether
the bucket has that setting and records the event in the same transaction.
"""

from emulator.domain.events.recording import (
    NOTIFICATIONS,
    record_event,
    record_key_event,
    record_upload_event,
)

__all__ = ["NOTIFICATIONS", "record_event", "record_key_event", "record_upload_event"]
