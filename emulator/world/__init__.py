"""World files: accounts, roles, policies and buckets described in YAML and loaded idempotently."""
