-- What a task moves, so that pending bytes can be told and links can be shared.

ALTER TABLE replication_tasks ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
