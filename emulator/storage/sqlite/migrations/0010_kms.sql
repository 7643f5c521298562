-- The key service: keys, the versions of their material, aliases, tickets for imports.

-- What the material is sealed with: a fingerprint of the root key, which is in a file of its own.
CREATE TABLE kms_root (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    fingerprint TEXT    NOT NULL
);

CREATE TABLE kms_keys (
    id          TEXT    PRIMARY KEY,
    account_uid TEXT    NOT NULL,
    region      TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,  -- when something befalls the key by itself, 0: never
    document    TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX kms_keys_of_account ON kms_keys (account_uid, region, created_ms DESC, id);
CREATE INDEX kms_keys_due ON kms_keys (due_ms) WHERE due_ms > 0;

-- `sealed` is empty where there is no material.
CREATE TABLE kms_versions (
    id         TEXT    PRIMARY KEY,
    key_id     TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    sealed     BLOB    NOT NULL,
    digest     TEXT    NOT NULL
);

CREATE INDEX kms_versions_of_key ON kms_versions (key_id, created_ms DESC);

CREATE TABLE kms_aliases (
    account_uid TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    key_id      TEXT NOT NULL,
    PRIMARY KEY (account_uid, region, name)
) WITHOUT ROWID;

CREATE INDEX kms_aliases_of_key ON kms_aliases (key_id, name);

CREATE TABLE kms_tickets (
    key_id     TEXT    PRIMARY KEY,
    token      TEXT    NOT NULL,
    algorithm  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    expires_ms INTEGER NOT NULL
);

CREATE TRIGGER kms_parts_go AFTER DELETE ON kms_keys BEGIN
    DELETE FROM kms_versions WHERE key_id = old.id;
    DELETE FROM kms_aliases WHERE key_id = old.id;
    DELETE FROM kms_tickets WHERE key_id = old.id;
END;
