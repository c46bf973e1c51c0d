-- Step 6: the release that was on the air. NULL in rows of the versions before, and where no release was.
ALTER TABLE plays ADD COLUMN release_epoch INTEGER;
ALTER TABLE plays ADD COLUMN release_number INTEGER;
