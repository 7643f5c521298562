"""The key service: keys and what their material does, aliases, key policies. No wire format."""
