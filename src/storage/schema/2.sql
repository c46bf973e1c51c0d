-- Step 2: the defaults of the configuration that were in force when the settings were kept, so that the next start sees
-- which of them somebody has changed in the file. NULL: kept by the version before.
ALTER TABLE settings ADD COLUMN default_volume INTEGER;
ALTER TABLE settings ADD COLUMN default_repeat TEXT;
ALTER TABLE settings ADD COLUMN default_shuffle INTEGER;
ALTER TABLE settings ADD COLUMN default_crossfade_ms INTEGER;
