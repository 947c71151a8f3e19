-- Portable types only, so that one set of queries serves SQLite and PostgreSQL: uuid and JSON as
-- TEXT, times as BIGINT milliseconds since the Unix epoch, yes and no as INTEGER 1 and 0.
-- The file of the other database is the same, byte for byte; a test compares them.

CREATE TABLE organisations (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

-- One row once the first owner exists: the primary key is what makes the setup link one-time.
CREATE TABLE setup (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    completed_at_ms BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
    password_hash TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX users_by_organisation ON users (organisation_id);

-- A family is one sign-in on one browser; it dies as a whole.
CREATE TABLE refresh_families (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    created_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT
);
CREATE INDEX refresh_families_by_user ON refresh_families (user_id);

CREATE TABLE refresh_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    family_id TEXT NOT NULL REFERENCES refresh_families (id),
    issued_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    rotated_at_ms BIGINT
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT,
    revoked_at_ms BIGINT
);
CREATE INDEX api_keys_by_organisation ON api_keys (organisation_id, created_at_ms);

CREATE TABLE rooms (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    title TEXT NOT NULL,
    created_by TEXT,
    created_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT
);
CREATE INDEX rooms_by_organisation ON rooms (organisation_id, created_at_ms);

CREATE TABLE invites (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    room_id TEXT NOT NULL REFERENCES rooms (id),
    token_hash TEXT NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT
);
CREATE INDEX invites_by_room ON invites (room_id);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    room_id TEXT NOT NULL REFERENCES rooms (id),
    title TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_grant_at_ms BIGINT NOT NULL,
    started_at_ms BIGINT,
    ended_at_ms BIGINT
);
CREATE INDEX sessions_by_organisation ON sessions (organisation_id, started_at_ms);
-- A room has one open session at a time.
CREATE UNIQUE INDEX sessions_open_by_room ON sessions (room_id) WHERE ended_at_ms IS NULL;
CREATE INDEX sessions_by_room ON sessions (room_id, created_at_ms);

CREATE TABLE participants (
    id TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    user_id TEXT,
    invited_at_ms BIGINT NOT NULL,
    joined_at_ms BIGINT,
    left_at_ms BIGINT,
    removed_at_ms BIGINT,
    PRIMARY KEY (session_id, id)
);

CREATE TABLE recordings (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    room_id TEXT NOT NULL REFERENCES rooms (id),
    session_id TEXT NOT NULL REFERENCES sessions (id),
    status TEXT NOT NULL,
    started_by TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    started_at_ms BIGINT,
    ended_at_ms BIGINT,
    progress_percent INTEGER,
    problem TEXT,
    health TEXT
);
CREATE INDEX recordings_by_session ON recordings (session_id, created_at_ms);
-- A room is recorded once at a time.
CREATE UNIQUE INDEX recordings_running_by_room ON recordings (room_id)
    WHERE status IN ('starting', 'recording');

CREATE TABLE recorded_files (
    recording_id TEXT NOT NULL REFERENCES recordings (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    object_key TEXT NOT NULL,
    content_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    track TEXT,
    name TEXT,
    PRIMARY KEY (recording_id, position)
);

CREATE TABLE idempotency_keys (
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    caller TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    status INTEGER,
    body TEXT,
    PRIMARY KEY (organisation_id, caller, idempotency_key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (organisation_id, created_at_ms);

-- What the deployment has heard of a node; the one table that belongs to no organisation.
CREATE TABLE event_cursors (
    node TEXT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL,
    last_at_us BIGINT NOT NULL
);
