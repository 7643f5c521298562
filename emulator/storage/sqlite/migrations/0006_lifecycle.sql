-- Scans of buckets with lifecycle rules, and when objects were read last.

-- The newest scan of each bucket with rules, and how far it has come.
CREATE TABLE lifecycle_scans (
    bucket_id    INTEGER PRIMARY KEY,
    scheduled_ms INTEGER NOT NULL,
    phase        TEXT    NOT NULL CHECK (phase IN ('versions', 'uploads', 'done')),
    at_key       TEXT    NOT NULL,
    at_seq       INTEGER NOT NULL,
    written_ms   INTEGER NOT NULL,
    at_upload    TEXT    NOT NULL
);

-- Since when the reads of a bucket are monitored.
CREATE TABLE access_monitors (
    bucket_id INTEGER PRIMARY KEY,
    since_ms  INTEGER NOT NULL
);

-- The last read of versions that were read while the monitor was on; seq as in versions.
CREATE TABLE access_times (
    bucket_id INTEGER NOT NULL,
    key       TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (bucket_id, key, seq)
) WITHOUT ROWID;

CREATE TRIGGER access_times_go AFTER DELETE ON versions BEGIN
    DELETE FROM access_times
    WHERE bucket_id = old.bucket_id AND key = old.key AND seq = old.seq;
END;

CREATE TRIGGER lifecycle_go AFTER DELETE ON buckets BEGIN
    DELETE FROM lifecycle_scans WHERE bucket_id = old.id;
    DELETE FROM access_monitors WHERE bucket_id = old.id;
    DELETE FROM access_times WHERE bucket_id = old.id;
END;
