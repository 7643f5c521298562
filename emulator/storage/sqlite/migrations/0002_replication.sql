-- Replication rules and the tasks that could not be carried out at once.
-- The conditions repeat the state tables of the replication room: a row that breaks them is a bug.

CREATE TABLE replication_rules (
    uid                INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused
    source_bucket_id   INTEGER NOT NULL,
    rule_id            TEXT    NOT NULL,
    destination_bucket TEXT    NOT NULL,
    state              TEXT    NOT NULL,
    spec_json          TEXT    NOT NULL,
    created_ms         INTEGER NOT NULL,
    starts_ms          INTEGER NOT NULL,
    closes_ms          INTEGER,
    cursor_seq         INTEGER NOT NULL,  -- the last change taken in
    last_seq           INTEGER,           -- the last change that may be taken in
    history_bound_seq  INTEGER NOT NULL,  -- versions up to here are history
    history_total      INTEGER NOT NULL DEFAULT 0,
    history_taken      INTEGER NOT NULL DEFAULT 0,
    history_at_key     TEXT    NOT NULL DEFAULT '',
    history_at_seq     INTEGER NOT NULL DEFAULT 0,
    history_done       INTEGER NOT NULL DEFAULT 0,
    history_due_ms     INTEGER NOT NULL DEFAULT 0,  -- refused reading is tried again then
    history_attempts   INTEGER NOT NULL DEFAULT 0,
    ahead_key          TEXT    NOT NULL DEFAULT '',  -- a key whose history is read out of turn,
    ahead_seq          INTEGER NOT NULL DEFAULT 0,   -- because a new change of it is waiting
    UNIQUE (source_bucket_id, rule_id),
    CHECK (state IN ('starting', 'doing', 'closing')),
    CHECK ((state = 'closing') = (closes_ms IS NOT NULL)),
    CHECK ((state = 'closing') = (last_seq IS NOT NULL)),
    CHECK (state <> 'starting' OR history_taken = 0)
);

CREATE INDEX replication_rules_to ON replication_rules (destination_bucket);

CREATE TABLE replication_tasks (
    id              INTEGER PRIMARY KEY,
    rule_uid        INTEGER NOT NULL,
    change_seq      INTEGER NOT NULL,  -- 0 for historical data
    bucket_id       INTEGER NOT NULL,
    key             TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    version_id      TEXT    NOT NULL,
    version_seq     INTEGER NOT NULL,
    at_ms           INTEGER NOT NULL,
    removed_kind    TEXT    NOT NULL,
    prior_tags_json TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    due_ms          INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    refusal_json    TEXT,
    UNIQUE (rule_uid, change_seq, version_seq),
    CHECK (state IN ('queued', 'waiting', 'failed')),
    CHECK ((state = 'failed') = (attempts > 0)),
    CHECK ((state = 'failed') = (refusal_json IS NOT NULL))
);

-- Only the first task of a rule and key may run.
CREATE UNIQUE INDEX replication_tasks_head ON replication_tasks (rule_uid, key)
    WHERE state <> 'queued';
CREATE INDEX replication_tasks_by_key ON replication_tasks (rule_uid, key);
CREATE INDEX replication_tasks_due ON replication_tasks (due_ms) WHERE state <> 'queued';

-- Rules go with their source bucket, tasks with their rule and changes with the last one that
-- reads them, whoever removes them.
CREATE TRIGGER replication_rules_go AFTER DELETE ON buckets BEGIN
    DELETE FROM replication_rules WHERE source_bucket_id = old.id;
    DELETE FROM changes WHERE bucket_id = old.id;
END;

CREATE TRIGGER replication_tasks_go AFTER DELETE ON replication_rules BEGIN
    DELETE FROM replication_tasks WHERE rule_uid = old.uid;
    DELETE FROM changes WHERE bucket_id = old.source_bucket_id AND NOT EXISTS
        (SELECT 1 FROM replication_rules WHERE source_bucket_id = old.source_bucket_id);
END;
