"""The replication engine: rules, decisions, tasks, applying, progress, explaining."""
