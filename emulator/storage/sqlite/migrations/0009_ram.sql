-- What RAM shows of identities beyond what deciding needs: dates, texts, groups, versions, tags.
-- Rows that were there before have no dates and stand in the first version.

ALTER TABLE users ADD COLUMN mobile_phone TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN comments TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN updated_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE roles ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE roles ADD COLUMN allow_console_login INTEGER NOT NULL DEFAULT 1;
ALTER TABLE roles ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roles ADD COLUMN updated_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE access_keys ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX access_keys_by_user ON access_keys (account_uid, lower(user_name));

-- `document` is that of the default version, so that deciding reads one row.
ALTER TABLE policies ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE policies ADD COLUMN default_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE policies ADD COLUMN last_version INTEGER NOT NULL DEFAULT 1;  -- numbers are not reused
ALTER TABLE policies ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE policies ADD COLUMN updated_ms INTEGER NOT NULL DEFAULT 0;

CREATE TABLE policy_versions (
    account_uid TEXT    NOT NULL,
    folded_name TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    document    TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (account_uid, folded_name, number)
) WITHOUT ROWID;

INSERT INTO policy_versions (account_uid, folded_name, number, document, created_ms)
SELECT account_uid, folded_name, 1, document, 0 FROM policies;

-- `groups` is a word of SQL.
CREATE TABLE ram_groups (
    account_uid TEXT    NOT NULL,
    folded_name TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    group_id    TEXT    NOT NULL,
    comments    TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    PRIMARY KEY (account_uid, folded_name)
) WITHOUT ROWID;

CREATE TABLE memberships (
    account_uid  TEXT    NOT NULL,
    folded_user  TEXT    NOT NULL,
    folded_group TEXT    NOT NULL,
    joined_ms    INTEGER NOT NULL,
    PRIMARY KEY (account_uid, folded_user, folded_group)
) WITHOUT ROWID;

CREATE INDEX memberships_by_group ON memberships (account_uid, folded_group, folded_user);

-- As before, with groups among the holders and the date.
CREATE TABLE new_attachments (
    id            INTEGER PRIMARY KEY,
    account_uid   TEXT    NOT NULL,
    holder_kind   TEXT    NOT NULL CHECK (holder_kind IN ('user', 'group', 'role')),
    folded_holder TEXT    NOT NULL,
    policy_type   TEXT    NOT NULL,
    folded_policy TEXT    NOT NULL,
    policy_name   TEXT    NOT NULL,
    attached_ms   INTEGER NOT NULL,
    UNIQUE (account_uid, holder_kind, folded_holder, policy_type, folded_policy)
);

INSERT INTO new_attachments
SELECT id, account_uid, holder_kind, folded_holder, policy_type, folded_policy, policy_name, 0
FROM attachments;
DROP TABLE attachments;
ALTER TABLE new_attachments RENAME TO attachments;

CREATE INDEX attachments_by_policy ON attachments (account_uid, policy_type, folded_policy);

CREATE TABLE ram_tags (
    account_uid   TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    folded_name   TEXT NOT NULL,
    tag_key       TEXT NOT NULL,
    tag_value     TEXT NOT NULL,
    PRIMARY KEY (account_uid, resource_kind, folded_name, tag_key)
) WITHOUT ROWID;

ALTER TABLE sessions ADD COLUMN source_identity TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_by_role ON sessions (account_uid, lower(role_name));
CREATE INDEX sessions_by_expiry ON sessions (expires_ms);
