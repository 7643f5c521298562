-- What each bucket holds, kept with every change of versions, uploads and parts.
CREATE TABLE bucket_stats (
    bucket_id     INTEGER NOT NULL,
    noun          TEXT    NOT NULL,  -- object, delete-marker, upload, part
    storage_class TEXT    NOT NULL,  -- '' for delete markers and uploads
    entries       INTEGER NOT NULL,
    size_bytes    INTEGER NOT NULL,
    billed_bytes  INTEGER NOT NULL,
    PRIMARY KEY (bucket_id, noun, storage_class)
) WITHOUT ROWID;

INSERT INTO bucket_stats (bucket_id, noun, storage_class, entries, size_bytes, billed_bytes)
SELECT bucket_id, 'delete-marker', '', count(*), 0, 0
FROM versions WHERE kind = 'DeleteMarker' GROUP BY bucket_id;

INSERT INTO bucket_stats (bucket_id, noun, storage_class, entries, size_bytes, billed_bytes)
SELECT bucket_id, 'object', storage_class, count(*), sum(size_bytes),
       sum(CASE storage_class WHEN 'Standard' THEN size_bytes ELSE max(size_bytes, 65536) END)
FROM versions WHERE kind <> 'DeleteMarker' GROUP BY bucket_id, storage_class;

INSERT INTO bucket_stats (bucket_id, noun, storage_class, entries, size_bytes, billed_bytes)
SELECT bucket_id, 'upload', '', count(*), 0, 0 FROM uploads GROUP BY bucket_id;

INSERT INTO bucket_stats (bucket_id, noun, storage_class, entries, size_bytes, billed_bytes)
SELECT bucket_id, 'part', storage_class, count(*), sum(size_bytes), sum(size_bytes)
FROM parts JOIN uploads ON uploads.id = parts.upload GROUP BY bucket_id, storage_class;

CREATE TRIGGER bucket_stats_go AFTER DELETE ON buckets BEGIN
    DELETE FROM bucket_stats WHERE bucket_id = old.id;
END;
