-- Events of buckets with notification rules: one row for each rule that reports it.

-- `message` is what the rule's endpoint is sent; `state` one of none, waiting, delivered, failed.
CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id  INTEGER NOT NULL,
    rule_id    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL,
    message    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_ms     INTEGER NOT NULL DEFAULT 0,
    last_error TEXT    NOT NULL DEFAULT ''
);

CREATE INDEX events_of_bucket ON events (bucket_id, seq);
CREATE INDEX events_waiting ON events (bucket_id, rule_id, seq) WHERE state = 'waiting';

CREATE TRIGGER events_go AFTER DELETE ON buckets BEGIN
    DELETE FROM events WHERE bucket_id = old.id;
END;
