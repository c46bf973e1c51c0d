-- Step 3: what parts of the device remember over a restart, each in one row: its name, and a text of its own making.
CREATE TABLE memories (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
