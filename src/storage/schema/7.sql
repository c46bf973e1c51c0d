-- Step 7: what was seen. Rows of kind film and picture are of half an hour: all showings of a file in it that have the same
-- reasons. NULL in rows of the versions before, and of what is only heard.
ALTER TABLE plays ADD COLUMN visible_ms INTEGER;       -- of it on a screen that was there and on
ALTER TABLE plays ADD COLUMN showings INTEGER;         -- that began in it
ALTER TABLE plays ADD COLUMN frames_expected INTEGER;  -- that were due
ALTER TABLE plays ADD COLUMN frames_presented INTEGER; -- of these, that were shown
