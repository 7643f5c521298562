"""What the shape of an HTTPS configuration cannot say."""

from __future__ import annotations

from emulator.domain.errors import MalformedXML
from emulator.protocol.settings.shape import Tree, group_in, texts_in


def check_https(tree: Tree) -> Tree:
    """TLS that is limited names its versions, each once (vendor's suite; observed).

    Raises MalformedXML, also for a document that says nothing (inferred).
    """
    if not tree:
        raise MalformedXML("TLS and CipherSuite are both missing")
    tls = group_in(tree, "TLS")
    versions = list(dict.fromkeys(texts_in(tls, "TLSVersion")))
    if tls.get("Enable") is True and not versions:
        raise MalformedXML("TLSVersion is missing")
    if not versions:
        return tree
    return {**tree, "TLS": {**tls, "TLSVersion": versions}}
