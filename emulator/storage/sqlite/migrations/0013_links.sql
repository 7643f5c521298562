-- Tasks that have to pass a link before they are due, and how long replication is to take.

ALTER TABLE replication_tasks ADD COLUMN lane TEXT;  -- NULL: due at due_ms

DROP INDEX replication_tasks_due;
CREATE INDEX replication_tasks_due ON replication_tasks (due_ms)
    WHERE state <> 'queued' AND lane IS NULL;
-- New data before historical data, each in the order in which it may begin.
CREATE INDEX replication_tasks_lane ON replication_tasks (lane, (change_seq = 0), due_ms, id)
    WHERE lane IS NOT NULL AND state <> 'queued';

CREATE TABLE replication_timing (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    document TEXT    NOT NULL,
    version  INTEGER NOT NULL  -- another one whenever the document changes
);
