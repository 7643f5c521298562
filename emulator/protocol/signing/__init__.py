"""Request signatures V1, V2 and V4, in headers and in URLs: reading, checking and making them.

The caller reads the claims, finds the key they name, checks the token, the time and then the
signature. Nothing here knows keys, clocks or sockets.
"""

from emulator.protocol.signing.claims import read_claims
from emulator.protocol.signing.request import Claims, Location, Scheme, SigningRequest
from emulator.protocol.signing.signer import Credentials, Signer, request_target
from emulator.protocol.signing.verify import check_region, check_signature, check_time

__all__ = [
    "Claims",
    "Credentials",
    "Location",
    "Scheme",
    "Signer",
    "SigningRequest",
    "check_region",
    "check_signature",
    "check_time",
    "read_claims",
    "request_target",
]
