-- Step 1: runs, the play log, the queue, the place in the song, the settings.
--
-- A step is never changed once it was released; what is new goes into a new step, and steps only ever ADD: tables,
-- indexes, columns that are nullable or have a default. Never a rename, a drop, a trigger, a CHECK on words or
-- another meaning for what is there; for after a fall-back the version before opens the same file and writes to it.
--
-- Numbers: *_ms are milliseconds; *_mono_ms count from the kernel's start (CLOCK_BOOTTIME) and can be compared within
-- one boot only; *_wall_ms count from 1970-01-01T00:00Z and are NULL where nobody has set the clock.
-- Paths are BLOBs, since a name on a disk need not be UTF-8.

-- Every start of the device. Numbers rise; one is used once.
CREATE TABLE runs (
    run             INTEGER PRIMARY KEY,
    boot_id         TEXT    NOT NULL, -- the kernel's name for its boot; '' where there was none to be had
    started_mono_ms INTEGER NOT NULL,
    started_wall_ms INTEGER,
    version         TEXT    NOT NULL  -- of this program
) STRICT;

-- The play log: one row a play. It is inserted at the start and filled in at the end; a row without `how` is open.
-- Rows are facts: they outlive what they name, and nothing rewrites them.
CREATE TABLE plays (
    run             INTEGER NOT NULL,
    seq             INTEGER NOT NULL, -- from 1 within the run
    path            BLOB    NOT NULL,
    size            INTEGER NOT NULL, -- bytes; with modified_ms the file's identity until it is hashed
    modified_ms     INTEGER NOT NULL, -- since 1970
    title           TEXT,             -- by the tags
    artist          TEXT,
    album           TEXT,
    started_mono_ms INTEGER NOT NULL,
    started_wall_ms INTEGER,
    duration_ms     INTEGER,          -- of the file, where that is known
    start_offset_ms INTEGER NOT NULL, -- where in the file it began
    output          TEXT    NOT NULL,
    volume_db       REAL,             -- of full scale; NULL when muted or at 0
    chosen_by       TEXT    NOT NULL, -- queue, user, resume; later versions may add words
    continues_run   INTEGER,          -- the play that was cut off and that this one goes on with
    continues_seq   INTEGER,
    ended_mono_ms   INTEGER,
    heard_ms        INTEGER,          -- milliseconds of it that were played
    audible_ms      INTEGER,          -- of these: to a real output, with a gain above 0, unmuted
    how             TEXT,             -- finished, skipped, cut, failed, power, crash; later versions may add words
    reason          TEXT,             -- one sentence or ''
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- What a start has to close, found without reading years of log.
CREATE INDEX plays_open ON plays (run, seq) WHERE how IS NULL;

-- The queue. `added` and `place` are ranks with gaps between them, not positions: an entry that comes in between two
-- others is one row, not twenty thousand. They are two tables since a shuffle rewrites every place and no path.
CREATE TABLE entries (
    id    INTEGER PRIMARY KEY,
    path  BLOB    NOT NULL,
    added INTEGER NOT NULL -- rank in the order of adding
) STRICT;
CREATE TABLE places (
    entry INTEGER PRIMARY KEY,
    place INTEGER NOT NULL -- rank in the playing order
) STRICT;
CREATE TABLE queue (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    current    INTEGER,         -- the entry that plays or would play
    next_entry INTEGER NOT NULL -- numbers of entries are never used again
) STRICT;

-- Where it plays; written again and again, so it has a page of its own.
CREATE TABLE checkpoint (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    at_mono_ms  INTEGER NOT NULL,
    entry       INTEGER NOT NULL,
    position_ms INTEGER NOT NULL,
    playing     INTEGER NOT NULL, -- 0 or 1
    play_run    INTEGER,          -- the open play, and what was heard of it so far
    play_seq    INTEGER,
    heard_ms    INTEGER,
    audible_ms  INTEGER
) STRICT;

-- What people set.
CREATE TABLE settings (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    volume       INTEGER NOT NULL, -- 0-100
    muted        INTEGER NOT NULL, -- 0 or 1
    repeat       TEXT    NOT NULL, -- off, all, one; later versions may add words
    shuffle      INTEGER NOT NULL, -- 0 or 1
    crossfade_ms INTEGER NOT NULL,
    seed         INTEGER NOT NULL  -- the bits of an unsigned number
) STRICT;
