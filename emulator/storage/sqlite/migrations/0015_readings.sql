-- Rules of a bucket that stand at the same change read on together: they share a reading, whose
-- cursor moves for all of them at once. What there is to do is found by index, not rule by rule.

CREATE TABLE replication_readings (
    id         INTEGER PRIMARY KEY,  -- from next_seq(): never reused
    bucket_id  INTEGER NOT NULL,
    cursor_seq INTEGER NOT NULL,     -- the last change taken in
    until_seq  INTEGER,              -- the last change that may be taken in
    unread     INTEGER NOT NULL,     -- there may be changes after the cursor
    version    INTEGER NOT NULL      -- another one whenever its rules change; from next_seq()
);

CREATE INDEX replication_readings_of ON replication_readings (bucket_id, cursor_seq);
CREATE INDEX replication_readings_unread ON replication_readings (id) WHERE unread = 1;

-- Without a reading a rule has not started, or has nothing more to read. A rule that is ahead of
-- its reading, because not all of them fitted into one transaction, has a higher cursor_seq.
ALTER TABLE replication_rules ADD COLUMN reading INTEGER;

INSERT INTO replication_readings (id, bucket_id, cursor_seq, until_seq, unread, version)
SELECT (SELECT value FROM counters WHERE name = 'seq') + row_number() OVER (),
       source_bucket_id, cursor_seq, last_seq, 1, 0
FROM (SELECT DISTINCT source_bucket_id, cursor_seq, last_seq FROM replication_rules
      WHERE state <> 'starting' AND cursor_seq < ifnull(last_seq, cursor_seq + 1));
UPDATE counters SET value = value + (SELECT count(*) FROM replication_readings)
WHERE name = 'seq';
UPDATE replication_rules SET reading =
    (SELECT id FROM replication_readings AS reading
     WHERE reading.bucket_id = replication_rules.source_bucket_id
       AND reading.cursor_seq = replication_rules.cursor_seq
       AND reading.until_seq IS replication_rules.last_seq)
WHERE state <> 'starting';

CREATE INDEX replication_rules_reading ON replication_rules (reading) WHERE reading IS NOT NULL;
CREATE INDEX replication_rules_starting ON replication_rules (starts_ms) WHERE state = 'starting';
CREATE INDEX replication_rules_held ON replication_rules (source_bucket_id, cursor_seq)
    WHERE state = 'starting';
CREATE INDEX replication_rules_closing ON replication_rules (closes_ms) WHERE state = 'closing';
CREATE INDEX replication_rules_history ON replication_rules (history_due_ms)
    WHERE state = 'doing' AND history_done = 0;

CREATE TRIGGER replication_readings_go AFTER DELETE ON replication_rules
WHEN old.reading IS NOT NULL BEGIN
    DELETE FROM replication_readings WHERE id = old.reading
        AND NOT EXISTS (SELECT 1 FROM replication_rules WHERE reading = old.reading);
END;

-- The history of a rule is counted when the rule is made, no longer when it starts.
UPDATE replication_rules SET history_total =
    (SELECT count(*) FROM versions
     WHERE versions.bucket_id = source_bucket_id AND versions.seq <= history_bound_seq)
WHERE state = 'starting';
