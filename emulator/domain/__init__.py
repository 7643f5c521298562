"""What OSS does to buckets, objects and versions, with no wire and no disk."""
