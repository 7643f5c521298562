"""What all RPC-style APIs share: the wire form, both signatures, errors, rendering, paging."""
