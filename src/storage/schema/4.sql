-- Step 4: what the program says of a play, and how far the time in its row is to be believed. All of it is NULL in rows of
-- the versions before, and where no program decided.
ALTER TABLE plays ADD COLUMN kind TEXT NOT NULL DEFAULT 'music'; -- music, spot; later versions may add words
ALTER TABLE plays ADD COLUMN place TEXT;        -- the place's id
ALTER TABLE plays ADD COLUMN zone TEXT;         -- the place's time zone by its IANA name
ALTER TABLE plays ADD COLUMN territory TEXT;    -- the country whose rights held
ALTER TABLE plays ADD COLUMN recording TEXT;    -- the recording's id
ALTER TABLE plays ADD COLUMN blob BLOB;         -- SHA-256 of the file, where it was measured
ALTER TABLE plays ADD COLUMN daypart TEXT;      -- that held when it began
ALTER TABLE plays ADD COLUMN playlist TEXT;     -- that it was chosen from
ALTER TABLE plays ADD COLUMN position INTEGER;  -- its place there, from 0
ALTER TABLE plays ADD COLUMN loosened TEXT;     -- what was not kept when it was chosen: a JSON array
ALTER TABLE plays ADD COLUMN choice INTEGER;    -- the number of the choice, with which chance can be repeated
ALTER TABLE plays ADD COLUMN spot TEXT;         -- the spot's id
ALTER TABLE plays ADD COLUMN campaign TEXT;     -- that it counts for
ALTER TABLE plays ADD COLUMN scheduled_wall_ms INTEGER; -- when the spot was due
ALTER TABLE plays ADD COLUMN break_position INTEGER;    -- of the spot in its break, from 1
-- trusted: started_wall_ms is by a clock that was believed. floor, none: nobody knew the time, started_wall_ms is NULL.
-- later: it was NULL and was filled in when the time became known in the same boot.
ALTER TABLE plays ADD COLUMN clock TEXT;
ALTER TABLE plays ADD COLUMN wall_uncertainty_ms INTEGER;
ALTER TABLE plays ADD COLUMN local_date TEXT;   -- at the place, when it began: 2026-12-24
ALTER TABLE plays ADD COLUMN offset_s INTEGER;  -- that local time was ahead of UTC then

-- What is to be filled in, found without reading years of log.
CREATE INDEX plays_untimed ON plays (run, seq) WHERE started_wall_ms IS NULL;
