"""Upload callbacks: the emulator tells an application server that an object is stored.

PutObject, PostObject and CompleteMultipartUpload read the parameters before anything is stored
(``read_callback``) and call after it is (``with_callback``). Off until the setting
``oss.outgoing_allow`` names hosts.
"""

from emulator.protocol.callbacks.calling import Callbacks, with_callback
from emulator.protocol.callbacks.outgoing import Outgoing, OutgoingFailed, OutgoingRefused
from emulator.protocol.callbacks.parameters import Callback, read_callback, read_form_callback
from emulator.protocol.callbacks.signing_key import CallbackKey

__all__ = [
    "Callback",
    "CallbackKey",
    "Callbacks",
    "Outgoing",
    "OutgoingFailed",
    "OutgoingRefused",
    "read_callback",
    "read_form_callback",
    "with_callback",
]
