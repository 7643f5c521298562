-- Changes of multipart uploads: which upload a change is about, or became the object of it.

ALTER TABLE changes ADD COLUMN upload_id TEXT NOT NULL DEFAULT '';  -- '' for no upload
ALTER TABLE changes ADD COLUMN part_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replication_tasks ADD COLUMN upload_id TEXT NOT NULL DEFAULT '';
ALTER TABLE replication_tasks ADD COLUMN part_number INTEGER NOT NULL DEFAULT 0;
