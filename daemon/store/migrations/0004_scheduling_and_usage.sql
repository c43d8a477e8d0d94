-- Owners, devices, pauses, automatic retries, one usage row a run, and the thinning of old metrics.

ALTER TABLE jobs ADD COLUMN owner           TEXT    NOT NULL DEFAULT 'local'; -- who the job is charged to
ALTER TABLE jobs ADD COLUMN wanted_device   TEXT    NOT NULL DEFAULT '';      -- a kind or a name; empty: created before there was a choice
ALTER TABLE jobs ADD COLUMN device          TEXT    NOT NULL DEFAULT '';      -- that it runs on or last ran on
ALTER TABLE jobs ADD COLUMN memory_bytes    INTEGER NOT NULL DEFAULT 0;       -- of the device: estimated, and then as the worker told
ALTER TABLE jobs ADD COLUMN queued_at       INTEGER NOT NULL DEFAULT 0;       -- since when it waits, for aging
ALTER TABLE jobs ADD COLUMN not_before      INTEGER;                          -- it is not started earlier
ALTER TABLE jobs ADD COLUMN attempts        INTEGER NOT NULL DEFAULT 0;       -- runs started
ALTER TABLE jobs ADD COLUMN retries         INTEGER NOT NULL DEFAULT 0;       -- after crashes, since a person last asked
ALTER TABLE jobs ADD COLUMN waiting         TEXT CHECK (waiting IS NULL OR json_valid(waiting));
ALTER TABLE jobs ADD COLUMN pause_requested TEXT CHECK (pause_requested IS NULL OR json_valid(pause_requested)); -- a running job that was told to pause
ALTER TABLE jobs ADD COLUMN crash_signature TEXT    NOT NULL DEFAULT '';      -- how the last run crashed; empty: it did not
ALTER TABLE jobs ADD COLUMN crash_step      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN thin_every      INTEGER NOT NULL DEFAULT 0;       -- above 0: only such steps' metrics are sure to be left, so cursors have holes
ALTER TABLE jobs ADD COLUMN thinned_at      INTEGER;                          -- when that was finished
ALTER TABLE jobs ADD COLUMN deleting        INTEGER NOT NULL DEFAULT 0 CHECK (deleting IN (0, 1)); -- being removed, in several transactions

-- The same rows as before, since a check ties completed_at to the status; a list of states here costs time at every change.
DROP INDEX jobs_living_name;
CREATE UNIQUE INDEX jobs_living_name ON jobs (name) WHERE completed_at IS NULL;

-- Covers the search for jobs whose metrics are old.
CREATE INDEX jobs_thinnable ON jobs (completed_at, step, id) WHERE completed_at IS NOT NULL AND thinned_at IS NULL;
CREATE INDEX jobs_deleting ON jobs (id) WHERE deleting = 1;

ALTER TABLE adapters ADD COLUMN owner TEXT NOT NULL DEFAULT 'local';
CREATE INDEX adapters_owner ON adapters (owner, size_bytes);

ALTER TABLE usage RENAME TO usage_of_jobs;

-- One run of a job on a device. It outlives its job: what was used stays used.
CREATE TABLE usage (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id         TEXT    NOT NULL,
    name           TEXT    NOT NULL,                       -- of the job
    owner          TEXT    NOT NULL,
    device         TEXT    NOT NULL,                       -- empty: not known
    attempt        INTEGER NOT NULL CHECK (attempt >= 1),  -- 1 is the job's first run
    began_at       INTEGER NOT NULL,
    ended_at       INTEGER,                                -- NULL while it runs
    reserved_bytes INTEGER NOT NULL DEFAULT 0,             -- of the device's memory, when it was started
    peak_memory    INTEGER NOT NULL DEFAULT 0,             -- likewise, as the worker told; 0: it did not
    steps          INTEGER NOT NULL DEFAULT 0,             -- that were new
    tokens         INTEGER NOT NULL DEFAULT 0,             -- of those
    outcome        TEXT CHECK (outcome IN ('queued', 'paused', 'completed', 'failed', 'cancelled')), -- the job's state after it
    UNIQUE (job_id, attempt),
    CHECK (ended_at IS NULL OR ended_at >= began_at),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

CREATE UNIQUE INDEX usage_open ON usage (job_id) WHERE ended_at IS NULL;
CREATE INDEX usage_began_at ON usage (began_at);
CREATE INDEX usage_ended_at ON usage (ended_at);

INSERT INTO usage (job_id, name, owner, device, attempt, began_at, ended_at, steps, tokens, outcome)
SELECT u.job_id, j.name, coalesce(k.name, 'local'), u.device, 1, u.created_at - CAST(u.train_seconds * 1000000 AS INTEGER), u.created_at, j.step, u.tokens,
    CASE WHEN j.status = 'running' THEN 'queued' ELSE j.status END
FROM usage_of_jobs AS u JOIN jobs AS j ON j.id = u.job_id LEFT JOIN api_keys AS k ON k.id = u.api_key_id
ORDER BY u.created_at;

UPDATE jobs SET cancel_requested_at = NULL WHERE status <> 'running'; -- until now it was kept
UPDATE jobs SET queued_at = created_at,
    attempts = (SELECT count(*) FROM usage AS u WHERE u.job_id = jobs.id);
UPDATE jobs SET attempts = attempts + 1 WHERE status = 'running' OR attempts = 0 AND started_at IS NOT NULL;

-- A job that ran when the older program ended has a run that is open, and the daemon will close it.
INSERT INTO usage (job_id, name, owner, device, attempt, began_at, steps, tokens)
SELECT j.id, j.name, j.owner, '', j.attempts, coalesce(j.started_at, j.created_at),
    (SELECT count(*) FROM training_metrics AS m WHERE m.job_id = j.id), (SELECT coalesce(sum(m.tokens), 0) FROM training_metrics AS m WHERE m.job_id = j.id)
FROM jobs AS j WHERE j.status = 'running';

DROP TABLE usage_of_jobs;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL CHECK (json_valid(value))
) WITHOUT ROWID;
