-- Settings of buckets and accounts, and what can befall a version after it was written.

-- One row a setting. `item` tells apart the settings of which a bucket has several (inventories,
-- styles, domain names); '' for all others. The document is JSON with OSS's element names.
CREATE TABLE bucket_settings (
    bucket_id INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    item      TEXT    NOT NULL,
    document  TEXT    NOT NULL,
    PRIMARY KEY (bucket_id, name, item)
) WITHOUT ROWID;

CREATE INDEX bucket_settings_by_name ON bucket_settings (name, bucket_id);

CREATE TABLE account_settings (
    account_uid TEXT NOT NULL,
    name        TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (account_uid, name)
) WITHOUT ROWID;

-- Which settings a bucket has, so that a request reads only those that are there.
ALTER TABLE buckets ADD COLUMN setting_names TEXT NOT NULL DEFAULT '';

CREATE TRIGGER bucket_settings_go AFTER DELETE ON buckets BEGIN
    DELETE FROM bucket_settings WHERE bucket_id = old.id;
END;

-- Restored, sealed, moved to another class, retained: see ObjectState. '' for most versions.
ALTER TABLE versions ADD COLUMN state_json TEXT NOT NULL DEFAULT '';
