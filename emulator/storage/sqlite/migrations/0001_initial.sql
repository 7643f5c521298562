-- Buckets, version stacks, blobs and changes; accounts and access.
-- Instants are milliseconds since 1970-01-01 UTC. Names of states are OSS's own words.

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- The highest number that may have been given out by next_seq().
INSERT INTO counters (name, value) VALUES ('seq', 0);

CREATE TABLE buckets (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused
    name          TEXT    NOT NULL UNIQUE,
    owner_uid     TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    created_ms    INTEGER NOT NULL,
    acl           TEXT    NOT NULL,
    storage_class TEXT    NOT NULL,
    redundancy    TEXT    NOT NULL,
    versioning    TEXT    NOT NULL DEFAULT '',
    policy        TEXT    NOT NULL DEFAULT ''
);

CREATE INDEX buckets_by_owner ON buckets (owner_uid, name);

-- The stacks. Newest first, so that the current entry is the first one met and a listing of all
-- versions needs no sorting.
CREATE TABLE versions (
    bucket_id       INTEGER NOT NULL,
    key             TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    version_id      TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    size_bytes      INTEGER NOT NULL,
    etag            TEXT    NOT NULL,
    crc64           INTEGER NOT NULL,  -- the unsigned value as two's complement
    modified_ms     INTEGER NOT NULL,
    storage_class   TEXT    NOT NULL,
    acl             TEXT    NOT NULL,
    owner_uid       TEXT    NOT NULL,
    headers_json    TEXT    NOT NULL,
    tags_json       TEXT    NOT NULL,
    extents         TEXT    NOT NULL,  -- [[blob, offset, length], ...]; '' for none
    encryption_json TEXT    NOT NULL,
    symlink_target  TEXT    NOT NULL,
    origin          TEXT,              -- [rule, change, source seq, applied]; NULL: not a replica
    listed          INTEGER NOT NULL,
    PRIMARY KEY (bucket_id, key, seq DESC)
) WITHOUT ROWID;

-- ListObjects skips what is not current without reading it.
CREATE INDEX versions_listed ON versions (bucket_id, key) WHERE listed = 1;

-- A replica carries the version id of its source, which does not say where it is in this stack.
CREATE INDEX versions_replicas ON versions (bucket_id, key, version_id)
    WHERE origin IS NOT NULL AND version_id <> 'null';

-- The null version when it is not the listed one. Empty in buckets that never had versioning.
CREATE INDEX versions_null ON versions (bucket_id, key)
    WHERE version_id = 'null' AND listed = 0;

-- Apart from blob_data, so that counting uses never rewrites the bytes.
CREATE TABLE blobs (
    id         INTEGER PRIMARY KEY,  -- from next_seq(): never reused
    refs       INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    home       TEXT    NOT NULL,
    file       TEXT    NOT NULL
);

CREATE UNIQUE INDEX blobs_by_file ON blobs (file) WHERE file <> '';

CREATE TABLE blob_data (
    blob_id INTEGER PRIMARY KEY,
    data    BLOB NOT NULL
);

-- AUTOINCREMENT keeps seq increasing when the newest changes have been forgotten; a rolled back
-- transaction gives its numbers back, so there are no gaps.
CREATE TABLE changes (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id       INTEGER NOT NULL,
    key             TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    version_id      TEXT    NOT NULL,
    version_seq     INTEGER NOT NULL,
    at_ms           INTEGER NOT NULL,
    removed_kind    TEXT    NOT NULL,
    prior_tags_json TEXT    NOT NULL
);

CREATE INDEX changes_by_bucket ON changes (bucket_id, seq);

-- Who there is. Names of users, roles and policies are kept as written and found by their folded
-- form, because they are compared without case.
INSERT INTO counters (name, value) VALUES ('identities', 0);

CREATE TABLE accounts (
    uid          TEXT PRIMARY KEY,
    display_name TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE access_keys (
    access_key_id TEXT PRIMARY KEY,
    secret        TEXT    NOT NULL,
    account_uid   TEXT    NOT NULL,
    user_name     TEXT    NOT NULL,  -- '' for a key of the account itself
    active        INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    account_uid  TEXT NOT NULL,
    folded_name  TEXT NOT NULL,
    name         TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    display_name TEXT NOT NULL,
    PRIMARY KEY (account_uid, folded_name)
) WITHOUT ROWID;

CREATE TABLE roles (
    account_uid            TEXT    NOT NULL,
    folded_name            TEXT    NOT NULL,
    name                   TEXT    NOT NULL,
    role_id                TEXT    NOT NULL,
    trust_policy           TEXT    NOT NULL,
    max_session_duration_s INTEGER NOT NULL,
    PRIMARY KEY (account_uid, folded_name)
) WITHOUT ROWID;

-- Custom policies only: system policies are part of the program.
CREATE TABLE policies (
    account_uid TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    name        TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (account_uid, folded_name)
) WITHOUT ROWID;

-- In the order of attachment, which is the order of id.
CREATE TABLE attachments (
    id            INTEGER PRIMARY KEY,
    account_uid   TEXT NOT NULL,
    holder_kind   TEXT NOT NULL CHECK (holder_kind IN ('user', 'role')),
    folded_holder TEXT NOT NULL,
    policy_type   TEXT NOT NULL,
    folded_policy TEXT NOT NULL,
    policy_name   TEXT NOT NULL,
    UNIQUE (account_uid, holder_kind, folded_holder, policy_type, folded_policy)
);

CREATE TABLE sessions (
    access_key_id  TEXT PRIMARY KEY,
    secret         TEXT    NOT NULL,
    security_token TEXT    NOT NULL,
    account_uid    TEXT    NOT NULL,
    role_name      TEXT    NOT NULL,
    session_name   TEXT    NOT NULL,
    expires_ms     INTEGER NOT NULL,
    policy         TEXT
) WITHOUT ROWID;
