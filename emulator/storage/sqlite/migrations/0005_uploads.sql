-- Multipart uploads that are neither completed nor aborted, and their parts.

-- In the order of their listing.
CREATE TABLE uploads (
    bucket_id        INTEGER NOT NULL,
    key              TEXT    NOT NULL,
    upload_id        TEXT    NOT NULL,
    id               INTEGER NOT NULL,  -- from next_seq(): never reused
    initiated_ms     INTEGER NOT NULL,
    initiator_uid    TEXT    NOT NULL,
    storage_class    TEXT    NOT NULL,
    headers_json     TEXT    NOT NULL,
    tags_json        TEXT    NOT NULL,
    encryption_json  TEXT    NOT NULL,
    retention_json   TEXT    NOT NULL,  -- '' for none
    is_sequential    INTEGER NOT NULL,
    has_hash_context INTEGER NOT NULL,
    origin           TEXT,              -- as in versions; NULL: a client's own
    PRIMARY KEY (bucket_id, key, upload_id)
) WITHOUT ROWID;

-- Every extent of a part counts as one use of its blob, which passes on to the completed object.
CREATE TABLE parts (
    upload      INTEGER NOT NULL,  -- uploads.id
    number      INTEGER NOT NULL,
    seq         INTEGER NOT NULL,  -- from next_seq(): another one for every content
    size_bytes  INTEGER NOT NULL,
    etag        TEXT    NOT NULL,
    crc64       INTEGER NOT NULL,  -- the unsigned value as two's complement
    modified_ms INTEGER NOT NULL,
    extents     TEXT    NOT NULL,  -- [[blob, offset, length], ...]; '' for none
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
