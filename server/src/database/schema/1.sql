-- Step 1. Written in what SQLite and PostgreSQL have in common. *_utc_ms are ms since 1970. Rows that others name are not
-- deleted but marked, so that what was played stays told.

CREATE TABLE server (
    one         BIGINT PRIMARY KEY,
    epoch       BIGINT NOT NULL, -- rises when the database is restored from a backup
    made_utc_ms BIGINT NOT NULL
);

CREATE TABLE accounts (
    name        TEXT PRIMARY KEY,
    hash        TEXT NOT NULL UNIQUE, -- SHA-256 of the token
    role        TEXT NOT NULL,        -- admin, operator, viewer
    made_utc_ms BIGINT NOT NULL
);

CREATE TABLE places (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    local       TEXT NOT NULL, -- what is the place's own, as JSON: zone, hours, exceptions, territory, trim
    made_utc_ms BIGINT NOT NULL
);

CREATE TABLE devices (
    id             TEXT PRIMARY KEY,
    public         TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    board          TEXT NOT NULL,
    place          TEXT REFERENCES places (id),
    last_epoch     BIGINT NOT NULL, -- of its last command
    last_number    BIGINT NOT NULL,
    boot_id        TEXT NOT NULL,   -- of its last heartbeat
    seen_utc_ms    BIGINT,
    presence       TEXT NOT NULL,
    reason         TEXT NOT NULL,
    since_utc_ms   BIGINT NOT NULL,
    made_utc_ms    BIGINT NOT NULL,
    deleted_utc_ms BIGINT,
    replaced_by    TEXT
);

-- Boots that a device had before: one of them that comes again is another board with the same card.
CREATE TABLE boots (
    device  TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    utc_ms  BIGINT NOT NULL, -- when it was followed by another one
    PRIMARY KEY (device, boot_id)
);

CREATE TABLE device_tokens (
    hash        TEXT PRIMARY KEY,
    device      TEXT NOT NULL REFERENCES devices (id),
    made_utc_ms BIGINT NOT NULL,
    ends_utc_ms BIGINT -- NULL: the newest one
);

CREATE TABLE enrolment_tokens (
    hash        TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    place       TEXT REFERENCES places (id),
    uses_left   BIGINT NOT NULL,
    ends_utc_ms BIGINT NOT NULL,
    made_utc_ms BIGINT NOT NULL
);

CREATE TABLE members (
    group_name TEXT NOT NULL,
    device     TEXT NOT NULL REFERENCES devices (id),
    PRIMARY KEY (group_name, device)
);

CREATE TABLE commands (
    device           TEXT NOT NULL,
    epoch            BIGINT NOT NULL,
    number           BIGINT NOT NULL,
    batch            TEXT NOT NULL, -- all that were given at once
    method           TEXT NOT NULL,
    text             TEXT NOT NULL, -- the exact bytes that are signed
    state            TEXT NOT NULL, -- queued, delivered, done, failed, expired
    reason           TEXT NOT NULL,
    answer           TEXT,
    given_by         TEXT NOT NULL,
    given_utc_ms     BIGINT NOT NULL,
    ends_utc_ms      BIGINT NOT NULL,
    delivered_utc_ms BIGINT,
    ended_utc_ms     BIGINT,
    PRIMARY KEY (device, epoch, number)
);
CREATE INDEX commands_open ON commands (device, number) WHERE state = 'queued' OR state = 'delivered';
CREATE INDEX commands_batch ON commands (batch);

CREATE TABLE presences (
    device   TEXT NOT NULL,
    utc_ms   BIGINT NOT NULL,
    presence TEXT NOT NULL,
    reason   TEXT NOT NULL
);
CREATE INDEX presences_device ON presences (device, utc_ms);

-- Rows outlive the devices, places and songs that they name; so they refer to nothing.
CREATE TABLE plays (
    device         TEXT NOT NULL,
    run            BIGINT NOT NULL,
    seq            BIGINT NOT NULL,
    place          TEXT NOT NULL,
    recording      TEXT NOT NULL,
    kind           TEXT NOT NULL,
    how            TEXT NOT NULL,
    started_utc_ms BIGINT, -- NULL where nobody knew the time
    heard_ms       BIGINT NOT NULL,
    audible_ms     BIGINT NOT NULL,
    came_utc_ms    BIGINT NOT NULL,
    record         TEXT NOT NULL, -- all of it, as it came
    PRIMARY KEY (device, run, seq)
);
CREATE INDEX plays_started ON plays (started_utc_ms);

CREATE TABLE hours (
    hour       BIGINT NOT NULL, -- since 1970; -1 where nobody knew the time
    place      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    plays      BIGINT NOT NULL, -- that were not missed
    missed     BIGINT NOT NULL,
    heard_ms   BIGINT NOT NULL,
    audible_ms BIGINT NOT NULL,
    PRIMARY KEY (hour, place, kind)
);

CREATE TABLE blobs (
    sha256      TEXT PRIMARY KEY,
    size        BIGINT NOT NULL,
    made_utc_ms BIGINT NOT NULL
);

CREATE TABLE releases (
    place       TEXT NOT NULL REFERENCES places (id),
    epoch       BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    offer       TEXT NOT NULL,
    manifest    TEXT NOT NULL,
    size        BIGINT NOT NULL, -- of its blobs
    made_by     TEXT NOT NULL,
    made_utc_ms BIGINT NOT NULL,
    PRIMARY KEY (place, epoch, number)
);
