"""OSS Replication Emulator: Alibaba Cloud OSS with replicating buckets in one local process."""

__version__ = "0.1.0"
