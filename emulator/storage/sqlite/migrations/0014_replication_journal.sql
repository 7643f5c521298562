-- What replication did for each rule and has still to do, told without counting rows, and what
-- became of the promise of replication time control.

-- Plain numbers that one statement adds to; by destination, because a bucket of its name can come
-- anew. Destination 0: nothing was moved.
CREATE TABLE replication_stats (
    rule_uid        INTEGER NOT NULL,
    destination_id  INTEGER NOT NULL,
    objects         INTEGER NOT NULL,
    objects_bytes   INTEGER NOT NULL,
    history_objects INTEGER NOT NULL,
    history_bytes   INTEGER NOT NULL,
    retries         INTEGER NOT NULL,
    lag_sum_ms      INTEGER NOT NULL,
    lag_max_ms      INTEGER NOT NULL,
    rtc_objects     INTEGER NOT NULL,
    rtc_within      INTEGER NOT NULL,
    rtc_missed      INTEGER NOT NULL,
    rtc_caught_up   INTEGER NOT NULL,
    rtc_gone        INTEGER NOT NULL,
    rtc_lag_sum_ms  INTEGER NOT NULL,
    rtc_lag_max_ms  INTEGER NOT NULL,
    PRIMARY KEY (rule_uid, destination_id)
) WITHOUT ROWID;

-- Of all new objects, and once more (rtc = 1) of those under replication time control.
CREATE TABLE replication_latency (
    rule_uid INTEGER NOT NULL,
    rtc      INTEGER NOT NULL,
    bound_ms INTEGER NOT NULL,
    objects  INTEGER NOT NULL,
    PRIMARY KEY (rule_uid, rtc, bound_ms)
) WITHOUT ROWID;

-- What else was done, skipped and refused.
CREATE TABLE replication_counts (
    rule_uid INTEGER NOT NULL,
    noun     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (rule_uid, noun, name)
) WITHOUT ROWID;

-- Bytes that replication moved out of and into each bucket for rules that are gone; those of the
-- others are in replication_stats.
CREATE TABLE replication_traffic (
    bucket_id      INTEGER PRIMARY KEY,
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL
);

-- The stored tasks of each rule, counted as they come and go. ``history``: in whatever state.
CREATE TABLE replication_open (
    rule_uid      INTEGER PRIMARY KEY,
    queued        INTEGER NOT NULL,
    waiting       INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    history       INTEGER NOT NULL,
    pending_bytes INTEGER NOT NULL,  -- of those queued and waiting
    failed_bytes  INTEGER NOT NULL
);

INSERT INTO replication_open
SELECT rule_uid, sum(state = 'queued'), sum(state = 'waiting'), sum(state = 'failed'),
    sum(change_seq = 0), sum((state <> 'failed') * size_bytes), sum((state = 'failed') * size_bytes)
FROM replication_tasks GROUP BY rule_uid;

CREATE TRIGGER replication_open_failed AFTER UPDATE OF state ON replication_tasks
WHEN new.state = 'failed' AND old.state <> 'failed' BEGIN
    UPDATE replication_open SET waiting = waiting - 1, failed = failed + 1,
        pending_bytes = pending_bytes - old.size_bytes,
        failed_bytes = failed_bytes + old.size_bytes
    WHERE rule_uid = old.rule_uid;
END;

-- A row for each rule with replication time control.
CREATE TABLE replication_rtc (
    rule_uid     INTEGER PRIMARY KEY,
    asked_ms     INTEGER NOT NULL,
    effective_ms INTEGER,             -- known once the rule started and its history is copied
    waits        INTEGER NOT NULL DEFAULT 0,  -- 1: it has to wait for the history, or had to
    since_ms     INTEGER,             -- in effect since
    checked_seq  INTEGER NOT NULL DEFAULT 0,  -- of changes up to here: stored ones are noted as late
    due_ms       INTEGER              -- when to look at it; NULL: when something happens
);

CREATE INDEX replication_rtc_due ON replication_rtc (due_ms) WHERE due_ms IS NOT NULL;

INSERT INTO replication_rtc (rule_uid, asked_ms, due_ms)
SELECT uid, created_ms, starts_ms FROM replication_rules
WHERE json_extract(spec_json, '$.rtc') <> 'disabled' AND state <> 'closing';

-- The newest objects of each rule that were late.
CREATE TABLE replication_misses (
    rule_uid   INTEGER NOT NULL,
    change_seq INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    version_id TEXT    NOT NULL,
    size_bytes INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,  -- when the client wrote it
    missed_ms  INTEGER NOT NULL,  -- when the threshold passed
    ended_ms   INTEGER,           -- when it arrived, or turned out to ask for nothing
    ending     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (rule_uid, change_seq)
) WITHOUT ROWID;

CREATE TRIGGER replication_journal_goes AFTER DELETE ON replication_rules BEGIN
    INSERT INTO replication_traffic (bucket_id, sent_bytes, received_bytes)
        SELECT id, moved.bytes, 0 FROM buckets JOIN
            (SELECT sum(objects_bytes + history_bytes) AS bytes
             FROM replication_stats WHERE rule_uid = old.uid) AS moved
        WHERE id = old.source_bucket_id AND moved.bytes > 0
        ON CONFLICT (bucket_id) DO UPDATE SET sent_bytes = sent_bytes + excluded.sent_bytes;
    INSERT INTO replication_traffic (bucket_id, sent_bytes, received_bytes)
        SELECT id, 0, objects_bytes + history_bytes FROM replication_stats
        JOIN buckets ON buckets.id = destination_id
        WHERE rule_uid = old.uid AND objects_bytes + history_bytes > 0
        ON CONFLICT (bucket_id) DO UPDATE SET
            received_bytes = received_bytes + excluded.received_bytes;
    DELETE FROM replication_stats WHERE rule_uid = old.uid;
    DELETE FROM replication_latency WHERE rule_uid = old.uid;
    DELETE FROM replication_counts WHERE rule_uid = old.uid;
    DELETE FROM replication_open WHERE rule_uid = old.uid;
    DELETE FROM replication_rtc WHERE rule_uid = old.uid;
    DELETE FROM replication_misses WHERE rule_uid = old.uid;
END;

CREATE TRIGGER replication_traffic_goes AFTER DELETE ON buckets BEGIN
    DELETE FROM replication_traffic WHERE bucket_id = old.id;
END;
