-- The first schema. Times are microseconds since 1970-01-01 UTC; JSON columns hold the wire types of package protocol.

CREATE TABLE jobs (
    sequence            INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of creation: first in, first out, and newest first
    id                  TEXT    NOT NULL UNIQUE,
    name                TEXT    NOT NULL,
    request_id          TEXT    UNIQUE,                    -- NULL when the client gave none
    status              TEXT    NOT NULL
        CHECK (status IN ('queued', 'running', 'paused', 'completed', 'failed', 'cancelled')),
    phase               TEXT    NOT NULL DEFAULT '',
    progress            REAL    NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    step                INTEGER NOT NULL DEFAULT 0,        -- optimizer steps done; also the last step in training_metrics
    total_steps         INTEGER NOT NULL DEFAULT 0,
    priority            INTEGER NOT NULL DEFAULT 0,
    base_model          TEXT    NOT NULL,                  -- as the user named it
    model_path          TEXT    NOT NULL,                  -- where that was found
    train_data          TEXT    NOT NULL,
    val_data            TEXT    NOT NULL DEFAULT '',
    spec                TEXT    NOT NULL CHECK (json_valid(spec)),
    config              TEXT    NOT NULL CHECK (json_valid(config)),
    reasons             TEXT    NOT NULL CHECK (json_valid(reasons)),
    warnings            TEXT    NOT NULL CHECK (json_valid(warnings)),
    plan                TEXT    CHECK (plan IS NULL OR json_valid(plan)),
    summary             TEXT    CHECK (summary IS NULL OR json_valid(summary)),
    error               TEXT    CHECK (error IS NULL OR json_valid(error)),
    adapter_id          TEXT    UNIQUE,                    -- allotted before the worker starts, so that its directory is known
    created_at          INTEGER NOT NULL,
    started_at          INTEGER,
    completed_at        INTEGER,
    estimated_finish    INTEGER,
    cancel_requested_at INTEGER,                           -- a running job that was told to stop
    last_cursor         INTEGER NOT NULL DEFAULT 0,        -- of the job's newest event
    CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled')))
);

CREATE UNIQUE INDEX jobs_living_name ON jobs (name) WHERE status IN ('queued', 'running', 'paused');
CREATE INDEX jobs_name ON jobs (name, sequence);
CREATE INDEX jobs_status ON jobs (status, sequence);
CREATE INDEX jobs_base_model ON jobs (base_model, sequence);

-- A row stands only while its directory does: it is written after the directory is whole.
CREATE TABLE adapters (
    id            TEXT    PRIMARY KEY,
    job_id        TEXT    NOT NULL UNIQUE REFERENCES jobs (id),
    name          TEXT    NOT NULL,
    local_path    TEXT    NOT NULL,
    hub_model_id  TEXT    NOT NULL DEFAULT '',
    base_model    TEXT    NOT NULL,
    train_config  TEXT    NOT NULL CHECK (json_valid(train_config)),
    metrics       TEXT    NOT NULL CHECK (json_valid(metrics)),
    adapter_files TEXT    NOT NULL CHECK (json_valid(adapter_files)),
    size_bytes    INTEGER NOT NULL,
    sha256        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX adapters_name ON adapters (name, created_at);
CREATE INDEX adapters_created_at ON adapters (created_at);

-- One optimizer step. NULL in a REAL column is a number that was not a number. Each row is also an event of its job.
CREATE TABLE training_metrics (
    job_id              TEXT    NOT NULL REFERENCES jobs (id),
    step                INTEGER NOT NULL,
    cursor              INTEGER NOT NULL,
    epoch               REAL,
    data_bpt            REAL,
    param_bpt           REAL,
    total_bpt           REAL,
    s_ratio             REAL,
    s_smoothed          REAL,
    lambda_value        REAL,
    integral            REAL,
    learning_rate       REAL,
    loss                REAL,
    grad_norm           REAL,
    tokens              INTEGER NOT NULL,
    target_tokens       INTEGER NOT NULL,
    tokens_per_second   REAL,
    eta_minutes         REAL,
    val_data_bpt        REAL,                              -- NULL: not measured at this step; infinite: not finite
    device_memory_bytes INTEGER NOT NULL,
    non_finite          INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    PRIMARY KEY (job_id, step)
) WITHOUT ROWID;

CREATE UNIQUE INDEX training_metrics_cursor ON training_metrics (job_id, cursor);

-- Every event but the metrics. Cursors of both tables together count 1, 2, 3 … in a job.
CREATE TABLE events (
    job_id     TEXT    NOT NULL REFERENCES jobs (id),
    cursor     INTEGER NOT NULL,
    type       TEXT    NOT NULL CHECK (type IN ('state', 'plan', 'eval', 'log', 'warning')),
    payload    TEXT    NOT NULL CHECK (json_valid(payload)),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, cursor)
) WITHOUT ROWID;

CREATE INDEX events_type ON events (job_id, type, cursor);

CREATE TABLE api_keys (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    key_sha256 TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) WITHOUT ROWID;

CREATE TABLE usage (
    job_id        TEXT    PRIMARY KEY REFERENCES jobs (id),
    api_key_id    TEXT    REFERENCES api_keys (id),        -- NULL: the owner of the socket
    device        TEXT    NOT NULL,
    train_seconds REAL    NOT NULL,
    tokens        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) WITHOUT ROWID;
