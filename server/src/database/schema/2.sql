-- Step 2. What is kept how long (src/retention.rs).

-- When the last export of all plays began that was read to its end: what came before it is elsewhere too.
ALTER TABLE server ADD COLUMN exported_utc_ms BIGINT;

-- Up to which play of a device rows were taken away. One that comes again and is not there was counted long ago.
CREATE TABLE plays_trimmed (
    device TEXT PRIMARY KEY,
    run    BIGINT NOT NULL,
    seq    BIGINT NOT NULL
);

CREATE INDEX plays_came ON plays (came_utc_ms);
CREATE INDEX commands_given ON commands (given_utc_ms);
CREATE INDEX commands_answered ON commands (ended_utc_ms) WHERE answer IS NOT NULL;
CREATE INDEX presences_at ON presences (utc_ms);
