"""The RPC-style APIs: RAM, STS and KMS, on the emulator's one port."""
