-- Step 3. What the board that comes after a device begins with.

ALTER TABLE devices ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'; -- what people have set on it, as `settings` takes it
