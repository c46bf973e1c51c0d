-- Step 5: what a part remembers in pieces, so that only those are written that have changed.
CREATE TABLE memory_pieces (
    name  TEXT NOT NULL, -- whose, as in `memories`
    piece TEXT NOT NULL, -- its name for it
    text  TEXT NOT NULL,
    PRIMARY KEY (name, piece)
) STRICT, WITHOUT ROWID;
