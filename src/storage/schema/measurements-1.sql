-- measurements.sqlite, step 1: what was measured of files. All of it can be measured again; that is why it has a file of its
-- own, which is deleted when it is damaged, and which `orchestrion scan` may write while a device runs.
--
-- Additive only, as the steps of state.sqlite. Paths are BLOBs, since a name on a disk need not be UTF-8. `used` is the number
-- of the opening of this file in which a row was last wanted; the lowest go first when there are too many.

-- What a content is. `version` is that of the measuring; a row of another version is as good as none.
CREATE TABLE measurements (
    blob           BLOB    PRIMARY KEY, -- SHA-256 of all bytes, 32 bytes
    version        INTEGER NOT NULL,
    duration_ms    INTEGER NOT NULL,    -- as decoded
    loudness_lufs  REAL,                -- integrated; NULL, as the next two: silence
    loudest_lufs   REAL,                -- highest short-term
    true_peak_dbtp REAL,
    head_ms        INTEGER NOT NULL,    -- cue points, from the start
    tail_ms        INTEGER NOT NULL,
    swing_end_ms   INTEGER NOT NULL,
    silence_ms     INTEGER NOT NULL,    -- the longest between head and tail
    used           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX measurements_used ON measurements (used);

-- Which content a file had when it was measured. Another size or time means another content.
CREATE TABLE files (
    path        BLOB    PRIMARY KEY,
    size        INTEGER NOT NULL, -- bytes
    modified_ms INTEGER NOT NULL, -- since 1970
    blob        BLOB    NOT NULL,
    used        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_used ON files (used);
